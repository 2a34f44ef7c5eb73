"""Output of commands, and the exit codes."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from judge.enums import ReportFormat
from judge.errors import InputError
from judge.files.terminal import console, say, tell, write

if TYPE_CHECKING:
    from pydantic import BaseModel

    from judge.costs.quote import Quote
    from judge.tables.cells import Document

Made = TypeVar("Made")
MEGABYTE = 1_000_000


class Exit(IntEnum):
    """Exit codes of the program; 2 is typer's for wrong usage."""

    BUG = 1
    """a traceback"""
    INPUT = 3
    """a file, an option or a run folder cannot be used"""
    FAILURES = 4
    """too many judgments failed, or a judge answers no more; what was judged is kept"""
    GATE = 5
    """a gate was missed"""
    BUDGET = 6
    """the run has spent what it may; resumable"""
    EVIDENCE = 7
    """a gate has not enough evidence"""
    INTERRUPTED = 130
    """stopped by a person; resumable"""


def teller(*, quiet: bool) -> Callable[[str], None]:
    """Return the receiver of notes: stderr, or nobody."""
    return (lambda _: None) if quiet else tell


def print_json(made: BaseModel) -> None:
    """Print a report as JSON."""
    from judge.files.files import as_json_bytes

    write(as_json_bytes(made.model_dump(mode="json")), end="")


def print_form(
    made: Made,
    form: ReportFormat,
    document: Callable[[Made], Document],
    draw: Callable[..., None],
    *,
    errors: bool = False,
) -> None:
    """Draw a report on the terminal, or write its document in the form that was asked for.

    Args:
        made: the report.
        form: which one.
        document: makes what is written.
        draw: draws the report on a console, with or without standard errors.
        errors: whether what is written shows standard errors.
    """
    if form is ReportFormat.TERMINAL:
        draw(made, console(), errors=errors)
        return
    from judge.tables.formats import written

    content = document(made)
    write(written(content.with_errors() if errors else content, form).encode(), end="")


def make_file(make: Callable[[Path], None], to: Path, *, overwrite: bool) -> None:
    """Make a page and say so; InputError where its file is there and may not be replaced."""
    if to.exists() and not overwrite:
        raise InputError(f"--html {to}", "exists already", "name another file, or replace it with --overwrite")
    make(to)
    size = to.stat().st_size
    shown = f"{size / 1e6:.1f} MB" if size >= MEGABYTE else f"{size / 1e3:.0f} kB"
    say(f"{to}: written, {shown}; open it in a browser, it needs no network")


def print_quote(quote: Quote, *, as_json: bool) -> None:
    """Print what is still to be asked, and what it may cost."""
    from judge.costs.render_quote import render_quote

    if as_json:
        print_json(quote)
    else:
        render_quote(quote)
