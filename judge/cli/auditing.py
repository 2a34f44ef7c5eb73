"""The commands that show single judgments: view."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options as o
from judge.cli.reporting import find_run


def view(
    run: o.RunPath,
    *,
    runs: o.Runs = Path("runs"),
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; anything but 127.0.0.1 lets others read and label.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
) -> None:
    """Serve the page of a run on this machine; labels made in it are kept in the run's folder."""
    from judge.run.view import serve  # noqa: PLC0415 - `--help` starts without numpy

    serve(find_run(run, runs), host=host, port=port, say=o.tell)
