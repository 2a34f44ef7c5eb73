"""Limits of all that is read, held before memory is taken; two options of every command raise them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from judge.errors import InputError

MIB = 2**20
RECORD_MB = 32
FILE_MB = 4096
UNPACKED_BYTES = 32 * MIB
"""what packed data may always unpack into"""
UNPACKED_RATIO = 100
"""times its own size that larger packed data may unpack into: text comes to about 10, a bomb to 1,000"""
OWN_LINE_BYTES = 128 * MIB
"""of a line of a run's own files: a reply of the largest size has room in it"""
BYTES_PER_VALUE = 16
"""of a record, on the average: smaller values would take a multiple of the record's size in memory"""
MAX_PROBLEMS = 10_000
"""of a file: what has as many is read no further"""
MAX_BLANK_LINES = 100_000
"""without a record between them"""
SILENT_SECONDS = 2.0
"""a named pipe that nobody has opened for writing by then is refused"""
_RAISE_FILE = "--max-file-mb MB allows more"
_RAISE_RECORD = "--max-record-mb MB allows more"
_PANEL = "Limits of what is read"


@dataclass(frozen=True)
class Limits:
    """How much may be read; docs/input.md states what follows from the two."""

    max_file_mb: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="MB",
            rich_help_panel=_PANEL,
            help=f"Most of a file, unpacked (default {FILE_MB}, and {UNPACKED_RATIO} times its packed size).",
        ),
    ] = None
    max_record_mb: Annotated[
        int, typer.Option(min=1, metavar="MB", rich_help_panel=_PANEL, help="Most of a line, row or record.")
    ] = RECORD_MB

    @property
    def file_bytes(self) -> int:
        """Most bytes of a file that is not packed."""
        return (self.max_file_mb or FILE_MB) * MIB

    @property
    def record_bytes(self) -> int:
        """Most bytes of a line, a row or a file that is one record."""
        return self.max_record_mb * MIB

    @property
    def document_bytes(self) -> int:
        """Most bytes of a JSON document of many records, which is read at once."""
        return 8 * self.record_bytes

    @property
    def settings_bytes(self) -> int:
        """Most bytes of a file that a person wrote by hand: a prompt, a rubric, a file of judges."""
        return self.record_bytes // 32

    @property
    def values(self) -> int:
        """Most values of a record or a document, however small."""
        return self.record_bytes // BYTES_PER_VALUE

    @property
    def text_chars(self) -> int:
        """Most characters of a text, such as a trace."""
        return self.record_bytes // 8

    def unpacked_bytes(self, packed: int) -> int:
        """Return most bytes that packed data of a size may unpack into."""
        if self.max_file_mb is not None:
            return self.file_bytes
        return min(self.file_bytes, max(UNPACKED_BYTES, UNPACKED_RATIO * packed))


_limits: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def limits() -> Limits:
    """Return the limits that hold: of the command that runs, else the defaults."""
    return _limits.get()


@contextmanager
def limiting(chosen: Limits) -> Iterator[None]:
    """Have these limits hold for what is done within."""
    before = _limits.set(chosen)
    try:
        yield
    finally:
        _limits.reset(before)


def too_large(where: str, most: int) -> InputError:
    """Return the error that a file is larger than it may be."""
    return InputError(where, f"larger than {most / MIB:,.0f} MiB", _RAISE_FILE)


def unpacks_too_far(where: str) -> InputError:
    """Return the error that packed data unpack into more than they may."""
    given = limits().max_file_mb
    most = f"{given:,} MiB" if given else f"{UNPACKED_RATIO} times its size, or {FILE_MB:,} MiB"
    return InputError(where, f"unpacks into more than {most}", _RAISE_FILE)


def record_too_large(where: str, most: int) -> InputError:
    """Return the error that a record, or a file that is one, is larger than it may be."""
    return InputError(where, f"larger than {most / MIB:,.0f} MiB", _RAISE_RECORD)


def raise_record_limit(otherwise: str) -> str:
    """Return what to do about a record that is too large, the option that allows it included."""
    return f"{otherwise}; {_RAISE_RECORD}"


def holds_too_much(content: bytes) -> bool:
    """Say whether JSON may hold so many values that it would take a multiple of its size in memory."""
    most = limits().values
    return len(content) > most and sum(map(content.count, (b",", b":", b"[", b"{"))) > most


def is_about_a_limit(error: InputError) -> bool:
    """Say whether an error tells that something is larger than it may be."""
    return error.hint.endswith((_RAISE_FILE, _RAISE_RECORD))


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; nothing else is opened or waited for.

    Raises:
        OSError: it is not there, or may not be read.
        InputError: it is a folder, a device, a pipe or a socket.
    """
    refuse_irregular(path)
    file = cast("BinaryIO", open(path, "rb", opener=_without_waiting))  # noqa: SIM115 - the caller closes it
    try:
        _refuse_mode(path, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def real_path(path: str | Path) -> Path:
    """Return an absolute path without links; where they lead in a circle, one that cannot be opened."""
    return Path(os.path.realpath(path))


def refuse_irregular(path: Path) -> None:
    """Refuse what is there and no regular file (InputError), before it is opened: a pipe would be waited for."""
    _refuse_mode(path, path.stat().st_mode)


def _refuse_mode(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise InputError(str(path), f"is {kind_of_file(mode)}", "give a file")


def kind_of_file(mode: int) -> str:
    """Name what lies at a path that is no regular file, by its mode."""
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def open_pipe(path: Path) -> tuple[bytes, BinaryIO]:
    """Open a named pipe, and return what came first, which may be nothing yet: whoever holds it open is waited for.

    Raises:
        InputError: nobody has opened it for writing.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    deadline = time.monotonic() + SILENT_SECONDS
    while (first := _come(descriptor)) == b"" and time.monotonic() < deadline:
        time.sleep(SILENT_SECONDS / 100)
    if first == b"":
        os.close(descriptor)
        raise InputError(str(path), "a pipe that nobody writes", "start what writes it, or give a file")
    os.set_blocking(descriptor, True)
    return first or b"", os.fdopen(descriptor, "rb")


def _come(descriptor: int) -> bytes | None:
    """Return what waits in a pipe; nothing where nobody has it open for writing, None where somebody is silent."""
    try:
        return os.read(descriptor, MIB)
    except BlockingIOError:
        return None


def read_whole(path: Path, *, most: int | None = None) -> bytes:
    """Return the content of a regular file that is one record, such as a manifest or a prompt.

    Args:
        path: the file.
        most: bytes that it may have, where that is not the limit of a record.

    Raises:
        OSError: it is not there, or may not be read.
        InputError: it is no regular file, or larger than a record may be.
    """
    most = limits().record_bytes if most is None else most
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise record_too_large(str(path), most)
    if holds_too_much(content):
        raise InputError(str(path), f"more than {limits().values:,} values", _RAISE_RECORD)
    return content


def own_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the lines of one of a run's own files; InputError where one is longer than any that was written."""
    most = max(OWN_LINE_BYTES, limits().record_bytes)
    for number in count(1):
        line = file.readline(most + 1)
        if not line:
            return
        if len(line) > most:
            raise record_too_large(f"{path}:{number}", most)
        if holds_too_much(line):
            raise InputError(f"{path}:{number}", f"more than {limits().values:,} values", _RAISE_RECORD)
        yield line
