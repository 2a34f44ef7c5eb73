"""Verify a run and its controls: hold everything in the folder against everything else in it."""

from __future__ import annotations

from judge.errors import RunError
from judge.files.files import file_sha256
from judge.labels.labels import labels_fingerprint, labels_path, read_labels
from judge.outcomes.latest_judgments import latest_judgments
from judge.runs.control_kinds import ControlKind
from judge.runs.controls import CONTROLS, control_problem, escalated_folder
from judge.runs.evidence import fingerprint_of
from judge.runs.manifest import ChecklistManifest
from judge.runs.members import RunMembers
from judge.runs.run_folder import RunFolder
from judge.verification.check_beside import check_beside, check_report
from judge.verification.check_judgments import JudgmentChecks
from judge.verification.check_manifest import check_manifest
from judge.verification.check_requests import check_requests
from judge.verification.findings import Findings, Verification

LEAST_DIGITS = 12
"""of a hash that is quoted"""


def verify_run(folder: RunFolder, *, against: str | None = None) -> Verification:
    """Verify a run of any kind and its controls.

    Args:
        folder: the run.
        against: a hash that was quoted, or its first 12 digits or more: of the manifest's bytes, or a report's
            fingerprint, or that of a report of labels; None: there is none.

    Raises:
        RunError: there is no run.
    """
    found = Findings()
    if not folder.manifest_path.exists():
        folder.any_manifest()
    fingerprint = _verify(folder, found)
    for path in sorted((folder.path / CONTROLS).glob("*")):
        _verify_control(folder, RunFolder(path), found)
    if (escalated := escalated_folder(folder)).manifest_path.exists():
        _verify(escalated, found)
    path = labels_path(folder.path)
    labels = labels_fingerprint(read_labels(path), fingerprint) if fingerprint and path.exists() else None
    manifest_sha256 = file_sha256(folder.manifest_path)
    quoted = (against or "").strip().lower()
    if against is not None and not _is_quoted(quoted, (manifest_sha256, fingerprint, labels)):
        told = f"not the run that was quoted: this manifest's hash is {manifest_sha256}"
        told += f", its fingerprint {fingerprint}" if fingerprint else ""
        found.add(folder.manifest_path, told + (f", with its labels {labels}" if labels else ""))
    return Verification(
        run=str(folder.path),
        proven=not found.n_problems,
        sealed=folder.is_sealed,
        manifest_sha256=manifest_sha256,
        fingerprint=fingerprint,
        labels_fingerprint=labels,
        n_requests=found.n_requests,
        n_judgments=found.n_judgments,
        n_read_again=found.n_read_again,
        n_older_reader=found.n_older_reader,
        n_not_asked=found.n_not_asked,
        n_images=found.n_images,
        n_images_absent=found.n_images_absent,
        n_problems=found.n_problems,
        problems=tuple(found.problems),
        notes=tuple(found.notes),
    )


def _is_quoted(quoted: str, hashes: tuple[str | None, ...]) -> bool:
    return len(quoted) >= LEAST_DIGITS and any(known is not None and known.startswith(quoted) for known in hashes)


def _verify_control(run: RunFolder, control: RunFolder, found: Findings) -> None:
    """Verify a control of a run, where it is one."""
    try:
        problem = control_problem(run, control)
    except RunError:
        problem = ""  # told below, or of the run
    if control.name not in set(ControlKind):
        problem = "no control has this name"
    if problem:
        found.add(control.manifest_path, problem)
    else:
        _verify(control, found)


def _verify(folder: RunFolder, found: Findings) -> str | None:
    """Verify one folder; return its fingerprint, where it has one and nothing in it contradicts it."""
    n_before = found.n_problems
    try:
        manifest = folder.any_manifest()
    except RunError as error:
        where = f"{folder.manifest_path}"
        found.add(where, str(error).removeprefix(f"{where}: "))
        return None
    check_manifest(folder, manifest, found)
    expected, items = check_requests(folder, manifest, found)
    members = RunMembers(manifest, lambda: items)
    checks = JudgmentChecks(folder, manifest, members, expected, found)
    latest = latest_judgments(checks.judgments())
    check_beside(folder, manifest, items, expected, found)
    if found.n_problems > n_before:
        return None
    try:
        fingerprint = None if isinstance(manifest, ChecklistManifest) else fingerprint_of(folder, manifest, latest)
    except RunError:
        return None  # the second judge's folder is damaged: told of it
    check_report(folder, manifest, fingerprint, found)
    return fingerprint
