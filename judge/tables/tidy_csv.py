"""A report as one long (tidy) table for R, pandas and polars, a line for each number."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from judge.files.safe_text import safe

if TYPE_CHECKING:
    from judge.tables.cells import Document

COLUMNS = ("table", "judge", "field", "row", "quantity", "estimate", "low", "high", "n", "numerator", "se", "text")
NO_FIGURES = (None,) * 5
FORMULA = "=+-@＝＋－＠"  # noqa: RUF001 - spreadsheets take the full-width ones too
BLANK = re.compile(r"[\s\u00a0\u200b-\u200f\u2060\ufeff]+")
_Line = tuple[str | float | None, ...]


def as_csv(document: Document) -> str:
    """Return a line for each cell of each table, and one for each setting and warning; rates are in [0, 1].

    `judge` is empty for all judges together; `field` is `criterion`, or the field that makes subgroups, and `row` its
    value; what is no number stands in `text`.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in (*_run(document), *_cells(document)):
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in line])
    return file.getvalue()


def harmless(text: str) -> str:
    """Escape text against spreadsheet formulas, in any of its lines, and terminal control characters."""
    return "\n".join(map(_harmless_line, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


def _harmless_line(line: str) -> str:
    """Return a line that is no formula as it came, nor once its control characters are gone."""
    shown = safe(line)
    return f"'{shown}" if _is_formula(line) or _is_formula(shown) else shown


def _is_formula(line: str) -> bool:
    blank = BLANK.match(line)
    return line[:1] == "\t" or line[blank.end() if blank else 0 :][:1] in tuple(FORMULA)


def _run(document: Document) -> Iterator[_Line]:
    """Yield settings and warnings."""
    for name, value in document.settings.items():
        number, text = (None, value) if value is None or isinstance(value, str) else (value, None)
        yield ("run", "", "", "", name, number, *NO_FIGURES, text)
    for warning in document.warnings:
        yield ("run", "", "", "", "warning", None, *NO_FIGURES, warning)


def _cells(document: Document) -> Iterator[_Line]:
    for table in document.tables:
        for row in table.rows:
            for quantity, cell in zip(table.columns, row.cells, strict=True):
                place = (table.key, table.judge, table.of, row.name, quantity)
                numbers = (cell.estimate, cell.low, cell.high, cell.n, cell.numerator, cell.se)
                yield (*place, *numbers, cell.text if cell.is_words else None)
