"""The commands that go on with runs: resume, retry, merge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options as o
from judge.cli.judging_options import judging_options
from judge.cli.reporting import find_run, print_report

DEFAULT_RUNS = Path("runs")


def resume(
    run: o.RunPath,
    *,
    price: o.Prices = [],  # noqa: B006 - typer copies it
    confirm_above: o.ConfirmAbove = None,
    runs: o.Runs = DEFAULT_RUNS,
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
    """Go on with a run: ask what was not asked yet, and again what failed."""
    from judge.run.compare import resume as use_case  # noqa: PLC0415 - `--help` starts without numpy

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
    use_case(folder, judging, prices=price, say=o.tell_nothing if quiet else o.tell)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)


def retry(
    run: o.RunPath,
    *,
    failure: o.Failures = [],  # noqa: B006 - typer copies it
    price: o.Prices = [],  # noqa: B006 - typer copies it
    confirm_above: o.ConfirmAbove = None,
    runs: o.Runs = DEFAULT_RUNS,
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
    """Ask again what failed, and nothing that was never asked."""
    from judge.run.retry import retry as use_case  # noqa: PLC0415 - `--help` starts without numpy
    from judge.schema import FailureKind  # noqa: PLC0415

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
    kinds = frozenset(FailureKind(kind.value) for kind in failure)
    use_case(folder, judging, prices=price, kinds=kinds, say=o.tell_nothing if quiet else o.tell)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)


def merge(
    shards: Annotated[list[str], typer.Argument(metavar="RUN...", help="The run folder of every shard, or its name.")],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the merged run folder.")],
    runs: o.Runs = DEFAULT_RUNS,
    max_failures: o.MaxFailures = 0.05,
    quiet: o.Quiet = False,
    json: o.AsJson = False,
) -> None:
    """Merge the runs of all shards of a comparison (`compare --shard`) into one, as if it had never been cut."""
    from judge.run.merge import merge_shards  # noqa: PLC0415 - `--help` starts without numpy

    folder = merge_shards([find_run(run, runs) for run in shards], name=name, runs=runs, command=sys.argv)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)
