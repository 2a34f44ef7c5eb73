"""Read tables, row by row: text with a header, and Excel sheets."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from subprocess import PIPE, Popen
from typing import Any, BinaryIO, cast

from judge.convert import sheet_process
from judge.convert.values import SourceRecord
from judge.errors import InputError
from judge.files.fields import RecordProblem, show
from judge.files.jsonl import refuse
from judge.files.limits import MIB, limits, raise_record_limit

SHEET_MEMORY = 384 * MIB
"""bytes that reading a sheet may take"""
MAX_COLUMNS = 10_000
_WORKBOOK = "xl/workbook.xml"
_NOTHING = {"", "nan", "NaN"}
"""cells without a value, as pandas writes them"""
_EXTRA = "pip install 'omr-judge[xlsx]'"


def table_rows(handle: BinaryIO, path: str, delimiter: str) -> Iterator[SourceRecord]:
    """Yield the record of each row; cells may hold lines of their own."""
    csv.field_size_limit(limits().record_bytes)
    reader = csv.reader(_text_lines(handle, path, delimiter), delimiter=delimiter, strict=True)
    try:
        header = _header(next(cells for cells in reader if cells), path)
        for cells in reader:
            if cells:
                given = [None if cell in _NOTHING else cell for cell in cells]
                yield SourceRecord(f"{path}:{reader.line_num}", _record(header, given))
    except csv.Error as error:
        refuse(f"{path}:{reader.line_num}", f"broken table: {error}", "write the file again, with quoted cells")


def _text_lines(handle: BinaryIO, path: str, delimiter: str) -> Iterator[str]:
    """Yield the lines of a table as text, in memory one at a time."""
    most = limits()
    for number, raw in enumerate(iter(lambda: handle.readline(most.record_bytes + 1), b""), 1):
        if len(raw) > most.record_bytes or (len(raw) > MAX_COLUMNS and raw.count(delimiter.encode()) > MAX_COLUMNS):
            refuse(
                f"{path}:{number}",
                f"a line of more than {most.max_record_mb} MiB, or {MAX_COLUMNS:,} cells",
                raise_record_limit("write one record a line"),
            )
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            refuse(f"{path}:{number}", f"not UTF-8: {error.reason}", "save the file as UTF-8")


def xlsx_rows(handle: BinaryIO, path: str) -> Iterator[SourceRecord]:
    """Yield the record of each row of the first sheet, which a process of its own reads."""
    _check_archive(handle, path)
    if find_spec("python_calamine") is None:  # an extra
        raise InputError(path, "an Excel sheet, and nothing is installed that reads it", _EXTRA)
    most = SHEET_MEMORY if limits().max_file_mb is None else limits().file_bytes
    os.lseek(handle.fileno(), 0, os.SEEK_SET)
    command = [sys.executable, "-P", "-m", "judge.convert.sheet_process", str(most)]
    with tempfile.TemporaryFile() as said, _started(command, handle, said) as reader:
        try:
            rows = map(json.loads, cast("BinaryIO", reader.stdout))
            header = _header(next(rows, (1, []))[1], path)
            for number, cells in rows:
                yield SourceRecord(f"{path}:{number}", _record(header, cells))
        finally:
            reader.kill()
        said.seek(0)
        _refuse_unread(reader.wait(), said.read(MIB).decode(errors="replace"), path, most)


def _started(command: Sequence[str], sheet: BinaryIO, said: BinaryIO) -> Popen[bytes]:
    return Popen(command, stdin=sheet, stdout=PIPE, stderr=said)  # noqa: S603 - a program of our own


def _refuse_unread(code: int, said: str, path: str, most: int) -> None:
    if code == sheet_process.DAMAGED:
        refuse(path, f"damaged Excel sheet: {said}", "write the sheet again")
    if code:
        problem = f"takes more than {most // MIB} MiB of memory, as sheets do that hold a cell far out"
        refuse(path, problem, "have the generator write JSON lines; --max-file-mb MB allows more")


def archive_parts(handle: BinaryIO, path: str) -> set[str]:
    """Return the names in a zip archive; InputErrors where it is damaged."""
    try:
        with zipfile.ZipFile(handle) as archive:
            return {part.filename for part in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError) as error:
        refuse(path, f"damaged Excel sheet: {error}", "write the sheet again")


def _check_archive(handle: BinaryIO, path: str) -> None:
    parts = archive_parts(handle, path)
    if _WORKBOOK not in parts:
        refuse(path, "a zip archive and no Excel sheet", "unpack it, and give the files")


def _header(cells: Sequence[Any], where: str) -> list[str]:
    names = ["" if cell is None else str(cell) for cell in cells]
    twice = next((name for name, times in Counter(filter(None, names)).items() if times > 1), None)
    if twice is not None:
        refuse(where, f"two columns {show(twice)}", "keep one of the two")
    return names


def _record(header: Sequence[str], cells: Sequence[Any]) -> dict[str, Any] | RecordProblem:
    if len(cells) != len(header):
        return RecordProblem(
            f"{len(cells)} cells under {len(header)} columns", "write the file again, with quoted cells"
        )
    return {name: cell for name, cell in zip(header, cells, strict=True) if name}
