"""Small tables of numpy columns: a comparison's report needs no library of data frames, whose import takes 33 MB."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from judge.core.stats.intervals import Floats

    Column = NDArray[Any]
    """floats, NaN where nothing is known; whole numbers; or objects, None where nothing is known"""


class Kinds(NamedTuple):
    """Columns of which many rows have the same values: held once a kind of row, of which there are few."""

    table: Table
    """one row a kind; kinds may be equal, or of no row"""
    of_row: Column
    """the place in `table` of each row's kind"""

    def take(self, rows: Column) -> Kinds:
        """Return the kinds of some rows, by a mask or by places."""
        return self._replace(of_row=self.of_row[rows])

    def without(self, names: Collection[str]) -> Kinds:
        """Return the kinds without some columns."""
        return self._replace(table=self.table.select(*(name for name in self.table.names if name not in names)))


class Table:
    """Columns of equal length, by name.

    Args:
        columns: at least one.
        kinds: further columns; those that `columns` has too are left out.
    """

    def __init__(self, columns: Mapping[str, Column], kinds: Kinds | None = None) -> None:
        self._columns = dict(columns)
        self.kinds = kinds and kinds.without(self._columns)

    @classmethod
    def of_frame(cls, frame: pl.DataFrame) -> Table:
        """Return the table of a data frame."""
        columns = {column.name: column for column in frame}
        return cls({n: c.to_numpy() if c.dtype.is_numeric() else texts(c.to_list()) for n, c in columns.items()})

    def frame(self) -> pl.DataFrame:
        """Return a data frame, null where nothing is known."""
        import polars as pl  # noqa: PLC0415 - 0.1 s and 33 MB that a comparison's report does without

        columns = {name: self[name] for name in self.names}
        kinds = {name: pl.String for name, column in columns.items() if column.dtype == object}
        return pl.DataFrame(columns, schema_overrides=kinds, nan_to_null=True)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> Column:
        if self.kinds is None or name in self._columns:
            return self._columns[name]
        return self.kinds.table[name][self.kinds.of_row]

    @property
    def names(self) -> list[str]:
        """The columns' names, in their order."""
        return [*self._columns, *(self.kinds.table.names if self.kinds else ())]

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Where each item stands, by the column `item`, whose values are all different."""
        return {item: place for place, item in enumerate(self["item"].tolist())}

    def places(self, items: Iterable[str | None]) -> NDArray[np.intp]:
        """Return where each of some items stands; -1 where it does not."""
        if np.array_equal(items if isinstance(items, np.ndarray) else texts(items), self["item"]):
            return np.arange(len(self))  # the usual case, without a dictionary of all items
        get = self.place_of.get
        return np.array([get(item, -1) for item in items], dtype=np.intp)  # type: ignore[arg-type]

    def take(self, rows: Column) -> Table:
        """Return some rows.

        Args:
            rows: a mask, or places; -1 is a row of which nothing is known.
        """
        everything = rows.all() if rows.dtype == bool else np.array_equal(rows, np.arange(len(self)))
        if everything:
            return self  # a report holds the facts of all items once, not once a criterion
        if rows.dtype == bool or not (rows < 0).any():
            kinds = self.kinds.take(rows) if self.kinds else None
            return Table({name: column[rows] for name, column in self._columns.items()}, kinds)
        return Table({name: _taken(self[name], rows) for name in self.names})

    def select(self, *names: str) -> Table:
        """Return some columns."""
        return Table({name: self[name] for name in names})

    def with_columns(self, **columns: Column) -> Table:
        """Return the table with columns added or replaced."""
        return Table({**self._columns, **columns}, self.kinds)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each row, None where nothing is known."""
        columns = [
            [None if value != value else value for value in column.tolist()]  # noqa: PLR0124 - NaN alone is not itself
            for column in (self[name] for name in self.names)
        ]
        for values in zip(*columns, strict=True):
            yield dict(zip(self.names, values, strict=True))


def stack(tables: Sequence[Table]) -> Table:
    """Return the rows of tables that have the same columns, one table after the other."""
    filled = [table for table in tables if len(table)] or tables[:1]
    if len(filled) == 1:
        return filled[0]
    kinds = [table.kinds for table in filled if table.kinds is not None]
    together = _stacked_kinds(kinds) if len(kinds) == len(filled) else None
    names = (name for name in filled[0].names if together is None or name not in together.table.names)
    return Table({name: np.concatenate([table[name] for table in filled]) for name in names}, together)


def _stacked_kinds(kinds: Sequence[Kinds]) -> Kinds:
    before = accumulate((len(one.table) for one in kinds), initial=0)
    of_row = [one.of_row + start for one, start in zip(kinds, before, strict=False)]
    return Kinds(stack([one.table for one in kinds]), np.concatenate(of_row))


def texts(values: Iterable[str | None]) -> Column:
    """Return a column of texts."""
    listed = list(values)
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column


def ranks(names: Sequence[str]) -> NDArray[np.intp]:
    """Return the place of each name among the different ones, sorted."""
    place = {name: rank for rank, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names], dtype=np.intp)


def sum_by(groups: Column, values: Column, n: int) -> Floats:
    """Return the sums of values, numbers or truths, in each of n groups, which are numbered from 0."""
    return np.bincount(groups, weights=values, minlength=n).astype(np.float64, copy=False)


def is_none(column: Column) -> NDArray[np.bool_]:
    """Tell where a column of texts has none."""
    return np.array([value is None for value in column], dtype=bool)


def _taken(column: Column, rows: Column) -> Column:
    """Return values at places, None or NaN at -1."""
    known = rows >= 0
    nothing = None if column.dtype == object else np.nan
    taken = np.full(len(rows), nothing, dtype=object if column.dtype == object else np.float64)
    taken[known] = column[rows[known]]
    return taken
