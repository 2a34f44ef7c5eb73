"""Read and mend files of sealed lines, one JSON object a line."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from judge.errors import RunError
from judge.files.damage import change_in
from judge.files.limits import open_regular, own_lines, refuse_irregular
from judge.files.sealing import unseal

T = TypeVar("T")


class SealedLine(NamedTuple):
    """A line of a file, without its seal."""

    number: int
    """from 1"""
    offset: int
    """of its first byte"""
    content: bytes
    seal: int | None
    """None: it has none"""
    problem: str
    """why it is not what was written here; empty where it is, or where nobody can tell, as it has no seal"""


class Tail(NamedTuple):
    """The end of a file of lines."""

    seal: int
    """of its last line; 0 where it has none"""
    torn: bool
    """whether a line was cut off it that a process wrote as it was killed"""


def sealed_lines(
    path: Path, *, sealed: bool = False, appended: bool = False, chained: bool = True
) -> Iterator[SealedLine]:
    """Yield the lines of a file, none where there is no file.

    Args:
        path: the file.
        sealed: whether every line must have a seal.
        appended: whether lines are appended to the file: then a last one that is torn is left out.
        chained: whether a seal goes on from that of the line before it.

    Raises:
        RunError: it cannot be read.
        InputError: it is no regular file, or a line is longer than any that was written.
    """
    try:
        file = open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    before = offset = 0
    with file:
        for number, raw in enumerate(own_lines(file, path), start=1):
            content, seal, holds = unseal(raw, before)
            problem = "" if holds else change_in(raw, before)
            if seal is None:
                if appended and not raw.endswith(b"\n") and is_torn(raw):
                    return
                if sealed:
                    problem = "has no checksum: not written by this program, or changed since"
            yield SealedLine(number, offset, content, seal, problem)
            before = seal or 0 if chained else 0
            offset += len(raw)


def sealed_records(
    path: Path, decode: Callable[[bytes], T], *, sealed: bool = False, appended: bool = False, chained: bool = True
) -> Iterator[T]:
    """Yield the records of a file; RunError names the file and the line of one that is damaged.

    Args:
        path: the file.
        decode: reads a line; ValueError or RecursionError where it is no record.
        sealed: as the others as for `sealed_lines`, as are the errors.
        appended: as above.
        chained: as above.
    """
    for line in sealed_lines(path, sealed=sealed, appended=appended, chained=chained):
        yield decoded(path, line, decode)


def decoded(path: Path, line: SealedLine, decode: Callable[[bytes], T]) -> T:
    """Read a line of a file; RunError where it is not what was written, or no record."""
    if line.problem:
        raise RunError(f"{path}:{line.number}: damaged line: {line.problem}")
    try:
        return decode(line.content)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}:{line.number}: damaged line: {problem_of(error)}") from error


def problem_of(error: ValueError | RecursionError) -> str:
    """Say in a line why bytes are no record."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
    return str(error)


def is_torn(tail: bytes) -> bool:
    """Tell whether a last line without a newline is the beginning of one, and not a whole one that was changed."""
    try:
        json.JSONDecoder().raw_decode(tail.decode(errors="replace"))
    except ValueError:
        return True
    except RecursionError:
        return False
    return False


def mend_tail(path: Path) -> Tail:
    """Complete a last line that lacks its newline alone, or cut it off where it is torn.

    Raises:
        RunError: it is neither: it was changed since it was written.
        InputError: as for `sealed_lines`.
    """
    if not path.exists():
        return Tail(0, torn=False)
    refuse_irregular(path)
    with path.open("r+b") as file:
        last = deque(own_lines(file, path), maxlen=2)
        tail = last[-1] if last else b"\n"
        if tail.endswith(b"\n"):
            return Tail(unseal(tail).seal or 0, torn=False)
        if is_torn(tail):
            file.truncate(file.tell() - len(tail))
            return Tail((unseal(last[0]).seal or 0) if len(last) > 1 else 0, torn=True)
        if not tail.endswith(b"}"):
            raise RunError(f"{path}: its last line was changed since it was written; no line is taken from it or added")
        file.write(b"\n")
        return Tail(unseal(tail).seal or 0, torn=False)
