"""Certificates in run folders, and the keys by which they are bound to judges."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import ValidationError

from judge.costs.spending import Spending
from judge.errors import InputError
from judge.files.damage import change_in
from judge.files.files import write_json
from judge.files.limits import read_whole
from judge.files.sealing import unseal
from judge.prompting.pairwise_plan import template_of
from judge.prompting.pairwise_prompt import parse_template
from judge.report.certificate import (
    AskedJudge,
    Certificate,
    CertificateStanding,
    CertificateWord,
    certificate_line,
    standing,
)

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import JudgeSpec


def certificate_path(folder: RunFolder) -> Path:
    """Return where a run folder keeps the certificate of its judges."""
    return folder.path / "certificate.json"


def write_certificate(folder: RunFolder, certificate: Certificate) -> None:
    """Write a certificate into a run folder, sealed."""
    write_json(certificate_path(folder), certificate.model_dump(mode="json"), sealed=True)


def read_certificate(path: Path) -> Certificate:
    """Read a certificate: a file, or a run folder that has one; InputError where there is none, or it was changed."""
    path = path / "certificate.json" if path.is_dir() else path
    try:
        written = read_whole(path)
    except OSError as error:
        raise InputError(str(path), "no certificate here", "`omr-judge certify RUN` makes one") from error
    unsealed = unseal(written)
    if not unsealed.holds:
        raise InputError(str(path), f"damaged: {change_in(written)}", "`omr-judge certify RUN` makes it anew")
    try:
        return Certificate.model_validate_json(unsealed.content)
    except ValidationError as error:
        raise InputError(str(path), "is no certificate", "`omr-judge certify RUN` makes one") from error


def judge_key(manifest: Manifest, judge: JudgeSpec) -> str:
    """Return the SHA-256 of what a judge's verdicts on an item depend on, beside the item: what makes it this judge.

    Its model, weights and settings, its prompt, the rubric, and what of an item and of images it is shown.
    """
    prompt = template_of(judge, parse_template(manifest.prompt or "", where="the run's prompt")).source
    shown = [manifest.show_reference, manifest.hide_answers, judge.sees_images]
    made = [judge.decided.model_dump(mode="json", exclude={"label"}), prompt, manifest.rubric.model_dump(mode="json")]
    images = manifest.identity.get("--max-image-side")
    content = orjson.dumps([*made, shown, images], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()


def asked_judges(manifest: Manifest, spending: Spending) -> dict[str, AskedJudge]:
    """Return the judges of a run as it asked them; none of a run whose judgments were made elsewhere."""
    if manifest.prompt is None:
        return {}
    return {
        judge.name: AskedJudge(key=judge_key(manifest, judge), served=tuple(spending.models(judge.name)))
        for judge in manifest.asked_judges
    }


def standing_of(
    folder: RunFolder, manifest: Manifest, spending: Spending, given: Certificate | None
) -> CertificateStanding | None:
    """Hold a certificate against the judges of a run: the given one, else the run's own; None where there is none."""
    if given is None and not certificate_path(folder).exists():
        return None
    return standing(given or read_certificate(certificate_path(folder)), asked_judges(manifest, spending))


def require_certified(folder: RunFolder, manifest: Manifest, given: Certificate | None) -> None:
    """Refuse the judges of a run, as they are asked and have answered so far, unless all are certified (InputError).

    Args:
        folder: the run.
        manifest: with the judges that are asked.
        given: their certificate; None: the run's own.
    """
    spending = Spending({})
    for judgment in folder.judgments():
        spending.add(judgment)
    found = standing_of(folder, manifest, spending, given)
    if found is None or found.word is not CertificateWord.CERTIFIED:
        problem = "the judge has no certificate" if found is None else certificate_line(found).rstrip(".")
        raise InputError("--require-certificate", problem, "`omr-judge certify` makes one; name it with --certificate")
