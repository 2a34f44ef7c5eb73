"""Write a report as one long table for R, pandas and polars: a line for each number."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from judge.io.render.tables import tables
from judge.io.render.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge.core.report import Report

COLUMNS = ("table", "judge", "field", "row", "quantity", "estimate", "low", "high", "n", "text")
FORMULA = "=+-@＝＋－＠"  # noqa: RUF001 - spreadsheets take the full-width ones too
BLANK = re.compile(r"[\s\u00a0\u200b-\u200f\u2060\ufeff]+")
_Line = tuple[str | float | None, ...]


def as_csv(report: Report) -> str:
    """Return a line for each cell of each table, and one for each setting and warning; rates are in [0, 1].

    `judge` is empty for all judges together; `field` is `criterion`, or the field that makes subgroups, and `row` its
    value; what is no number stands in `text`.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in (*_run(report), *_cells(report)):
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in line])
    return file.getvalue()


def harmless(text: str) -> str:
    """Return text that no spreadsheet takes for a formula, in any of its lines, and that acts on no terminal."""
    return "\n".join(map(_harmless_line, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


def _harmless_line(line: str) -> str:
    """Return a line that is no formula as it came, nor once its control characters are gone."""
    shown = safe(line)
    return f"'{shown}" if _is_formula(line) or _is_formula(shown) else shown


def _is_formula(line: str) -> bool:
    blank = BLANK.match(line)
    return line[:1] == "\t" or line[blank.end() if blank else 0 :][:1] in tuple(FORMULA)


def _run(report: Report) -> Iterator[_Line]:
    """Yield what the numbers rest on."""
    made = report.interval
    words = {
        "model_a": report.models.a,
        "model_b": report.models.b,
        "judges": ", ".join(report.judges),
        "pooling": report.pooling,
        "prompt": report.prompt,
        "rubric": report.rubric,
        "orders": report.orders,
        "cluster_field": report.clusters.field,
        "interval_method": made.method,
    }
    numbers = {
        "samples": report.samples,
        "n_items": report.n_items,
        "n_clusters": report.clusters.n,
        "n_judgments": report.n_judgments,
        "n_failed": report.n_failed,
        "interval_level": made.level,
        "n_resamples": made.n_resamples,
        "seed": made.seed,
    }
    for name, text in words.items():
        yield ("run", "", "", "", name, None, None, None, None, text)
    for name, number in numbers.items():
        yield ("run", "", "", "", name, number, None, None, None, None)
    for warning in report.warnings:
        yield ("run", "", "", "", "warning", None, None, None, None, warning)


def _cells(report: Report) -> Iterator[_Line]:
    for table in tables(report):
        for row in table.rows:
            for quantity, cell in zip(table.columns, row.cells, strict=True):
                place = (table.key, table.judge, table.of, row.name, quantity)
                yield (*place, cell.estimate, cell.low, cell.high, cell.n, cell.text if cell.is_words else None)
