"""Ask the person at the terminal."""

from __future__ import annotations

import sys


def somebody_is_here() -> bool:
    """Tell whether a person can be asked and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask a question; anything but yes, the end of the input included, is no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
