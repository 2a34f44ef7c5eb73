"""Every error that a person may meet.

OmrJudgeError                       the command prints its text, never a traceback
├── InputError                      a file or option that was given: where, what, and what to do
│   ├── MissingImageError           an image that is named and is not there
│   └── InputErrors                 several of them, told in one go
├── RunError                        a run folder that is foreign, locked, damaged or changed
│   └── RunInUseError               another process works on it
├── InterruptedRunError             a person stopped the run: it can be resumed
├── BudgetReachedError              the run has spent what it may: it can be resumed
└── ProviderError                   one call failed and would fail again: becomes a `Failed` judgment
    ├── RetryableError              it failed in passing: asked again after a pause
    └── StopRunError                every further call would fail too: wrong key, no credit, long silence
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from judge.schema import FailureKind

SHOWN_PROBLEMS = 20
FEW_ALIKE = 3
"""problems that are alike and are told one by one"""
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9]+")
"""in a problem's words: what differs from line to line"""


class OmrJudgeError(Exception):
    """An error for a person: its text names the place, the problem and what to do."""


class InputError(OmrJudgeError):
    """A file or an option cannot be used.

    Args:
        where: `file:line`, a file, or an option.
        problem: what is wrong, in a few words.
        hint: what to do about it; may be empty.
    """

    def __init__(self, where: str, problem: str, hint: str = "") -> None:
        self.where, self.problem, self.hint = where, problem, hint
        super().__init__(f"{where}: {problem}" + (f" ({hint})" if hint else ""))


class MissingImageError(InputError):
    """An image is not there, which `--on-missing-image` may allow: no such file, or its host gave none."""


class InputErrors(InputError):  # noqa: N818 - several of InputError
    """All problems of the input, so that they are mended in one go; one that many lines have is said once.

    Args:
        problems: at least one problem, in the order in which they were found.
        total: how many were found in all, where not all were kept.
    """

    def __init__(self, problems: Sequence[InputError], total: int | None = None) -> None:
        self.problems = tuple(problems)
        self.total = len(problems) if total is None else total
        first = self.problems[0]
        super().__init__(first.where, first.problem, first.hint)

    def __str__(self) -> str:
        alike: dict[tuple[str, str, str], list[InputError]] = {}
        for problem in self.problems:
            place = problem.where.rpartition(":")[0] or problem.where
            alike.setdefault((place, _VALUES.sub("", problem.problem), _VALUES.sub("", problem.hint)), []).append(
                problem
            )
        lines = [line for same in alike.values() for line in _told_once(same)]
        shown = lines[:SHOWN_PROBLEMS]
        if len(shown) < len(lines):
            shown.append(f"... and {len(lines) - len(shown)} more problems")
        if (unread := self.total - len(self.problems)) > 0:
            shown.append(f"... and {unread} more problem{'s' * (unread > 1)}")
        return "\n".join(shown)


def _told_once(same: Sequence[InputError]) -> list[str]:
    """Return what to say of problems that are alike: each one of a few, else the first with two more places."""
    if len(same) <= FEW_ALIKE:
        return [str(problem) for problem in same]
    first = same[0]
    lines = [problem.where.rpartition(":")[2] for problem in same[1:3]]
    what = f"{first.problem} (and so {len(same) - 1} more times, as in lines {lines[0]} and {lines[1]})"
    return [str(InputError(first.where, what, first.hint))]


class RunError(OmrJudgeError):
    """A run folder cannot be used as it is."""


class RunInUseError(RunError):
    """Another process works on a run folder."""


class InterruptedRunError(OmrJudgeError):
    """A person stopped the run; everything judged so far is kept."""


class BudgetReachedError(OmrJudgeError):
    """The run has spent what it may; everything judged so far is kept."""


class ProviderError(OmrJudgeError):
    """One call failed, and asking the same again would fail again.

    Args:
        kind: the failure that the judgment records.
        message: the provider's words, without secrets.
        status: the HTTP status, where there was one.
        maybe_paid: the request may have been answered and billed although no reply arrived.
    """

    def __init__(self, kind: FailureKind, message: str, *, status: int | None = None, maybe_paid: bool = False) -> None:
        self.kind, self.message, self.status, self.maybe_paid = kind, message, status, maybe_paid
        super().__init__(message)


class RetryableError(ProviderError):
    """A call failed in passing.

    Args:
        kind: the failure to record if every further attempt fails too.
        message: the provider's words, without secrets.
        status: the HTTP status, where there was one.
        retry_after: seconds that the provider asks us to wait, where it said so.
        maybe_paid: the request may have been answered and billed although no reply arrived.
        has_begun: a part of the reply arrived.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        maybe_paid: bool = False,
        has_begun: bool = False,
    ) -> None:
        super().__init__(kind, message, status=status, maybe_paid=maybe_paid)
        self.retry_after, self.has_begun = retry_after, has_begun


class StopRunError(ProviderError):
    """Every further call to this judge would fail too, so the run stops and keeps what it has."""
