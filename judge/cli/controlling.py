"""The command that puts a judge to the test: control."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options as o
from judge.cli.judging_options import judging_options
from judge.cli.reporting import find_run, print_report


def control(
    run: o.RunPath,
    *,
    kind: Annotated[
        list[o.ControlOption], typer.Option("--kind", help="What to change in the pairs that are asked; repeatable.")
    ],
    control_n: o.ControlN = 200,
    price: o.Prices = [],  # noqa: B006 - typer copies it
    confirm_above: o.ConfirmAbove = None,
    runs: o.Runs = Path("runs"),
    concurrency: o.Concurrency = 16,
    timeout: o.Timeout = 600.0,
    attempts: o.Attempts = 8,
    max_rpm: o.MaxRpm = None,
    max_tpm: o.MaxTpm = None,
    max_calls: o.MaxCalls = None,
    max_cost: o.MaxCost = None,
    poll: o.Poll = 60.0,
    fsync_ms: o.FsyncMs = 50,
    max_failures: o.MaxFailures = 0.05,
    quiet: o.Quiet = False,
    json: o.AsJson = False,
) -> None:
    """Test the judge of a comparison: ask a sample of its pairs again, changed, and report how far verdicts move."""
    from judge.core.controls.kinds import ControlKind  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.control import add_controls  # noqa: PLC0415
    from judge.run.controls import ControlOptions  # noqa: PLC0415

    folder = find_run(run, runs)
    judging = judging_options(
        concurrency=concurrency,
        timeout=timeout,
        attempts=attempts,
        max_rpm=max_rpm,
        max_tpm=max_tpm,
        max_calls=max_calls,
        max_cost=max_cost,
        confirm_above=confirm_above,
        poll=poll,
        fsync_ms=fsync_ms,
        quiet=quiet,
    )
    wanted = ControlOptions(tuple(ControlKind(one.value) for one in kind), control_n)
    say = o.tell_nothing if quiet else o.tell
    add_controls(folder, wanted, judging, prices=price, command=sys.argv, say=say)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)
