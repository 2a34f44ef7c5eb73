"""Filters of the items of a run: each only removes, and several remove together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from judge.audit.audit_queue import Doubt, points
from judge.enums import Sort, Unplaced

if TYPE_CHECKING:
    from judge.enums import AnswerStanding, FailureMode, Stratum
    from judge.schema import FailureKind, Outcome


class Listed(NamedTuple):
    """One item of a list."""

    item: str
    outcomes: Mapping[str, Outcome] = {}
    """by criterion, of those that were chosen; a criterion that is not there is missing"""
    doubts: frozenset[Doubt] = frozenset()
    answers: Stratum | Unplaced = Unplaced.NO_ANSWER
    failures: tuple[FailureKind, ...] = ()
    """the kinds among the judgments that count, sorted"""
    fields: Mapping[str, str] = {}
    texts: tuple[str, ...] = ()
    """what is searched for words: the question, the traces, the replies"""

    @property
    def points(self) -> int:
        """How doubtful the item is."""
        return points(self.doubts)


@dataclass(frozen=True)
class Filters:
    """Filters of items; one that is empty or False passes every item."""

    outcomes: frozenset[Outcome] = frozenset()
    """any of these, on any of the chosen criteria"""
    failures: frozenset[FailureKind] = frozenset()
    """any of these"""
    answers: frozenset[Stratum | Unplaced] = frozenset()
    """any of these"""
    judges_disagree: bool = False
    flagged: bool = False
    where: tuple[tuple[str, str], ...] = ()
    """fields with the value that each must have"""
    text: str = ""
    """must stand in one of the texts, in any case"""

    def take(self, listed: Listed) -> bool:
        """Return whether an item passes."""
        return (
            _meets(self.outcomes, listed.outcomes.values())
            and _meets(self.failures, listed.failures)
            and _meets(self.answers, (listed.answers,))
            and (not self.judges_disagree or Doubt.JUDGES_DISAGREE in listed.doubts)
            and (not self.flagged or Doubt.FLAGGED in listed.doubts)
            and all(listed.fields.get(field) == value for field, value in self.where)
            and _holds(listed.texts, self.text)
        )


class ListedTrace(NamedTuple):
    """One trace of a list."""

    item: str
    trace_score: float | None
    groups: Mapping[str, float | None]
    """the score of each group"""
    answer: AnswerStanding
    modes: tuple[FailureMode, ...]
    """those of its units, in the order in which they apply"""


@dataclass(frozen=True)
class TraceFilters:
    """Filters of traces; an empty one passes every trace."""

    modes: frozenset[FailureMode] = frozenset()
    """any of these"""
    answers: frozenset[AnswerStanding] = frozenset()
    """any of these"""
    text: str = ""
    """must stand in one of the texts, in any case"""

    def take(self, listed: ListedTrace, texts: Iterable[str]) -> bool:
        """Return whether a trace passes; `texts` are its question, trace and replies."""
        return _meets(self.modes, listed.modes) and _meets(self.answers, (listed.answer,)) and _holds(texts, self.text)


def arranged(listed: Sequence[Listed], sort: Sort) -> list[Listed]:
    """Return items in an order; equally doubtful ones stay as they stand in the run."""
    return sorted(listed, key=lambda one: -one.points) if sort is Sort.DOUBT else list(listed)


def _meets(wanted: frozenset[Any], given: Iterable[StrEnum]) -> bool:
    """Return whether one of the values is wanted; an empty set wants any."""
    return not wanted or not wanted.isdisjoint(given)


def _holds(texts: Iterable[str], words: str) -> bool:
    """Return whether one of the texts contains the words, ignoring case."""
    return not words or any(words.casefold() in text.casefold() for text in texts)
