"""Collect what the page is told of each item: a small index up front, the rest in compressed chunks."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING, Any

import orjson

from judge.core.audit_queue import points
from judge.schema import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from judge.core.audit import Outcomes
    from judge.core.audit_queue import Doubt

CHUNK_ITEMS = 25
SNIPPET_CHARS = 90
MAX_VALUES = 40
"""a field with more values is no filter"""
LETTERS = {Outcome.A: "a", Outcome.B: "b", Outcome.TIE: "t", Outcome.SPLIT: "s", Outcome.MISSING: "m"}
"""how the index writes an outcome"""
PANEL = ""
"""the name of all judges together in the index"""


def packed(value: object) -> str:
    """Return JSON as gzip in base64: no character of it can end a script element."""
    return base64.b64encode(gzip.compress(orjson.dumps(value), compresslevel=6, mtime=0)).decode()


class Contents:
    """The items of a page in their order: `add` each, then take `index()` and `chunks()`."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._fields: dict[str, list[str | None]] = {}
        self.ids: list[str] = []
        self._snippets: list[str] = []
        self._strata: list[str] = []
        self._failures: list[list[str]] = []
        self._points: list[int] = []
        self._identical: list[int] = []
        self._chunks: list[str] = []
        self._open: list[dict[str, Any]] = []

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
        """Take one item.

        Args:
            item: its id.
            told: everything about it, as JSON values; `question` and `judgments` are read here.
            stratum: whose final answer is right.
            groups: its values of the fields that may be filters.
            doubts: why a person should look at it.
            identical: whether its traces are the same bytes.
        """
        for name in groups:
            self._fields.setdefault(name, [None] * len(self.ids))
        for name, values in self._fields.items():
            values.append(groups.get(name))
        if identical:
            self._identical.append(len(self.ids))
        self.ids.append(item)
        self._snippets.append(" ".join(told.get("question", "")[: 2 * SNIPPET_CHARS].split())[:SNIPPET_CHARS])
        self._strata.append(stratum)
        kinds = {judgment["failure"]["kind"] for judgment in told["judgments"] if "failure" in judgment}
        self._failures.append(sorted(kinds))
        self._points.append(points(doubts))
        self._open.append({"id": item, "doubts": sorted(doubts), **told})
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
        views = {PANEL: self._outcomes.together, **self._outcomes.alone}
        return {
            "ids": self.ids,
            "snippets": self._snippets,
            "outcomes": {view: self._letters(criteria) for view, criteria in views.items()},
            "strata": _coded(self._strata),
            "failures": self._failures,
            "points": self._points,
            "identical": self._identical,
            "fields": {name: _coded(values) for name, values in self._fields.items() if _is_filter(values)},
            "chunk_items": CHUNK_ITEMS,
        }

    def _letters(self, criteria: Mapping[str, Mapping[str, Outcome]]) -> dict[str, str]:
        """Return by criterion the outcomes of all items, a letter each."""
        return {
            name: "".join(LETTERS[own.get(item, Outcome.MISSING)] for item in self.ids)
            for name, own in criteria.items()
        }


def _is_filter(values: Sequence[str | None]) -> bool:
    return 1 < len({*values}) <= MAX_VALUES


def _coded(values: Sequence[str | None]) -> dict[str, Any]:
    """Return the distinct values, sorted, with each item's place among them; -1 where it has none."""
    distinct = sorted({value for value in values if value is not None})
    place = {value: number for number, value in enumerate(distinct)}
    return {"values": distinct, "codes": [-1 if value is None else place[value] for value in values]}
