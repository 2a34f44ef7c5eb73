"""Small tables of columns."""

from __future__ import annotations

import numpy as np

from judge.core.table import Table, is_none, ranks, stack, sum_by, texts


def rows_of(table: Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.rows()]


def made() -> Table:
    return Table({"item": texts(["p", "q", "r"]), "credit": np.array([1.0, np.nan, 0.5])})


def test_rows_have_none_where_nothing_is_known() -> None:
    assert rows_of(made()) == [("p", 1.0), ("q", None), ("r", 0.5)]


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
