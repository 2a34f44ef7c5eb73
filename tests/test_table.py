"""Small tables of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from judge.core.counted import Counted
from judge.core.estimates import Basis
from judge.core.table import Kinds, Table, is_none, ranks, stack, sum_by, texts
from judge.enums import Method

if TYPE_CHECKING:
    from collections.abc import Callable


def rows_of(table: Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.rows()]


def made() -> Table:
    return Table({"item": texts(["p", "q", "r"]), "credit": np.array([1.0, np.nan, 0.5])})


def test_rows_have_none_where_nothing_is_known() -> None:
    assert rows_of(made()) == [("p", 1.0), ("q", None), ("r", 0.5)]


def with_kinds() -> Table:
    kinds = Table({"credit": np.array([0.5, 7.0, 1.0, np.nan]), "length": np.array([9, 9, 9, 9])})
    return Table({"item": texts(["p", "q", "r"]), "length": np.arange(3)}, Kinds(kinds, np.array([2, 3, 0])))


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table,
        lambda table: table.take(np.array([True, False, True])),
        lambda table: table.take(table.places(["r", "nobody", "p"])),
        lambda table: table.with_columns(credit=np.zeros(3)),
        lambda table: table.select("credit", "length"),
        lambda table: stack([table, table.take(np.array([2, 1]))]),
        lambda table: stack([table, made().with_columns(length=np.arange(3))]),
        lambda table: Table.of_frame(table.frame()),
    ],
)
def test_columns_held_once_a_kind_read_as_those_held_once_a_row(change: Callable[[Table], Table]) -> None:
    table = with_kinds()
    plain = Table({name: table[name] for name in ("item", "length", "credit")})
    assert table.names == plain.names
    assert list(change(table).rows()) == list(change(plain).rows())


def test_stacked_tables_keep_their_kinds() -> None:
    together = stack([with_kinds(), with_kinds()])
    assert together.kinds is not None
    assert len(together.kinds.table) == 8


def test_taking_by_mask_and_by_place_and_what_is_not_there() -> None:
    table = made()
    assert rows_of(table.take(np.array([True, False, True]))) == [("p", 1.0), ("r", 0.5)]
    assert rows_of(table.take(table.places(["r", "nobody", "p"]))) == [("r", 0.5), (None, None), ("p", 1.0)]
    assert rows_of(table.take(table.places([]))) == []


def test_what_is_taken_whole_is_held_once() -> None:
    table = made()
    assert table.take(np.arange(3)) is table
    assert table.take(np.ones(3, dtype=bool)) is table
    assert stack([table, table.take(np.zeros(3, dtype=bool))]) is table


def test_stacked_tables_follow_each_other() -> None:
    assert rows_of(stack([made(), made()]).select("item")) == [("p",), ("q",), ("r",)] * 2


def test_a_table_becomes_a_data_frame_and_comes_back() -> None:
    frame = made().with_columns(right=np.array([True, False, True])).frame()
    assert frame.rows() == [("p", 1.0, True), ("q", None, False), ("r", 0.5, True)]
    assert rows_of(Table.of_frame(frame.select("item", "credit"))) == rows_of(made())


def test_ranks_and_sums_of_groups() -> None:
    assert ranks(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]
    assert sum_by(np.array([0, 2, 2]), np.array([True, True, True]), 4).tolist() == [1, 0, 2, 0]
    assert is_none(texts(["a", None])).tolist() == [False, True]


def test_items_that_are_not_held_by_kind_are_each_a_kind() -> None:
    items = Table({"item": texts(["p", "q"]), "credit": np.array([1.0, 1.0])})
    counted = Counted(items, None, Basis(Method.JEFFREYS, 0))
    distinct, counts = counted.distinct()
    assert distinct is counted
    assert counts.tolist() == [1, 1]
