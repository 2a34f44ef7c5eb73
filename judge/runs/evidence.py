"""The fingerprint of a run folder, which a report states and `omr-judge verify` derives again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.outcomes.fingerprint import fingerprint

if TYPE_CHECKING:
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.runs.manifest import AnyManifest
    from judge.runs.run_folder import RunFolder


def fingerprint_of(folder: RunFolder, manifest: AnyManifest, latest: LatestJudgments) -> str | None:
    """Return the fingerprint of a run; None where its lines have no checksums, as reports of such runs had none."""
    return fingerprint(latest, manifest.whole_identity, manifest.pairs_sha256) if folder.is_sealed else None
