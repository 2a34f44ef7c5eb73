"""Read tables, row by row: tab-separated text and Excel sheets."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, cast

from judge.convert.values import SourceRecord
from judge.errors import InputError
from judge.files.fields import RecordProblem, show
from judge.files.jsonl import MAX_LINE_BYTES, refuse

MAX_UNPACKED = 2**31
"""bytes of a workbook's parts, by their own account"""
_WORKBOOK = "xl/workbook.xml"
_INSPECT = "header.json"
_EXTRA = "pip install 'omr-judge[xlsx]'"


def tsv_rows(handle: BinaryIO, path: str) -> Iterator[SourceRecord]:
    """Yield the record of each row; cells may hold lines of their own."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_text_lines(handle, path), delimiter="\t", strict=True)
    try:
        header = _header(next(cells for cells in reader if cells), path)
        for cells in reader:
            if cells:
                yield SourceRecord(f"{path}:{reader.line_num}", _record(header, [cell or None for cell in cells]))
    except csv.Error as error:
        refuse(f"{path}:{reader.line_num}", f"broken table: {error}", "write the file again, with quoted cells")


def _text_lines(handle: BinaryIO, path: str) -> Iterator[str]:
    """Yield the lines of a table as text, in memory one at a time."""
    for number, raw in enumerate(iter(lambda: handle.readline(MAX_LINE_BYTES + 1), b""), 1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            refuse(f"{path}:{number}", f"not UTF-8: {error.reason}", "save the file as UTF-8")


def xlsx_rows(handle: BinaryIO, path: str) -> Iterator[SourceRecord]:
    """Yield the record of each row of the first sheet."""
    _check_archive(handle, path)
    handle.seek(0)
    try:
        import python_calamine  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(path, "an Excel sheet, and nothing is installed that reads it", _EXTRA) from error
    try:
        with python_calamine.load_workbook(cast("Any", handle)) as book:
            filled = _filled_rows(book.get_sheet_by_index(0).iter_rows())
            header = _header(next(filled, (1, []))[1], path)
            for number, cells in filled:
                yield SourceRecord(f"{path}:{number}", _record(header, cells))
    except python_calamine.CalamineError as error:
        refuse(path, f"damaged Excel sheet: {error}", "write the sheet again")


def _filled_rows(rows: Iterable[Sequence[object]]) -> Iterator[tuple[int, list[Any]]]:
    """Yield number, from 1, and values of each row that is not blank."""
    for number, cells in enumerate(rows, 1):
        values = [_cell(cell) for cell in cells]
        if any(value is not None for value in values):
            yield number, values


def _check_archive(handle: BinaryIO, path: str) -> None:
    try:
        with zipfile.ZipFile(handle) as archive:
            parts = {part.filename: part.file_size for part in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError) as error:
        refuse(path, f"damaged Excel sheet: {error}", "write the sheet again")
    if _INSPECT in parts:
        refuse(path, "a packed log of inspect", f"unpack it: inspect log dump {path} > log.json")
    if _WORKBOOK not in parts:
        refuse(path, "a zip archive and no Excel sheet", "unpack it, and give the files")
    if sum(parts.values()) > MAX_UNPACKED:
        refuse(path, f"unpacks into more than {MAX_UNPACKED // 2**30} GiB", "have the generator write JSON lines")


def _header(cells: Sequence[Any], where: str) -> list[str]:
    names = ["" if cell is None else str(cell) for cell in cells]
    for index, name in enumerate(names):
        if name and name in names[:index]:
            refuse(where, f"two columns {show(name)}", "keep one of the two")
    return names


def _record(header: Sequence[str], cells: Sequence[Any]) -> dict[str, Any] | RecordProblem:
    if len(cells) != len(header):
        return RecordProblem(
            f"{len(cells)} cells under {len(header)} columns", "write the file again, with quoted cells"
        )
    return {name: cell for name, cell in zip(header, cells, strict=True) if name}


def _cell(value: object) -> Any:  # noqa: ANN401 - what a cell may hold
    """Return a cell as JSON value: sheets hold every number as a float, and an empty cell as empty text."""
    match value:
        case "":
            return None
        case float() if value.is_integer():
            return int(value)
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)
