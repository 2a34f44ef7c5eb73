"""Rows that become columns block by block, so that few of them are held as Python objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK = 1 << 16
"""rows that are held as Python objects before they become columns"""


class Rows:
    """Takes rows one by one.

    Args:
        schema: of the frame, in the order of a row's values.
    """

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._schema = dict(schema)
        self._rows: list[tuple[object, ...]] = []
        self._blocks: list[pl.DataFrame] = []

    def add(self, *values: object) -> None:
        """Take a row."""
        self._rows.append(values)
        if len(self._rows) == BLOCK:
            self._close_block()

    def frame(self) -> pl.DataFrame:
        """Return all rows taken so far, in their order."""
        self._close_block()
        return pl.concat(self._blocks)

    def _close_block(self) -> None:
        self._blocks.append(pl.DataFrame(self._rows, schema=self._schema, orient="row"))
        self._rows = []
