"""Render a list of items or traces, one a line, for people or for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from judge.enums import FailureMode
from judge.files.safe_text import safe
from judge.schema import Group

if TYPE_CHECKING:
    from judge.audit.filters import Listed, ListedTrace


def item_lines(rows: Sequence[Listed]) -> Iterator[str]:
    """Yield a head and one line an item, in columns, safe for a terminal."""
    table = [
        [
            row.item,
            *row.outcomes.values(),
            str(row.points),
            row.answers,
            ", ".join(row.failures) or "-",
            ", ".join(sorted(row.doubts)) or "-",
        ]
        for row in rows
    ]
    yield from _aligned([["item", *rows[0].outcomes, "points", "answers", "failures", "doubts"], *table])


def trace_lines(rows: Sequence[ListedTrace]) -> Iterator[str]:
    """Yield a head and one line a trace, in columns, safe for a terminal."""
    table = [["item", "score", *Group, "answer", "what is wrong"]]
    for row in rows:
        figures = ["-" if score is None else f"{100 * score:.1f}" for score in (row.trace_score, *row.groups.values())]
        wrong = ", ".join(mode.replace("_", " ") for mode in row.modes if mode is not FailureMode.OK)
        table.append([row.item, *figures, row.answer.value, wrong or "-"])
    yield from _aligned(table)


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [[safe(cell).replace("\n", " ").replace("\t", " ") for cell in cells] for cells in table]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for cells in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def item_record(row: Listed) -> dict[str, Any]:
    """Return an item as JSON values."""
    return {
        "item": row.item,
        "outcomes": dict(row.outcomes),
        "points": row.points,
        "doubts": sorted(row.doubts),
        "answers": row.answers,
        "failures": list(row.failures),
        "fields": dict(row.fields),
    }


def trace_record(row: ListedTrace) -> dict[str, Any]:
    """Return a trace of a list as JSON values."""
    return {**row._asdict(), "groups": dict(row.groups), "modes": list(row.modes)}
