"""The commands that show prompts and rubrics: prompts, rubrics, and show-prompt with what a judge would be sent."""

from __future__ import annotations

from typing import Annotated

import typer

from judge.files.terminal import tell, write
from judge.judging.command_options import PromptOptions
from judge.schema import Order

NamedAsset = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this one's text.")]


def prompts(name: NamedAsset = None) -> None:
    """List the judge prompts, or print one."""
    _show("prompts", name)


def rubrics(name: NamedAsset = None) -> None:
    """List the rubrics, or print one."""
    _show("rubrics", name)


def _show(kind: str, name: str | None) -> None:
    from judge.prompting.shipped_files import ANY, find_asset, load_prompt, load_rubric, shipped

    if name is not None:
        write(find_asset(kind, name).text, end="")
        return
    for path in shipped(kind):
        asset = find_asset(kind, path.stem)
        described = load_prompt(asset, ANY) if kind == "prompts" else load_rubric(asset)
        write(f"{path.stem}  {described.description}")


def show_prompt(
    *,
    item: Annotated[str, typer.Option(metavar="ID", help="Which item.")],
    order: Annotated[Order, typer.Option(help="Which trace comes first.")] = Order.FORWARD,
    options: PromptOptions,
) -> None:
    """Print exactly what a judge would be sent for one item."""
    from judge.comparison.show_prompt import show_prompt

    write(show_prompt(options, item=item, order=order, say=tell))
