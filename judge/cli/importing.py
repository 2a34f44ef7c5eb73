"""The command that takes in judgments made elsewhere: import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options as o
from judge.cli.reporting import print_report


def import_(
    verdicts: Annotated[
        str, typer.Argument(metavar="VERDICTS.JSONL", help="One verdict a line; '-' reads standard input.")
    ],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the run folder.")],
    runs: o.Runs = Path("runs"),
    max_failures: o.MaxFailures = 1.0,
    quiet: o.Quiet = False,
    json: o.AsJson = False,
) -> None:
    """Make a run of judgments made elsewhere, so that report and everything after it work on them."""
    from judge.run.imports import import_verdicts  # noqa: PLC0415 - `--help` starts without numpy

    folder = import_verdicts(verdicts, name=name, runs=runs, command=sys.argv)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)
