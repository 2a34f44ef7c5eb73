"""Questions at the terminal, and a standard error that may be closed."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Forgiving(io.RawIOBase):
    """Takes what is written to an open file; once nobody reads it any more, what is written is lost and no error.

    Args:
        descriptor: of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, given: Buffer) -> int:
        """Write, and return how many bytes need not be written again."""
        try:
            return os.write(self._descriptor, given)
        except OSError:
            return memoryview(given).nbytes


def forgive_stderr() -> None:
    """Ignore errors of writing to standard error: a run goes on when its terminal, or its `tee`, is gone."""
    try:
        stream = io.BufferedWriter(_Forgiving(sys.stderr.fileno()))
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return
    sys.stderr = io.TextIOWrapper(stream, sys.stderr.encoding, errors="backslashreplace", line_buffering=True)


def somebody_is_here() -> bool:
    """Whether standard input and standard error are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask a question; anything but yes, the end of the input included, is no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
