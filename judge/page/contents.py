"""Collect what the page is told of each item: a small index up front, the rest in compressed chunks."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


CHUNK_ITEMS = 25
SNIPPET_CHARS = 90
MAX_VALUES = 40
"""a field with more values is no filter"""


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
