"""The items of a page: a small index up front, the rest in compressed chunks."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from judge.audit.audit_queue import points
from judge.enums import FailureMode
from judge.schema import Group, Outcome

if TYPE_CHECKING:
    from judge.audit.audit_queue import Doubt
    from judge.audit.audited_item import Outcomes
    from judge.enums import AnswerStanding

CHUNK_ITEMS = 25
SNIPPET_CHARS = 90
MAX_VALUES = 40
"""a field with more values is no filter"""
LETTERS = {Outcome.A: "a", Outcome.B: "b", Outcome.TIE: "t", Outcome.SPLIT: "s", Outcome.MISSING: "m"}
"""how the index writes an outcome"""
PANEL = ""
"""the name of all judges together in the index"""
MODES = list(FailureMode)
SCORE_DIGITS = 4


def packed(value: object) -> str:
    """Return JSON as gzip in base64: no character of it can end a script element."""
    return base64.b64encode(gzip.compress(orjson.dumps(value), compresslevel=6, mtime=0)).decode()


class Contents:
    """The items of a page in their order: `take` each, then ask for `index()` and `chunks()`."""

    def __init__(self) -> None:
        self._fields: dict[str, list[str | None]] = {}
        self.ids: list[str] = []
        self._snippets: list[str] = []
        self._failures: list[list[str]] = []
        self._chunks: list[str] = []
        self._open: list[dict[str, Any]] = []

    def take(self, item: str, told: Mapping[str, Any], groups: Mapping[str, str]) -> None:
        """Take one item.

        Args:
            item: its id.
            told: everything about it, as JSON values; `question` and `judgments` are read here.
            groups: its values of the fields that may be filters.
        """
        for name in groups:
            self._fields.setdefault(name, [None] * len(self.ids))
        for name, values in self._fields.items():
            values.append(groups.get(name))
        self.ids.append(item)
        self._snippets.append(" ".join(told.get("question", "")[: 2 * SNIPPET_CHARS].split())[:SNIPPET_CHARS])
        kinds = {judgment["failure"]["kind"] for judgment in told["judgments"] if "failure" in judgment}
        self._failures.append(sorted(kinds))
        self._open.append({"id": item, **told})
        if len(self._open) == CHUNK_ITEMS:
            self._close_chunk()

    def _close_chunk(self) -> None:
        self._chunks.append(packed(self._open))
        self._open = []

    def chunks(self) -> list[str]:
        """Return every item, `CHUNK_ITEMS` a chunk, each chunk packed."""
        if self._open:
            self._close_chunk()
        return self._chunks

    def index(self) -> dict[str, Any]:
        """Return what lists and filters need, one entry an item."""
        return {
            "ids": self.ids,
            "snippets": self._snippets,
            "failures": self._failures,
            "fields": {name: coded(values) for name, values in self._fields.items() if _is_filter(values)},
            "chunk_items": CHUNK_ITEMS,
        }


def _is_filter(values: Sequence[str | None]) -> bool:
    return 1 < len({*values}) <= MAX_VALUES


def coded(values: Sequence[str | None]) -> dict[str, Any]:
    """Return the distinct values, sorted, with each item's place among them; -1 where it has none."""
    distinct = sorted({value for value in values if value is not None})
    place = {value: number for number, value in enumerate(distinct)}
    return {"values": distinct, "codes": [-1 if value is None else place[value] for value in values]}


class PairContents(Contents):
    """The pairs of a page in their order: `add` each, then ask for `index()` and `chunks()`."""

    def __init__(self, outcomes: Outcomes) -> None:
        super().__init__()
        self._outcomes = outcomes
        self._strata: list[str] = []
        self._points: list[int] = []
        self._identical: list[int] = []

    def add(
        self,
        item: str,
        told: dict[str, Any],
        *,
        stratum: str,
        groups: Mapping[str, str],
        doubts: frozenset[Doubt] = frozenset(),
        identical: bool = False,
    ) -> None:
        """Take one pair.

        Args:
            item: its id.
            told: see `take`.
            stratum: whose final answer is right.
            groups: see `take`.
            doubts: why a person should look at it.
            identical: whether its traces are the same bytes.
        """
        if identical:
            self._identical.append(len(self.ids))
        self._strata.append(stratum)
        self._points.append(points(doubts))
        self.take(item, {"doubts": sorted(doubts), **told}, groups)

    def index(self) -> dict[str, Any]:
        """Return what lists and filters need, one entry a pair."""
        views = {PANEL: self._outcomes.together, **self._outcomes.alone}
        return super().index() | {
            "outcomes": {view: self._letters(criteria) for view, criteria in views.items()},
            "strata": coded(self._strata),
            "points": self._points,
            "identical": self._identical,
        }

    def _letters(self, criteria: Mapping[str, Mapping[str, Outcome]]) -> dict[str, str]:
        """Return by criterion the outcomes of all pairs, a letter each."""
        return {
            name: "".join(LETTERS[own.get(item, Outcome.MISSING)] for item in self.ids)
            for name, own in criteria.items()
        }


class CaseContents(Contents):
    """The traces of a page in their order: `add` each, then ask for `index()` and `chunks()`."""

    def __init__(self) -> None:
        super().__init__()
        self._modes: dict[str, list[str]] = {group.value: [] for group in Group}
        self._scores: dict[str, list[float | None]] = {name: [] for name in ("", *(group.value for group in Group))}
        self._answers: list[str] = []

    def add(
        self,
        item: str,
        told: dict[str, Any],
        *,
        modes: Mapping[str, Sequence[str]],
        answer: AnswerStanding,
        groups: Mapping[str, str],
    ) -> None:
        """Take one trace.

        Args:
            item: its id.
            told: see `take`; the figures are read here too.
            modes: by group, the failure modes that some unit of it has.
            answer: how it stands with its final answer.
            groups: see `take`.
        """
        for group, own in modes.items():
            self._modes[group].append("".join(str(MODES.index(FailureMode(mode))) for mode in own))
        self._scores[""].append(_short(told["trace_score"]))
        for group in Group:
            self._scores[group.value].append(_short(told["groups"][group.value]["score"]))
        self._answers.append(answer.value)
        self.take(item, told, groups)

    def index(self) -> dict[str, Any]:
        """Return what lists and filters need, one entry a trace: `modes` as places among those of the head."""
        return super().index() | {
            "modes": self._modes,
            "scores": self._scores,
            "answers": coded(self._answers),
        }


def _short(score: float | None) -> float | None:
    return None if score is None else round(score, SCORE_DIGITS)
