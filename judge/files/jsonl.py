"""Read JSON lines strictly: from a file, gzip or standard input, one line in memory at a time."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn, cast

from judge.errors import InputError, InputErrors
from judge.files.fields import RecordProblem, show

MAX_LINE_BYTES = 64 * 2**20
MAX_DEPTH = 64
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_FORMATS = {
    b"PK\x03\x04": "a zip archive or an Excel sheet",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    _GZIP: "gzip within gzip",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Line(NamedTuple):
    """One record, unread: a line that is not blank, or a row."""

    number: int
    """of a line from 1, of a row from 0"""
    offset: int
    """where it is found again: of a line, bytes from the start of the uncompressed text"""
    raw: Any
    """what the file's `parse` takes: of JSON lines, the line's bytes"""
    where: str
    """`b.jsonl:12`"""
    mark: int = 0
    """changes with what is read: of a line, a hash of its bytes that holds within the process"""


class JsonLines(AbstractContextManager["JsonLines"]):
    """An open file of JSON lines that can be read repeatedly; InputErrors where it cannot be opened."""

    kind = "line"
    if_empty = "write one JSON object a line"

    def __init__(self, source: str | Path) -> None:
        self.path = "<stdin>" if source == "-" else str(source)
        self._handle, self.sha256 = _open_twice(source, self.path)

    def __iter__(self) -> Iterator[Line]:
        """Yield every line that is not blank, from the start; a line too long is yielded cut."""
        self._handle.seek(0)
        refuse_binary(self._handle, self.path)
        for number, offset, raw in _lines(self._handle):
            yield Line(number, offset, raw, self.where(number), hash(raw))

    def rewound(self) -> BinaryIO:
        """Return the uncompressed content, at its start, for what is no JSON lines."""
        self._handle.seek(0)
        return self._handle

    def parse(self, raw: bytes) -> dict[str, Any]:
        """Parse one line as a JSON object; RecordProblem where it is none."""
        return parse_object(raw)

    def read_again(self, offset: int, mark: int) -> dict[str, Any]:
        """Read the object at an offset that was read before; RecordProblem where that line is there no more."""
        self._handle.seek(offset)
        raw = self._handle.readline(MAX_LINE_BYTES + 1)
        if hash(raw) != mark:
            raise RecordProblem("another line")
        return parse_object(raw)

    def where(self, number: int) -> str:
        """Name the place of a line: `b.jsonl:12`."""
        return f"{self.path}:{number}"

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse(where: str, problem: str, hint: str) -> NoReturn:
    """Raise a single problem in the form of many."""
    raise InputErrors([InputError(where, problem, hint)])


def _open_twice(source: str | Path, path: str) -> tuple[BinaryIO, str]:
    """Open a source so that it can be read repeatedly; return it, uncompressed, with its bytes' SHA-256."""
    try:
        raw = _spool(sys.stdin.buffer) if source == "-" else _open_file(Path(source), path)
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()  # type: ignore[arg-type]
        return _uncompressed(raw), sha256
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        refuse(path, f"damaged gzip data: {error}", "compress the file again")
    except (FileNotFoundError, NotADirectoryError):
        refuse(path, "no such file", "relative paths start at the current folder")
    except OSError as error:
        refuse(
            path, f"cannot be read: {error.strerror}", "see the rights of the file and the space for temporary files"
        )


def _open_file(path: Path, shown: str) -> BinaryIO:
    """Open a regular file in place; what comes through a pipe is kept in a temporary file."""
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return path.open("rb")
    if not stat.S_ISFIFO(mode):
        refuse(shown, "is a folder" if stat.S_ISDIR(mode) else "is a device", "give a JSONL file")
    with path.open("rb") as pipe:
        return _spool(pipe)


def _spool(stream: BinaryIO) -> BinaryIO:
    """Copy a stream into an anonymous temporary file and return that at its start."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        shutil.copyfileobj(stream, spool, 2**20)
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    return spool


def _uncompressed(raw: BinaryIO) -> BinaryIO:
    """Return a file at its start, or what it holds where it is gzip by its first bytes."""
    raw.seek(0)
    compressed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    if not compressed:
        return raw
    with raw, gzip.open(raw) as stream:
        return _spool(cast("BinaryIO", stream))


def refuse_binary(handle: BinaryIO, path: str) -> None:
    """Refuse a file that is not text by its first bytes, and go back to its start."""
    head = handle.read(16)
    handle.seek(0)
    for magic, name in _FORMATS.items():
        if head.startswith(magic):
            refuse(path, f"looks like {name}", "give JSON lines in UTF-8, plain or gzip")


def _lines(handle: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, offset and bytes of each line that is not blank; a line too long is yielded cut."""
    offset = 0
    for number in count(1):
        raw = handle.readline(MAX_LINE_BYTES + 1)
        if not raw:
            return
        bom = len(_BOM) if number == 1 and raw.startswith(_BOM) else 0
        if raw[bom:].strip():
            yield number, offset + bom, raw[bom:]
        offset += len(raw)
        while not raw.endswith(b"\n") and (raw := handle.readline(2**20)):
            offset += len(raw)


def parse_object(raw: bytes, *, constants_as_null: bool = False) -> dict[str, Any]:
    """Parse one line as a JSON object, more strictly than json.loads."""
    if len(raw) > MAX_LINE_BYTES:
        raise RecordProblem(f"line longer than {MAX_LINE_BYTES // 2**20} MiB", "write one record a line")
    record = parse_value(raw, constants_as_null=constants_as_null)
    if not isinstance(record, dict):
        raise RecordProblem("not an object", "write one JSON object a line; for an array: jq -c '.[]'")
    return record


def parse_value(raw: bytes, *, constants_as_null: bool = False) -> Any:  # noqa: ANN401
    """Parse any JSON value as strictly; NaN and Infinity, which Python writes, are refused or read as null."""
    try:
        text = raw.decode()
        value = (_LENIENT if constants_as_null else _DECODER).decode(text)
        depth = _depth(value) if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH else 0
    except UnicodeDecodeError as error:
        byte = f"byte 0x{raw[error.start]:02x} at position {error.start + 1}"
        raise RecordProblem(f"not UTF-8: {byte}", "save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise _broken(error, last=not raw.endswith(b"\n")) from error
    except RecursionError:
        depth = sys.maxsize
    except ValueError as error:
        raise RecordProblem("a number has too many digits", "write it as text") from error
    if depth > MAX_DEPTH:
        raise RecordProblem(f"nested more than {MAX_DEPTH} levels deep", "write a flatter record")
    if _SURROGATE.search(text):
        _refuse_surrogates(value)
    return value


def _broken(error: json.JSONDecodeError, *, last: bool) -> RecordProblem:
    """Tell a line that was cut from one that is wrong."""
    text = error.doc.rstrip()
    place = f"{error.msg} at column {error.colno}"
    if last and text.startswith("{") and (error.pos >= len(text) or not text.endswith("}")):
        return RecordProblem("truncated last line", f"{place}; write the file again")
    return RecordProblem(f"broken JSON: {place}", "write one JSON object a line")


def _depth(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
        case list():
            return 1 + max(map(_depth, value), default=0)
        case _:
            return 0


def _refuse_surrogates(record: object) -> None:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        code = f"\\u{ord(error.object[error.start]):04x}"
        raise RecordProblem(f"half a character: {code} without its partner", "write the text as UTF-8") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise RecordProblem(f"duplicate key {show(key)}", "keep one of the two")
    return unique


def _no_constant(name: str) -> NoReturn:
    raise RecordProblem(f"{name} is not JSON", "write null, or leave the field out")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise RecordProblem(f"number {show(digits)} is too large", "write it as text")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
_LENIENT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=lambda _: None, parse_float=_finite)
