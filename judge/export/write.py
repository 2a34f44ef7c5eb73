"""Write tidy tables as CSV, JSON lines or Parquet, row by row: memory does not grow with the table."""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING, Any, assert_never

import orjson
import polars as pl

from judge.enums import ExportFormat
from judge.files.files import replacing
from judge.tables.tidy_csv import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


def write_table(
    folder: Path, name: str, columns: Mapping[str, pl.DataType], rows: Iterable[Mapping[str, Any]], form: ExportFormat
) -> int:
    """Write `folder/name.FORM`; return how many rows it has.

    Args:
        folder: where it goes.
        name: of the table.
        columns: with their types; a row that lacks one has null there.
        rows: one in memory at a time.
        form: any but `dpo`.

    Raises:
        RunError: it cannot be written.
    """
    path = folder / f"{name}.{form.value}"
    whole = ({column: row.get(column) for column in columns} for row in rows)
    match form:
        case ExportFormat.CSV:
            return _write_csv(path, list(columns), whole)
        case ExportFormat.JSONL:
            return write_json_lines(path, whole)
        case ExportFormat.PARQUET:
            return _write_parquet(path, columns, whole)
        case ExportFormat.DPO:
            raise ValueError("preferences are no table")
        case _:
            assert_never(form)


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write a JSON object a line; return how many.

    Raises:
        RunError: it cannot be written.
    """
    n = 0
    with replacing(path) as file:
        for n, row in enumerate(rows, start=1):  # noqa: B007 - returned
            file.write(orjson.dumps(row) + b"\n")
    return n


def _write_csv(path: Path, header: list[str], rows: Iterator[Mapping[str, Any]]) -> int:
    n = 0
    with replacing(path) as file:
        writer = csv.writer(codecs.getwriter("utf-8")(file), lineterminator="\n")
        writer.writerow(harmless(name) for name in header)
        for n, row in enumerate(rows, start=1):  # noqa: B007 - returned
            writer.writerow(_cell(value) for value in row.values())
    return n


def _cell(value: object) -> object:
    """Return what stands in a cell of CSV: no formula, numbers as numbers, nothing for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else value


def _write_parquet(path: Path, columns: Mapping[str, pl.DataType], rows: Iterator[Mapping[str, Any]]) -> int:
    lines = path.with_suffix(".jsonl")
    try:
        n = write_json_lines(lines, rows)
        if n:
            pl.scan_ndjson(lines, schema=pl.Schema(columns)).sink_parquet(path)
        else:
            pl.DataFrame(schema=pl.Schema(columns)).write_parquet(path)
        return n
    finally:
        lines.unlink(missing_ok=True)
