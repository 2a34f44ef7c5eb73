"""Read single keypresses from a terminal."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from judge.errors import InputError
from judge.files.terminal import write

ESCAPE = b"\x1b"
ESCAPE_SECONDS = 0.05
"""the bytes of one key follow each other faster than a person's keys do"""
FIRST_OF_SEVERAL = b"\xc0"
"""from here on, a byte begins a character of several in UTF-8"""


class Keyboard:
    """The keys of the terminal that standard input is."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()

    def key(self) -> str:
        """Wait for a key and return it, in lower case; empty at the end of the input, `?` for keys of several bytes."""
        pressed = os.read(self._descriptor, 1)
        if pressed == ESCAPE:
            self._skip_sequence()
        elif pressed >= FIRST_OF_SEVERAL:
            os.read(self._descriptor, 1 + (pressed >= b"\xe0") + (pressed >= b"\xf0"))
        elif pressed.isascii():
            return pressed.decode().lower()
        return "?"

    def _skip_sequence(self) -> None:
        """Read the rest of a key such as an arrow, whose bytes would else be taken for keys."""
        if not select.select([self._descriptor], [], [], ESCAPE_SECONDS)[0]:
            return
        if os.read(self._descriptor, 1) in {b"[", b"O"}:
            while not b"@" <= os.read(self._descriptor, 1) <= b"~":
                pass

    def line(self, prompt: str) -> str:
        """Ask for a line of text, edited as the terminal edits lines."""
        import termios  # noqa: PLC0415 - POSIX alone has it

        keys = termios.tcgetattr(self._descriptor)
        editing = termios.tcgetattr(self._descriptor)
        editing[3] |= termios.ICANON | termios.ECHO
        termios.tcsetattr(self._descriptor, termios.TCSANOW, editing)
        try:
            write(prompt, end="")
            return os.read(self._descriptor, 4096).decode(errors="replace").strip()
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, keys)


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """Yield the keyboard, keys coming as they are pressed and unseen; the terminal is put back after.

    Raises:
        InputError: standard input is no terminal.
    """
    if not (sys.platform != "win32" and sys.stdin.isatty()):
        raise InputError(
            "omr-judge label", "standard input is no terminal", "`omr-judge packet` makes a page to fill instead"
        )
    import termios  # noqa: PLC0415 - POSIX alone has it
    import tty  # noqa: PLC0415

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield Keyboard()
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
