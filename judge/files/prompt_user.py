"""Questions at the terminal, and a standard error that may be closed."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Forgiving(io.FileIO):
    """Takes what is written to an open file; once nobody reads it any more, what is written is lost and no error."""

    def write(self, given: Buffer) -> int:
        """Write, and return how many bytes need not be written again."""
        try:
            return os.write(self.fileno(), given)
        except OSError:
            return memoryview(given).nbytes


def forgive_stderr() -> None:
    """Ignore errors of writing to standard error: a run goes on when its terminal, or its `tee`, is gone."""
    try:
        stream = io.BufferedWriter(_Forgiving(sys.stderr.fileno(), "w", closefd=False))
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
