"""Render a list of items, one a line, for people or for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from judge.files.safe_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from judge.audit.filters import Listed


def lines(rows: Sequence[Listed], criteria: Sequence[str]) -> Iterator[str]:
    """Yield a head and one line an item, in columns, safe for a terminal."""
    head = ["item", *criteria, "points", "answers", "failures", "doubts"]
    table = [head, *([_one_line(cell) for cell in _cells(row, criteria)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def as_record(row: Listed) -> dict[str, Any]:
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


def _cells(row: Listed, criteria: Sequence[str]) -> list[str]:
    outcomes = [row.outcomes[name] for name in criteria]
    return [
        row.item,
        *outcomes,
        str(row.points),
        row.answers,
        ", ".join(row.failures) or "-",
        ", ".join(sorted(row.doubts)) or "-",
    ]


def _one_line(text: str) -> str:
    return safe(text).replace("\n", " ").replace("\t", " ")
