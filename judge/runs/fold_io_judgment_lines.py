"""The lines of a journal: how a judgment is written, and how a line that a crash tore is mended."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from msgspec import DecodeError
from msgspec.json import decode, encode

from judge.schema import Judgment

if TYPE_CHECKING:
    from pathlib import Path


def as_line(judgment: Judgment) -> bytes:
    """Return a judgment's line in the journal."""
    return encode(judgment) + b"\n"


def mend_tail(path: Path) -> bool:
    """Complete or cut off a last line that lacks its newline; return whether something was cut."""
    if not path.exists():
        return False
    with path.open("r+b") as file:
        tail = _last_line(file)
        if not tail:
            return False
        try:
            decode(tail, type=Judgment)
        except DecodeError:
            file.seek(-len(tail), os.SEEK_END)
            file.truncate()
            return True
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
        return False


def _last_line(file: IO[bytes]) -> bytes:
    """Return what follows the last newline."""
    size = file.seek(0, os.SEEK_END)
    tail, block = b"", 1 << 16
    while size and b"\n" not in tail:
        start = max(0, size - block)
        file.seek(start)
        tail = file.read(size - start) + tail
        size = start
    return tail.rpartition(b"\n")[2]
