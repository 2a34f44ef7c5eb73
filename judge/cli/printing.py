"""Print reports of any kind in any form, and quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from judge.cli import options as o

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from judge.core.quote import Quote
    from judge.io.render.document import Document


def print_form(form: o.FormOption, *, document: Callable[[], Document], draw: Callable[[Console], None]) -> None:
    """Draw a report on the terminal, or write its document in the form that was asked for."""
    if form is o.FormOption.terminal:
        from rich.console import Console  # noqa: PLC0415 - `--help` starts without it

        draw(Console(highlight=False, markup=False, emoji=False))
        return
    from judge.io.render.paper import ReportForm, written  # noqa: PLC0415 - `--help` starts without numpy

    typer.echo(written(document(), ReportForm(form.value)).encode(), nl=False)


def print_quote(quote: Quote, *, as_json: bool) -> None:
    """Print what is still to be asked, and what it may cost."""
    from judge.io.files import as_json_bytes  # noqa: PLC0415 - `--help` starts without numpy
    from judge.io.render.quote import render_quote  # noqa: PLC0415

    if as_json:
        typer.echo(as_json_bytes(quote.model_dump(mode="json")), nl=False)
    else:
        render_quote(quote)
