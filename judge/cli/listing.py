"""The command that lists the runs of a folder: runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from judge.cli.options import AsJson
from judge.cli.output import print_json
from judge.files.terminal import console
from judge.judging.options import DEFAULT_RUNS, Runs


def runs(
    *,
    n: Annotated[int | None, typer.Option(min=1, help="Most runs to list; default: all.")] = None,
    runs: Runs = DEFAULT_RUNS,
    json: AsJson = False,
) -> None:
    """List the runs, the newest first: what each compares, its win rate, how far it is, its cost and age."""
    from judge.audit.list_runs import list_runs
    from judge.audit.render_runs import render_runs

    listing = list_runs(runs, most=n)
    if json:
        print_json(listing)
    else:
        render_runs(listing, runs, console(), now=datetime.now(UTC))
