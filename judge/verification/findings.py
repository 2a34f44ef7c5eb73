"""What a verification finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from judge.schema import Frozen

KEPT = 1000
"""problems that are told; all are counted"""


def is_time(text: str) -> bool:
    """Tell whether a text is an ISO 8601 time with a zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


class Problem(Frozen):
    """Something in a run folder that does not fit the rest of it."""

    where: str
    """file, and line where it has lines"""
    field: str
    """path of the field; empty where it is none alone"""
    problem: str
    """what does not fit"""

    def __str__(self) -> str:
        return ": ".join(filter(None, [self.where, self.field, self.problem]))


class Verification(Frozen):
    """Everything that was held against everything else in a run folder and its controls."""

    run: str
    """the folder"""
    proven: bool
    """whether there are no problems"""
    sealed: bool
    """whether every line has a checksum: runs of earlier versions have none"""
    manifest_sha256: str
    """of the bytes of `manifest.json`"""
    fingerprint: str | None
    """as in the report: null for runs that are not sealed or write checklists, and where there are problems"""
    labels_fingerprint: str | None
    """as in the report of `agreement`, which pins the labels too; null where there are none, or no `fingerprint`"""
    n_requests: int
    """that the run and its controls consist of, each rendered anew; 0 for judgments made elsewhere"""
    n_judgments: int
    """lines of their journals"""
    n_read_again: int
    """replies that were read again, by the reader that read them"""
    n_older_reader: int
    """replies that an older reader read: they are not held against what is read today"""
    n_not_asked: int
    """requests that have no judgment"""
    n_images: int
    """different images whose bytes were checked"""
    n_images_absent: int
    """images that lie outside of the run folder, and are not there"""
    n_problems: int
    """all of them"""
    problems: tuple[Problem, ...]
    """the first thousand"""
    notes: tuple[str, ...]
    """what could not be proven, and is no problem"""


@dataclass
class Findings:
    """What was found so far."""

    problems: list[Problem] = field(default_factory=list)
    n_problems: int = 0
    notes: list[str] = field(default_factory=list)
    n_requests: int = 0
    n_judgments: int = 0
    n_read_again: int = 0
    n_older_reader: int = 0
    n_not_asked: int = 0
    n_images: int = 0
    n_images_absent: int = 0

    def add(self, where: Path | str, problem: str, field_: str = "") -> None:
        """Note a problem."""
        self.n_problems += 1
        if len(self.problems) < KEPT:
            self.problems.append(Problem(where=str(where), field=field_, problem=problem))


class TournamentVerification(Frozen):
    """The runs of a tournament, verified one by one."""

    proven: bool
    """whether all of them are"""
    runs: tuple[Verification, ...]
    """by name"""
