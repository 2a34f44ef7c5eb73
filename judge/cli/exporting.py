"""The command that carries a run away: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options as o
from judge.cli.reporting import find_run


def export(
    run: o.RunPath,
    *,
    to: Annotated[o.ExportOption, typer.Option(help="Tidy tables, or preferences for TRL's DPOTrainer.")],
    out: Annotated[Path, typer.Option(metavar="PATH", help="What to make: a folder of tables; with --to dpo, a file.")],
    criterion: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --to dpo: what decides; default: the overall verdict.")
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="With --to dpo: least share of judges and samples that say the same."
        ),
    ] = None,
    runs: o.Runs = Path("runs"),
) -> None:
    """Write a run as tables of items, judgments and labels (of a score: units), or as preferences to train on."""
    from judge.core.export import ExportForm  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.export import ExportOptions, export_run  # noqa: PLC0415

    options = ExportOptions(ExportForm(to.value), out, criterion, min_agreement)
    written = export_run(find_run(run, runs), options)
    typer.echo(f"{out}: {', '.join(f'{name} {n}' for name, n in written.items())}")
