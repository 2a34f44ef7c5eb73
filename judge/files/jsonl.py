"""Read JSON lines strictly: from a file, gzip or standard input, one line in memory at a time."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import stat
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn, cast

from judge.errors import InputError, InputErrors
from judge.files.fields import RecordProblem, show
from judge.files.limits import (
    MAX_BLANK_LINES,
    MIB,
    holds_too_much,
    kind_of_file,
    limits,
    open_pipe,
    open_regular,
    raise_record_limit,
    too_large,
    unpacks_too_far,
)

MAX_DEPTH = 64
MAGIC_BYTES = 16
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
        for number, offset, raw in _lines(self._handle, self.path):
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
        raw = self._handle.readline(limits().record_bytes + 1)
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
        if source == "-":
            most = limits().file_bytes
            raw = _spool(sys.stdin.buffer, too_large(path, most), most=lambda: most)
        else:
            raw = _open_file(Path(source), path)
        try:
            sha256 = _hashed(raw, path)
            return _uncompressed(raw, path), sha256
        except BaseException:
            raw.close()
            raise
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
    status, most = path.stat(), limits().file_bytes
    if stat.S_ISREG(status.st_mode):
        if status.st_size > most:
            raise InputErrors([too_large(shown, most)])
        return open_regular(path)
    if not stat.S_ISFIFO(status.st_mode):
        refuse(shown, f"is {kind_of_file(status.st_mode)}", "give a JSONL file")
    first, pipe = open_pipe(path)
    with pipe:
        return _spool(pipe, too_large(shown, most), most=lambda: most, first=first)


def _spool(stream: BinaryIO, error: InputError, *, most: Callable[[], int], first: bytes = b"") -> BinaryIO:
    """Copy a stream into an anonymous temporary file and return that at its start; the error where it goes too far.

    Args:
        stream: is read to its end.
        error: is raised, as one of InputErrors, where more than `most` bytes come.
        most: tells how many bytes may have come by now.
        first: came before the rest of the stream.
    """
    spool = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        is_text = None
        for piece in chain([first] if first else [], iter(lambda: stream.read(MIB), b"")):
            spool.write(piece)
            if spool.tell() > most():
                refuse(error.where, error.problem, error.hint)
            if is_text is None:
                is_text = not _is_binary(piece)
            if is_text:
                _refuse_nul(piece, error.where)
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    return spool


def _hashed(raw: BinaryIO, path: str) -> str:
    """Return the hash of a file's bytes; a text with NUL characters, such as a file with holes, is read no further."""
    digest = hashlib.sha256()
    is_text = not _is_binary(raw.read(MAGIC_BYTES))
    raw.seek(0)
    while piece := raw.read(MIB):
        if is_text:
            _refuse_nul(piece, path)
        digest.update(piece)
    return digest.hexdigest()


def _is_binary(head: bytes) -> bool:
    return head.startswith(tuple(_FORMATS))


def _refuse_nul(piece: bytes, path: str) -> None:
    if b"\0" in piece:
        refuse(path, "holds NUL characters, which no text has", "give JSON lines in UTF-8, plain or gzip")


def _uncompressed(raw: BinaryIO, path: str) -> BinaryIO:
    """Return a file at its start, or what it holds where it is gzip by its first bytes."""
    raw.seek(0)
    compressed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    if not compressed:
        return raw
    with raw, gzip.open(raw) as stream:
        # What was read by now says how far it may unpack: a bomb is known by its beginning.
        return _spool(cast("BinaryIO", stream), unpacks_too_far(path), most=lambda: limits().unpacked_bytes(raw.tell()))


def refuse_binary(handle: BinaryIO, path: str) -> None:
    """Refuse a file that is not text by its first bytes, and go back to its start."""
    head = handle.read(MAGIC_BYTES)
    handle.seek(0)
    for magic, name in _FORMATS.items():
        if head.startswith(magic):
            refuse(path, f"looks like {name}", "give JSON lines in UTF-8, plain or gzip")


def _lines(handle: BinaryIO, path: str) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, offset and bytes of each line that is not blank; a line too long is yielded cut."""
    offset, most, last = 0, limits().record_bytes, 0
    for number in count(1):
        raw = handle.readline(most + 1)
        if not raw:
            return
        bom = len(_BOM) if number == 1 and raw.startswith(_BOM) else 0
        if raw[bom:].strip():
            last = number
            yield number, offset + bom, raw[bom:]
        elif number - last > MAX_BLANK_LINES:
            refuse(f"{path}:{number}", f"more than {MAX_BLANK_LINES:,} blank lines", "write the file again")
        offset += len(raw)
        while not raw.endswith(b"\n") and (raw := handle.readline(2**20)):
            offset += len(raw)


def parse_object(raw: bytes, *, constants_as_null: bool = False) -> dict[str, Any]:
    """Parse one line as a JSON object, more strictly than json.loads."""
    if len(raw) > (most := limits().record_bytes):
        raise RecordProblem(f"line longer than {most // MIB} MiB", raise_record_limit("write one record a line"))
    record = parse_value(raw, constants_as_null=constants_as_null)
    if not isinstance(record, dict):
        raise RecordProblem("not an object", "write one JSON object a line; for an array: jq -c '.[]'")
    return record


def parse_value(raw: bytes, *, constants_as_null: bool = False) -> Any:  # noqa: ANN401
    """Parse any JSON value as strictly; NaN and Infinity, which Python writes, are refused or read as null."""
    _refuse_many_values(raw)
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


def _refuse_many_values(raw: bytes) -> None:
    """Refuse a text of so many values that it would take a multiple of its size in memory."""
    if holds_too_much(raw):
        told = f"more than {limits().values:,} values"
        raise RecordProblem(told, raise_record_limit("write smaller records"))


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
