"""Check what lies beside the judgments of a run: flags, labels, packets, certificate, batches, positions, report."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from judge import __version__
from judge.batches.log import read_batches, read_members
from judge.certify.certify import make_certificate
from judge.checklists.write_items import make_checklist_report
from judge.comparison.certificates import certificate_path, read_certificate
from judge.comparison.derive_report import make_report
from judge.dispatch.in_flight import read_in_flight
from judge.errors import InputError, OmrJudgeError, RunError
from judge.files.limits import read_whole
from judge.files.sealed_lines import sealed_records
from judge.flags.flags import FLAGS, Flag
from judge.labels.check_labels import LabelCheck
from judge.labels.draws import DRAW_FOLDERS
from judge.labels.labels import labels_path
from judge.runs.journal_copy import rescued_journals
from judge.runs.manifest import ChecklistManifest, Manifest
from judge.runs.members import refuse_changed
from judge.runs.run_folder import RunFolder
from judge.schema import Label
from judge.scoring.derive_score_report import make_score_report

if TYPE_CHECKING:
    from judge.checklists.checklist_report import ChecklistReport
    from judge.report.report import Report
    from judge.runs.manifest import AnyManifest
    from judge.scoring.score_report import ScoreReport
    from judge.verification.findings import Findings


def check_beside(
    folder: RunFolder, manifest: AnyManifest, items: Container[str] | None, keys: Container[bytes], found: Findings
) -> None:
    """Check every other file of a run.

    Args:
        folder: the run.
        manifest: of the run.
        items: ids of its items; None: they are not known.
        keys: of its requests.
        found: takes what does not fit.
    """
    for name, sha256 in manifest.files.items():
        path = folder.path / name
        _read(partial(refuse_changed, path, sha256, sealed=folder.is_sealed), found)
    _read(lambda: _check_rescued(folder, found), found)
    _read(lambda: _check_flags(folder, items, found), found)
    if isinstance(manifest, Manifest):
        _check_labels(folder, manifest, found)
        if certificate_path(folder).exists():
            _read(lambda: _check_certificate(folder, manifest, found), found)
    _read(lambda: _check_batches(folder, items, keys, found), found)
    _read(lambda: _check_positions(folder, manifest, found), found)
    _check_keys(folder.in_flight_path, read_in_flight(folder.in_flight_path, frozenset()), keys, found)


def _read(check: Callable[[], None], found: Findings) -> None:
    """Do a check; a file that cannot be read is a problem, told once however many checks read it."""
    try:
        check()
    except (RunError, InputError) as error:
        where, parted, problem = str(error).partition(": ")
        if all(known.where != where for known in found.problems):
            found.add(where, problem if parted else "cannot be read")


def _check_certificate(folder: RunFolder, manifest: Manifest, found: Findings) -> None:
    """Hold a certificate against the planted pairs that it rests on, where they are this run's or lie beside it."""
    path = certificate_path(folder)
    stored = read_certificate(path)
    beside = RunFolder(folder.path.parent / Path(stored.run).name)
    if "operators" in manifest.identity:
        known = make_certificate(folder, floor=stored.floor)
    elif certificate_path(beside).exists():
        known = read_certificate(certificate_path(beside))
    else:
        return
    later = {"people"}  # labels of the planted pairs may have come since
    differing = _first_difference(
        known.model_dump(mode="json", exclude=later), stored.model_dump(mode="json", exclude=later)
    )
    if differing is not None:
        found.add(path, differing[1], differing[0])


def _check_rescued(folder: RunFolder, found: Findings) -> None:
    for path in rescued_journals(folder.judgments_path):
        told = f"rescued when another program changed {folder.judgments_path.name}, holds judgments that it lacks"
        found.add(path, told)


def _check_flags(folder: RunFolder, items: Container[str] | None, found: Findings) -> None:
    path = folder.path / FLAGS
    for number, flag in enumerate(sealed_records(path, Flag.model_validate_json, sealed=folder.is_sealed), start=1):
        if items is not None and flag.item not in items:
            found.add(f"{path}:{number}", f"the run has no item {flag.item!r}", "item")


def _check_labels(folder: RunFolder, manifest: Manifest, found: Findings) -> None:
    """Check the draws of a comparison, and hold each label against it and them."""
    check = LabelCheck(folder, manifest)
    for name in DRAW_FOLDERS:
        for path in sorted((folder.path / name).glob("*.json")):
            _read(partial(_check_draw, check, path, found), found)
    _read(lambda: _check_each_label(folder, check, found), found)


def _check_draw(check: LabelCheck, path: Path, found: Findings) -> None:
    if check.draw(path.stem) is None:
        found.add(path, "no draw has this name")


def _check_each_label(folder: RunFolder, check: LabelCheck, found: Findings) -> None:
    path = labels_path(folder.path)
    labels = sealed_records(path, Label.model_validate_json, sealed=folder.is_sealed, appended=True)
    for number, label in enumerate(labels, start=1):
        for field, problem, _ in check.problems(label, stored=True):
            found.add(f"{path}:{number}", problem, field)


def _check_batches(folder: RunFolder, items: Container[str] | None, keys: Container[bytes], found: Findings) -> None:
    last = {record.batch: record for record in read_batches(folder.batches_path, sealed=folder.is_sealed)}
    strange = {path.stem for path in (folder.path / "batches").glob("*.jsonl")} - last.keys()
    for batch in sorted(strange):
        found.add(folder.path / "batches" / f"{batch}.jsonl", f"{folder.batches_path.name} has no batch of this name")
    for batch, record in last.items():
        path = folder.path / "batches" / f"{batch}.jsonl"
        members = list(read_members(path, sealed=folder.is_sealed))
        if len(members) != record.n_requests:
            found.add(path, f"has {len(members)} requests, and its batch {record.n_requests}")
        for number, member in enumerate(members, start=1):
            if items is not None and member.item not in items:
                found.add(f"{path}:{number}", f"the run has no item {member.item!r}", "item")
        _check_keys(path, [bytes.fromhex(member.key) for member in members], keys, found)


def _check_keys(path: Path, stated: Iterable[bytes], keys: Container[bytes], found: Findings) -> None:
    strange = sum(key not in keys for key in stated)
    if strange:
        found.add(path, f"names {strange} requests that the run does not have", "key")


def _check_positions(folder: RunFolder, manifest: AnyManifest, found: Findings) -> None:
    if manifest.shard is None:
        return
    positions = list(folder.positions())
    if len(positions) != manifest.n_items or positions != sorted(set(positions)):
        found.add(folder.positions_path, f"does not name {manifest.n_items} rising positions")


def check_report(folder: RunFolder, manifest: AnyManifest, fingerprint: str | None, found: Findings) -> None:
    """Hold `report.json` against the report that the folder gives now; another program's report may differ."""
    if not (folder.report_path.exists() and folder.is_sealed):
        return
    try:
        stored: Any = orjson.loads(read_whole(folder.report_path))
    except (orjson.JSONDecodeError, InputError) as error:
        found.add(folder.report_path, f"damaged: {error}")
        return
    try:
        report = orjson.loads(orjson.dumps(_derived(folder, manifest).model_dump(mode="json")))
    except OmrJudgeError as error:
        found.add(folder.path, f"gives no report: {error}")
        return
    rested_on = stored.get("fingerprint") if isinstance(stored, dict) else None
    if rested_on == fingerprint or _first_difference({**report, "fingerprint": rested_on}, stored) is None:
        _hold(folder, manifest, report, stored, found)
    elif lost := _lost(report, stored):
        found.add(folder.report_path, f"rests on judgments that {folder.judgments_path.name} does not have: {lost}")
    else:
        found.notes.append(f"{folder.report_path} rests on earlier judgments than the run has now: report it anew")


def _hold(folder: RunFolder, manifest: AnyManifest, report: object, stored: object, found: Findings) -> None:
    """Hold a stored report against the one that rests on the same judgments."""
    differing = _first_difference(report, stored)
    if differing is not None and manifest.versions.get("omr-judge") in {None, __version__}:
        found.add(folder.report_path, differing[1], differing[0])
    elif differing is not None:
        told = f"{differing[0]}: {differing[1]}; another version of the program may have made it"
        found.notes.append(f"{folder.report_path}: {told}")


def _derived(folder: RunFolder, manifest: AnyManifest) -> Report | ScoreReport | ChecklistReport:
    """Return the report that a run's own command makes."""
    if isinstance(manifest, Manifest):
        return make_report(folder)
    if isinstance(manifest, ChecklistManifest):
        return make_checklist_report(folder)
    return make_score_report(folder).report


def _lost(now: dict[str, Any], stored: Any) -> str:  # noqa: ANN401 - whatever lies there
    """Say what a stored report rested on and the journal lacks, which only grows; empty where that can be all of it."""
    try:
        before, after = ((made["n_judgments"], made["n_judgments"] - made["n_failed"]) for made in (stored, now))
        if after[0] < before[0] or after[1] < before[1]:
            return f"{before[0]:,}, {before[1]:,} of them with verdicts, where it has {after[0]:,} and {after[1]:,}"
        return "" if after != before or stored["failures"] != now["failures"] else "as many, and others"
    except (LookupError, TypeError):
        return ""


def _first_difference(derived: object, stored: object, path: str = "") -> tuple[str, str] | None:
    """Return the path of the first field in which two JSON values differ, and how; None where they are the same."""
    if isinstance(derived, dict) and isinstance(stored, dict):
        for key in {**derived, **stored}:
            here = f"{path}.{key}" if path else key
            if key not in stored or key not in derived:
                return here, "missing" if key in derived else "a field that the report does not have"
            if (differing := _first_difference(derived[key], stored[key], here)) is not None:
                return differing
        return None
    return None if derived == stored else (path, f"is {stored!r}, where the run gives {derived!r}")
