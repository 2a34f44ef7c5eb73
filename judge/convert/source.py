"""Open a generator's file, and read its records one by one, whatever holds them."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from judge.convert.sheets import tsv_rows, xlsx_rows
from judge.convert.values import SourceRecord
from judge.files.fields import RecordProblem
from judge.files.jsonl import MAX_LINE_BYTES, JsonLines, parse_object, parse_value, refuse, refuse_binary

MAX_DOCUMENT = 2**30
_BOM = b"\xef\xbb\xbf"
_ZIP = b"PK\x03\x04"


class SourceFile:
    """An open file of JSON lines, a JSON document, a tab-separated table or an Excel sheet; plain or gzip.

    Args:
        source: its path, or `-`.
        max_document: most bytes of a JSON document, which is read at once; None: `MAX_DOCUMENT`.

    Raises:
        InputErrors: it cannot be opened or, while its records are read, it is damaged.
    """

    def __init__(self, source: str | Path, *, max_document: int | None = None) -> None:
        self._file, self._max_document = JsonLines(source), max_document or MAX_DOCUMENT
        self.path = self._file.path
        self.folder = Path.cwd() if source == "-" else Path(source).absolute().parent

    def records(self) -> Generator[SourceRecord]:
        """Yield every record, from the start."""
        first, second = _first_lines(self._file)
        handle = self._file.rewound()
        if first.startswith(_ZIP):
            yield from xlsx_rows(handle, self.path)
            return
        refuse_binary(handle, self.path)
        if _is_document(first, second):
            yield from self._of_document()
        elif b"\t" in first and not first.startswith(b"{"):
            yield from tsv_rows(handle, self.path)
        else:
            for line in self._file:
                yield SourceRecord(line.where, _parsed(line.raw))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _of_document(self) -> Generator[SourceRecord]:
        """Yield the objects of an array, or the one object that the document is."""
        raw = self._file.rewound().read(self._max_document + 1)
        if len(raw) > self._max_document:
            most = f"{self._max_document // 2**20:,} MiB"
            refuse(self.path, f"a JSON document of more than {most}", "write one record a line")
        try:
            value = parse_value(raw.removeprefix(_BOM), constants_as_null=True)
        except RecordProblem as problem:
            refuse(self.path, problem.problem, "write the file again")
        if isinstance(value, dict):
            yield SourceRecord(self.path, value)
            return
        for number, record in enumerate(value, 1):
            told = record if isinstance(record, dict) else RecordProblem("not an object", "give an array of objects")
            yield SourceRecord(f"{self.path}, record {number}", told)


def _first_lines(file: JsonLines) -> tuple[bytes, bytes]:
    """Return the first two lines that are not blank, without spaces around."""
    handle = file.rewound()
    found: list[bytes] = []
    while len(found) < 2 and (line := handle.readline(MAX_LINE_BYTES + 1)):  # noqa: PLR2004
        if line := line.removeprefix(_BOM).strip():
            found.append(line)
    first, second, *_ = [*found, b"", b""]
    return first, second


def _is_document(first: bytes, second: bytes) -> bool:
    """Tell one JSON value over several lines from JSON lines, of which the first may be broken."""
    if first.startswith(b"["):
        return True
    if not first.startswith(b"{"):
        return False
    if len(first) > MAX_LINE_BYTES:
        return True
    return not first.endswith(b"}") and bool(second) and not second.startswith(b"{")


def _parsed(raw: bytes) -> dict[str, Any] | RecordProblem:
    try:
        return parse_object(raw, constants_as_null=True)
    except RecordProblem as problem:
        return problem
