"""Read the records of a generator's file one by one, whatever holds them."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from typing import Any

from judge.convert.inspect_archive import inspect_records, is_inspect_archive
from judge.convert.parquet_records import parquet_records
from judge.convert.sheets import archive_parts, table_rows, xlsx_rows
from judge.convert.values import SourceRecord
from judge.files.fields import RecordProblem
from judge.files.jsonl import JsonLines, refuse, refuse_binary
from judge.files.limits import MAX_BLANK_LINES, MIB, limits, raise_record_limit
from judge.files.strict_json import parse_object, parse_value

_BOM = b"\xef\xbb\xbf"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_DELIMITERS = (b"\t", b",", b";")


def source_records(file: JsonLines, *, max_document: int) -> Generator[SourceRecord]:
    """Yield every record of JSON lines, a JSON document, a table, an Excel sheet, Parquet or an archive of inspect.

    All but Parquet may be within gzip.

    Args:
        file: open; read from its start.
        max_document: most bytes of a JSON document, which is read at once.

    Raises:
        InputErrors: the file is damaged.
    """
    first, second = _first_lines(file)
    handle = file.rewound()
    if first.startswith(_ZIP):
        is_log = is_inspect_archive(archive_parts(handle, file.path))
        yield from (inspect_records if is_log else xlsx_rows)(handle, file.path)
        return
    if first.startswith(_PARQUET):
        yield from parquet_records(file.path)
        return
    refuse_binary(handle, file.path)
    if _is_document(first, second):
        yield from _of_document(file, max_document)
    elif not first.startswith(b"{") and (delimiter := max(_DELIMITERS, key=first.count)) in first:
        yield from table_rows(handle, file.path, delimiter.decode())
    else:
        for line in file:
            yield SourceRecord(line.where, _parsed(line.raw))


def holds_lines(file: JsonLines) -> bool:
    """Say whether a file is read line by line: no table, document or archive."""
    first, second = _first_lines(file)
    return first.startswith(b"{") and not _is_document(first, second)


def _of_document(file: JsonLines, max_bytes: int) -> Generator[SourceRecord]:
    """Yield the objects of an array, or the one object that the document is."""
    raw = file.rewound().read(max_bytes + 1)
    if len(raw) > max_bytes:
        refuse(
            file.path,
            f"a JSON document of more than {max_bytes // MIB:,} MiB",
            raise_record_limit("write one record a line"),
        )
    try:
        value = parse_value(raw.removeprefix(_BOM), constants_as_null=True)
    except RecordProblem as problem:
        refuse(file.path, problem.problem, "write the file again")
    if isinstance(value, dict):
        yield SourceRecord(file.path, value)
        return
    for number, record in enumerate(value, 1):
        told = record if isinstance(record, dict) else RecordProblem("not an object", "give an array of objects")
        yield SourceRecord(f"{file.path}, record {number}", told)


def _first_lines(file: JsonLines) -> tuple[bytes, bytes]:
    """Return the first two lines that are not blank, without spaces around."""
    handle = file.rewound()
    found: list[bytes] = []
    for number in count(1):
        if len(found) == 2 or number > MAX_BLANK_LINES or not (line := handle.readline(limits().record_bytes + 1)):  # noqa: PLR2004
            break
        if line := line.removeprefix(_BOM).strip():
            found.append(line)
    first, second, *_ = [*found, b"", b""]
    return first, second


def _is_document(first: bytes, second: bytes) -> bool:
    """Return whether a file is one JSON value rather than JSON lines, of which the first may be broken."""
    if first.startswith(b"["):
        return True
    if not first.startswith(b"{"):
        return False
    if len(first) > limits().record_bytes:
        return True
    return not first.endswith(b"}") and bool(second) and not second.startswith(b"{")


def _parsed(raw: bytes) -> dict[str, Any] | RecordProblem:
    try:
        return parse_object(raw, constants_as_null=True)
    except RecordProblem as problem:
        return problem
