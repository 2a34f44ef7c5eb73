"""Read JSON lines strictly: from a file, gzip or standard input, one line in memory at a time."""

from __future__ import annotations

import gzip
import hashlib
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn, cast

from judge.errors import InputError, InputErrors
from judge.files.fields import RecordProblem
from judge.files.limits import (
    MAX_BLANK_LINES,
    MIB,
    kind_of_file,
    limits,
    open_pipe,
    open_regular,
    too_large,
    unpacks_too_far,
)
from judge.files.strict_json import parse_object

MAGIC_BYTES = 16
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
PARQUET = "a Parquet file"
_FORMATS = {
    b"PK\x03\x04": "a zip archive or an Excel sheet",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"PAR1": PARQUET,
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
        if "://" in path:
            refuse(path, "is an address, no file on this machine", "download it first, as by `curl -O ADDRESS`")
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
            to = Path(path).name
            to = f"{to.partition('.')[0]}{'-lines' * to.endswith('.jsonl')}.jsonl"
            convert = f"omr-judge convert {path} --to {to}"
            hint = f"convert it first: {convert}" if name == PARQUET else "give JSON lines in UTF-8, plain or gzip"
            refuse(path, f"looks like {name}", hint)


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
