"""Tables on terminals that are narrower than they are."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from judge.tables.cells import Cell, Table, TableRow
from judge.tables.terminal_table import render_table

MODES = (
    "judge error",
    "omission",
    "factual error",
    "option elimination",
    "internal inconsistency",
    "chain break",
    "ok",
)
WORDS = st.lists(st.sampled_from(["a", "win", "neither", "elimination"]), min_size=1, max_size=4).map(" ".join)
VALUES = st.sampled_from(["0", "-", "62.5 [23.9, 90.7]", "+0.0 [-99.4, +99.9]", "inconclusive"])


def lines(table: Table, width: int, *, stacked: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(render_table(table, width, stacked=stacked))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def table(
    columns: tuple[str, ...], *rows: tuple[str, ...], names: tuple[str, ...] = ("perception", "supporting")
) -> Table:
    made = (TableRow(name, tuple(map(Cell, texts))) for name, texts in zip(names, rows, strict=False))
    return Table("key", "Title", "units", dict(zip(columns, columns, strict=True)), tuple(made))


def test_a_table_that_is_too_wide_keeps_its_row_names_and_all_of_its_headings() -> None:
    shown = lines(table(MODES, ("0", "2", "0", "0", "0", "0", "8"), ("0", "4", "0", "0", "0", "0", "12")), 80)
    assert max(map(len, shown)) <= 80
    text = "\n".join(shown)
    assert all(word in text for heading in MODES for word in heading.split())
    assert "…" not in text
    assert [line.replace("│", " ").split() for line in shown if line.startswith("│")] == [
        ["perception", *"0200008"],
        ["supporting", "0", "4", "0", "0", "0", "0", "12"],
    ]


def test_a_table_that_fits_is_written_in_one_line_a_row() -> None:
    shown = lines(table(("win rate of a", "W"), ("62.5 [23.9, 90.7]", "2")), 80)
    assert any("perception │ 62.5 [23.9, 90.7] │ 2" in line for line in shown)
    assert any("win rate of a" in line for line in shown)


@pytest.mark.parametrize("empty", [(), ("items",)])
def test_a_table_without_rows_is_drawn(empty: tuple[str, ...]) -> None:
    assert any("units" in line for line in lines(table(empty), 80))


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.tuples(
            st.lists(WORDS, min_size=n, max_size=n, unique=True),
            st.lists(st.lists(VALUES, min_size=n, max_size=n), min_size=1, max_size=2),
        )
    ),
    st.booleans(),
)
def test_nothing_is_cut_off_in_80_columns(made: tuple[list[str], list[list[str]]], stacked: bool) -> None:  # noqa: FBT001 - render_table
    columns, rows = made
    shown = lines(table(tuple(columns), *map(tuple, rows)), 80, stacked=stacked)
    text = "".join(shown)
    assert max(map(len, shown)) <= 80
    assert "…" not in text
    parts = [part for row in rows for value in row for part in value.split()]
    assert all(text.count(part) >= parts.count(part) for part in set(parts))
