"""The fingerprint of a run folder, which a report states and `omr-judge verify` derives again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from judge.outcomes.fingerprint import fingerprint
from judge.outcomes.latest_judgments import latest_judgments
from judge.runs.controls import escalated_runs
from judge.runs.manifest import Manifest

if TYPE_CHECKING:
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.runs.manifest import AnyManifest
    from judge.runs.run_folder import RunFolder


def fingerprint_of(folder: RunFolder, manifest: AnyManifest, latest: LatestJudgments) -> str | None:
    """Return the fingerprint of a run; None where its lines have no checksums, as reports of such runs had none.

    That of a run with a second judge is the SHA-256 of its own and the second judge's, a line each.

    Args:
        folder: the run.
        manifest: its own.
        latest: its own judgments that count, without a second judge's.

    Raises:
        RunError: the folder is damaged.
    """
    if not folder.is_sealed:
        return None
    own = fingerprint(latest, manifest.whole_identity, manifest.pairs_sha256)
    if not isinstance(manifest, Manifest):
        return own
    for again in escalated_runs(folder, manifest):
        second = fingerprint_of(again, again.manifest(), latest_judgments(again.judgments()))
        own = hashlib.sha256(f"{own}\n{second}".encode()).hexdigest()
    return own
