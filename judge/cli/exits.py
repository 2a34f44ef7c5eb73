"""The exit codes, one meaning each; 2 is typer's for wrong usage."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the program's exit code says."""

    BUG = 1
    """a traceback"""
    INPUT = 3
    """a file, an option or a run folder cannot be used"""
    FAILURES = 4
    """too many judgments failed, or a judge answers no more; what was judged is kept"""
    BUDGET = 6
    """the run has spent what it may; resumable"""
    INTERRUPTED = 130
    """stopped by a person; resumable"""
