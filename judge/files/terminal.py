"""The one place that writes to standard output and standard error: nothing foreign in it acts on a terminal."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from judge.files.safe_text import safe

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from typing_extensions import Buffer


class _Descriptor(io.FileIO):
    """An open file that takes what is written to it.

    Args:
        stream: the text stream whose file it is.
        harmless: write text that does not act on a terminal.
        forgiving: once nobody reads the file any more, what is written is lost and no error.
    """

    def __init__(self, stream: TextIO, *, harmless: bool, forgiving: bool) -> None:
        super().__init__(stream.fileno(), "w", closefd=False)
        self._harmless, self._forgiving, self._encoding = harmless, forgiving, stream.encoding
        self._decoder = codecs.getincrementaldecoder(stream.encoding)("replace")

    def write(self, given: Buffer) -> int:
        """Write, and return how many bytes need not be written again."""
        content = bytes(given)
        if self._harmless:
            text = safe(self._decoder.decode(content))
            content = text.encode(self._encoding, "backslashreplace")
        try:
            while content:
                content = content[os.write(self.fileno(), content) :]
        except OSError:
            if not self._forgiving:
                raise
        return memoryview(given).nbytes


def _wrapped(stream: TextIO, *, harmless: bool, forgiving: bool) -> TextIO:
    """Return a stream over the same file; the stream itself where there is none, or it is no file."""
    try:
        raw = io.BufferedWriter(_Descriptor(stream, harmless=harmless, forgiving=forgiving))
    except (AttributeError, OSError, ValueError):
        return stream
    return io.TextIOWrapper(raw, stream.encoding, errors="backslashreplace", line_buffering=True)


_styled: dict[str, TextIO] = {}
"""where `console` draws while `guarding` holds: only there may escape sequences go, and they are its own"""


def forgive_stderr() -> None:
    """Ignore errors of writing to standard error: a run goes on when its terminal, or its `tee`, is gone."""
    sys.stderr = _wrapped(sys.stderr, harmless=False, forgiving=True)


@contextmanager
def guarding() -> Iterator[None]:
    """Make all harmless that is written to standard error within, and to standard output if that is a terminal.

    What goes into a file or another program stays as it is.
    """
    before = (sys.stdout, sys.stderr)
    if sys.stdout is not None and sys.stdout.isatty():
        _styled["stdout"] = sys.stdout
        sys.stdout = _wrapped(sys.stdout, harmless=True, forgiving=False)
    _styled["stderr"] = sys.stderr
    sys.stderr = _wrapped(sys.stderr, harmless=True, forgiving=True)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before
        _styled.clear()


def tell(text: str) -> None:
    """Write a note for a person to standard error, where there is one."""
    if sys.stderr is not None:
        sys.stderr.write(f"{safe(text)}\n")


def write(text: str | bytes, *, end: str = "\n") -> None:
    """Write a result to standard output, where there is one: as it is, unless that is a terminal."""
    if sys.stdout is None:
        return
    if isinstance(text, str):
        sys.stdout.write(text + end)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text + end.encode())
    sys.stdout.flush()


def say(text: str) -> None:
    """Write lines for a person to standard output."""
    write(safe(text))


def console(*, to_stderr: bool = False) -> Console:
    """Return where texts of every kind are drawn as they are, but for what would act on a terminal."""
    from rich.console import Console  # noqa: PLC0415 - `--help` starts without it
    from rich.segment import Segment  # noqa: PLC0415

    class Harmless(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(safe(segment.text), segment.style)

        def on_broken_pipe(self) -> None:
            """Leave it to the command line, which ends in silence; rich would end with exit code 1."""
            raise BrokenPipeError

    file = _styled.get("stderr" if to_stderr else "stdout")
    return Harmless(highlight=False, markup=False, emoji=False, stderr=to_stderr, file=file)


def somebody_is_here() -> bool:
    """Whether standard input and standard error are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask a question; anything but yes, the end of the input included, is no."""
    sys.stderr.write(f"{safe(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
