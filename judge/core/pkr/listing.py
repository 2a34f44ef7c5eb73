"""Choose traces of a score by what was found in them: a filter only ever removes, and several remove together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from judge.enums import AnswerStanding, FailureMode


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
    """Which traces are wanted; what is empty leaves every trace in."""

    modes: frozenset[FailureMode] = frozenset()
    """any of these"""
    answers: frozenset[AnswerStanding] = frozenset()
    """any of these"""
    text: str = ""
    """must stand in one of the texts, in any case"""

    def take(self, listed: ListedTrace, texts: Iterable[str]) -> bool:
        """Tell whether a trace is wanted, whose question, trace and replies are the texts."""
        return (
            (not self.modes or not self.modes.isdisjoint(listed.modes))
            and (not self.answers or listed.answer in self.answers)
            and (not self.text or any(self.text.casefold() in text.casefold() for text in texts))
        )


ANY_TRACE = TraceFilters()


class TraceListing(NamedTuple):
    """Traces that were asked for."""

    rows: list[ListedTrace]
    """at most as many as were asked for"""
    matched: int
    total: int
