"""Quote what a run is still to be asked, and have a person confirm it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.core.quote import Quote, quote
from judge.errors import InputError, InterruptedRunError
from judge.io.images import image_size
from judge.io.render.costs import dollars
from judge.io.render.quote import render_quote
from judge.io.terminal import agreed, somebody_is_here
from judge.run.task import task_of

if TYPE_CHECKING:
    from collections.abc import Container
    from decimal import Decimal

    from judge.io.journal import RunFolder
    from judge.io.manifest import AnyManifest
    from judge.io.pictures.kinds import Size
    from judge.schema import Image

UNREADABLE = (1024, 1024)
"""pixels that an image is taken to have whose header does not state them"""


def quote_run(folder: RunFolder, manifest: AnyManifest, *, done: Container[bytes], batch: bool = False) -> Quote:
    """Quote the requests of a run that have no verdict yet, at its pinned prices.

    Args:
        folder: where its subjects are.
        manifest: whom to ask, at what price.
        done: keys of requests that are not to be asked.
        batch: ask in batches, where the provider has them.
    """
    task = task_of(folder, manifest)
    return quote(task.work, manifest.judges, manifest.prices, task.subjects(), done=done, pixels=pixels, batch=batch)


def pixels(image: Image) -> Size:
    """Return an image's width and height."""
    return image_size(image) or UNREADABLE


def confirm(quoted: Quote, *, above: Decimal) -> None:
    """Ask a person before more than so many US dollars are spent, or before a price that is unknown.

    Raises:
        InputError: nobody is here to ask.
        InterruptedRunError: the person does not agree; nothing was asked.
    """
    if quoted.usd is not None and quoted.usd.expected <= above:
        return
    if not somebody_is_here():
        cost = "at an unknown cost" if quoted.usd is None else f"for about {dollars(quoted.usd.expected)}"
        raise InputError(
            f"--confirm-above {above}",
            f"{quoted.calls} calls are to be made {cost}, and nobody is at a terminal to confirm it",
            "raise the limit or leave it out; --dry-run shows the quote, --price sets an unknown price",
        )
    render_quote(quoted, to_stderr=True)
    if not agreed("Go on?"):
        raise InterruptedRunError("not confirmed; nothing was asked, and the same command goes on")
