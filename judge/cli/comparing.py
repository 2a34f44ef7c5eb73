"""The commands that ask judges, or say what would be asked: compare, resume, retry, merge, show-prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli import options as o
from judge.cli.reporting import find_run, print_report

if TYPE_CHECKING:
    from judge.run.inputs import InputOptions
    from judge.run.judging import JudgingOptions

DEFAULT_RUNS = Path("runs")


def compare(
    a: o.TracesA,
    b: o.TracesB,
    *,
    items: o.Items = None,
    field: o.Fields = [],  # noqa: B006 - typer copies it
    allow_missing: o.AllowMissing = False,
    on_missing_image: o.OnMissingImage = o.ImageOption.error,
    judge: o.Judges = ["local"],  # noqa: B006 - typer copies it
    prompt: o.PromptName = "pairwise.v1",
    rubric: o.RubricName = "openmedreason.v1",
    orders: Annotated[
        o.OrdersOption, typer.Option(help="Judge each pair in both orders, or half of them each way.")
    ] = (o.OrdersOption.both),
    samples: Annotated[int, typer.Option(min=1, help="Replies per pair, order and judge.")] = 1,
    show_reference: o.ShowReference = True,
    hide_answers: o.HideAnswers = False,
    max_output_tokens: o.MaxOutputTokens = None,
    temperature: o.Temperature = None,
    effort: o.Effort = None,
    seed: o.Seed = 0,
    ci: Annotated[o.IntervalOption, typer.Option("--ci", help="How intervals are made.")] = o.IntervalOption.jeffreys,
    shard: o.ShardOption = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run folder.")] = None,
    runs: o.Runs = DEFAULT_RUNS,
    concurrency: o.Concurrency = 16,
    timeout: o.Timeout = 600.0,
    attempts: o.Attempts = 8,
    fsync_ms: o.FsyncMs = 50,
    max_failures: o.MaxFailures = 0.05,
    quiet: o.Quiet = False,
    json: o.AsJson = False,
) -> None:
    """Compare two models' traces: pair, judge in both orders, report win rates.

    Repeating the command goes on with the run that it began; what was judged is never asked again.
    """
    from judge.core.planning import Orders  # noqa: PLC0415 - `--help` starts without numpy
    from judge.core.sharding import Shard  # noqa: PLC0415
    from judge.core.stats.intervals import Method  # noqa: PLC0415
    from judge.io.judges.specs import JudgeOptions  # noqa: PLC0415
    from judge.run import compare as use_case  # noqa: PLC0415

    chosen = use_case.CompareOptions(
        inputs=_inputs(a, b, items, field, allow_missing=allow_missing, on_missing_image=on_missing_image),
        judges=tuple(judge),
        judge_options=JudgeOptions(max_output_tokens, temperature, effort),
        prompt=prompt,
        rubric=rubric,
        orders=Orders(orders.value),
        samples=samples,
        seed=seed,
        show_reference=show_reference,
        hide_answers=hide_answers,
        interval=Method(ci.value),
        shard=Shard.parse(shard) if shard is not None else None,
        name=name,
        runs=runs,
        judging=_judging(concurrency, timeout=timeout, attempts=attempts, fsync_ms=fsync_ms, quiet=quiet),
    )
    folder = use_case.compare(chosen, command=sys.argv, say=o.tell_nothing if quiet else o.tell)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)


def resume(
    run: o.RunPath,
    *,
    runs: o.Runs = DEFAULT_RUNS,
    concurrency: o.Concurrency = 16,
    timeout: o.Timeout = 600.0,
    attempts: o.Attempts = 8,
    fsync_ms: o.FsyncMs = 50,
    max_failures: o.MaxFailures = 0.05,
    quiet: o.Quiet = False,
    json: o.AsJson = False,
) -> None:
    """Go on with a run: ask what was not asked yet, and again what failed."""
    from judge.run import compare as use_case  # noqa: PLC0415 - `--help` starts without numpy

    folder = find_run(run, runs)
    judging = _judging(concurrency, timeout=timeout, attempts=attempts, fsync_ms=fsync_ms, quiet=quiet)
    use_case.resume(folder, judging, say=o.tell_nothing if quiet else o.tell)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)


def retry(
    run: o.RunPath,
    *,
    failure: o.Failures = [],  # noqa: B006 - typer copies it
    runs: o.Runs = DEFAULT_RUNS,
    concurrency: o.Concurrency = 16,
    timeout: o.Timeout = 600.0,
    attempts: o.Attempts = 8,
    fsync_ms: o.FsyncMs = 50,
    max_failures: o.MaxFailures = 0.05,
    quiet: o.Quiet = False,
    json: o.AsJson = False,
) -> None:
    """Ask again what failed, and nothing that was never asked."""
    from judge.run.retry import retry as use_case  # noqa: PLC0415 - `--help` starts without numpy
    from judge.schema import FailureKind  # noqa: PLC0415

    folder = find_run(run, runs)
    judging = _judging(concurrency, timeout=timeout, attempts=attempts, fsync_ms=fsync_ms, quiet=quiet)
    kinds = frozenset(FailureKind(kind.value) for kind in failure)
    use_case(folder, judging, kinds=kinds, say=o.tell_nothing if quiet else o.tell)
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


def show_prompt(
    a: o.TracesA,
    b: o.TracesB,
    *,
    item: Annotated[str, typer.Option(metavar="ID", help="Which item.")],
    order: Annotated[o.OrderOption, typer.Option(help="Which trace comes first.")] = o.OrderOption.forward,
    items: o.Items = None,
    field: o.Fields = [],  # noqa: B006 - typer copies it
    allow_missing: o.AllowMissing = False,
    on_missing_image: o.OnMissingImage = o.ImageOption.error,
    judge: o.Judges = ["local"],  # noqa: B006 - typer copies it
    prompt: o.PromptName = "pairwise.v1",
    rubric: o.RubricName = "openmedreason.v1",
    show_reference: o.ShowReference = True,
    hide_answers: o.HideAnswers = False,
    seed: o.Seed = 0,
) -> None:
    """Print exactly what a judge would be sent for one item."""
    from judge.run.compare import CompareOptions  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.show import show_prompt as use_case  # noqa: PLC0415
    from judge.schema import Order  # noqa: PLC0415

    chosen = CompareOptions(
        inputs=_inputs(a, b, items, field, allow_missing=allow_missing, on_missing_image=on_missing_image),
        judges=tuple(judge),
        prompt=prompt,
        rubric=rubric,
        seed=seed,
        show_reference=show_reference,
        hide_answers=hide_answers,
    )
    typer.echo(use_case(chosen, item=item, order=Order(order.value), say=o.tell))


def _inputs(
    a: str, b: str, items: str | None, field: list[str], *, allow_missing: bool, on_missing_image: o.ImageOption
) -> InputOptions:
    from judge.io.fields import parse_field_options  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.inputs import InputOptions, OnMissingImage  # noqa: PLC0415

    fields = parse_field_options(field)
    return InputOptions(a, b, items, fields, allow_missing, OnMissingImage(on_missing_image.value))


def _judging(concurrency: int, *, timeout: float, attempts: int, fsync_ms: int, quiet: bool) -> JudgingOptions:
    from judge.io.dispatch import Policy  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.judging import JudgingOptions  # noqa: PLC0415

    policy = Policy(attempts=attempts, timeout=timeout)
    return JudgingOptions(concurrency=concurrency, policy=policy, sync_seconds=fsync_ms / 1000, quiet=quiet)
