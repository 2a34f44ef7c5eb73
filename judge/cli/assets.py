"""The commands that show what ships with the program: prompts, rubrics."""

from __future__ import annotations

from typing import Annotated

import typer

NamedAsset = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this one's text.")]


def prompts(name: NamedAsset = None) -> None:
    """List the judge prompts, or print one."""
    _show("prompts", name)


def rubrics(name: NamedAsset = None) -> None:
    """List the rubrics, or print one."""
    _show("rubrics", name)


def _show(kind: str, name: str | None) -> None:
    from judge.io.assets import ANY, find_asset, load_prompt, load_rubric, shipped  # noqa: PLC0415 - `--help` starts without

    if name is not None:
        typer.echo(find_asset(kind, name).text, nl=False)
        return
    for path in shipped(kind):
        asset = find_asset(kind, path.stem)
        described = load_prompt(asset, ANY) if kind == "prompts" else load_rubric(asset)
        typer.echo(f"{path.stem}  {described.description}")
