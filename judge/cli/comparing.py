"""The commands that ask judges, or say what would be asked: compare, resume, retry, merge, show-prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli import options as o
from judge.cli.judging_options import judging_options
from judge.cli.printing import print_quote
from judge.cli.reporting import print_report
from judge.errors import InputError

if TYPE_CHECKING:
    from judge.core.looks import Stopping
    from judge.io.images import ImageOptions
    from judge.run.inputs import InputOptions

DEFAULT_RUNS = Path("runs")
"""as `judge.io.pictures.preparing` has it"""


def compare(
    a: o.TracesA,
    b: o.TracesB,
    *,
    items: o.Items = [],  # noqa: B006 - typer copies it
    id_column: o.IdColumn = None,
    field: o.Fields = [],  # noqa: B006 - typer copies it
    allow_missing: o.AllowMissing = False,
    on_missing_image: o.OnMissingImage = o.ImageOption.error,
    max_image_side: o.MaxImageSide = o.MAX_IMAGE_SIDE,
    image_root: o.ImageRoots = [],  # noqa: B006 - typer copies it
    allow_image_urls: o.ImageHosts = [],  # noqa: B006 - typer copies it
    judge: o.Judges = ["local"],  # noqa: B006 - typer copies it
    prompt: o.PromptName = None,
    checklist: o.Checklist = False,
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
    dry_run: o.DryRun = False,
    price: o.Prices = [],  # noqa: B006 - typer copies it
    confirm_above: o.ConfirmAbove = None,
    stop_when_decided: o.StopWhenDecided = False,
    look_every: o.LookEvery = None,
    cluster: o.StepCluster = None,
    shard: o.ShardOption = None,
    control: o.Controls = [],  # noqa: B006 - typer copies it
    control_n: o.ControlN = 200,
    name: o.RunName = None,
    runs: o.Runs = DEFAULT_RUNS,
    concurrency: o.Concurrency = 16,
    timeout: o.Timeout = 600.0,
    attempts: o.Attempts = 8,
    max_rpm: o.MaxRpm = None,
    max_tpm: o.MaxTpm = None,
    max_calls: o.MaxCalls = None,
    max_cost: o.MaxCost = None,
    batch: o.Batch = False,
    poll: o.Poll = 60.0,
    fsync_ms: o.FsyncMs = 50,
    max_failures: o.MaxFailures = 0.05,
    quiet: o.Quiet = False,
    json: o.AsJson = False,
) -> None:
    """Compare two models' traces: pair, judge in both orders, report win rates.

    Repeating the command goes on with the run that it began; what was judged is never asked again.
    """
    from judge.core.controls.kinds import ControlKind  # noqa: PLC0415 - `--help` starts without numpy
    from judge.core.planning import Orders  # noqa: PLC0415
    from judge.core.sharding import Shard  # noqa: PLC0415
    from judge.core.stats.intervals import Method  # noqa: PLC0415
    from judge.io.images import ImageOptions  # noqa: PLC0415
    from judge.io.judges.specs import JudgeOptions  # noqa: PLC0415
    from judge.run.compare import compare as use_case  # noqa: PLC0415
    from judge.run.controls import ControlOptions  # noqa: PLC0415
    from judge.run.draft import CompareOptions  # noqa: PLC0415
    from judge.run.dry_run import dry_run as quote_comparison  # noqa: PLC0415

    chosen = CompareOptions(
        inputs=_inputs(
            a,
            b,
            items,
            field,
            id_column=id_column,
            allow_missing=allow_missing,
            on_missing_image=on_missing_image,
            images=ImageOptions(max_image_side, tuple(image_root), tuple(allow_image_urls)),
        ),
        judges=tuple(judge),
        judge_options=JudgeOptions(max_output_tokens, temperature, effort),
        prices=tuple(price),
        prompt=prompt or _default_prompt(checklist=checklist),
        checklist=checklist,
        rubric=rubric,
        orders=Orders(orders.value),
        samples=samples,
        seed=seed,
        show_reference=show_reference,
        hide_answers=hide_answers,
        interval=Method(ci.value),
        stopping=_stopping(stop_when_decided, look_every, cluster),
        shard=Shard.parse(shard) if shard is not None else None,
        controls=ControlOptions(tuple(ControlKind(kind.value) for kind in control), control_n),
        name=name,
        runs=runs,
        judging=judging_options(
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
            batch=batch,
        ),
    )
    say = o.tell_nothing if quiet else o.tell
    if dry_run:
        print_quote(quote_comparison(chosen, say=say), as_json=json)
        return
    folder = use_case(chosen, command=sys.argv, say=say)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)


def show_prompt(
    a: o.TracesA,
    b: o.TracesB,
    *,
    item: Annotated[str, typer.Option(metavar="ID", help="Which item.")],
    order: Annotated[o.OrderOption, typer.Option(help="Which trace comes first.")] = o.OrderOption.forward,
    items: o.Items = [],  # noqa: B006 - typer copies it
    id_column: o.IdColumn = None,
    field: o.Fields = [],  # noqa: B006 - typer copies it
    allow_missing: o.AllowMissing = False,
    on_missing_image: o.OnMissingImage = o.ImageOption.error,
    max_image_side: o.MaxImageSide = o.MAX_IMAGE_SIDE,
    image_root: o.ImageRoots = [],  # noqa: B006 - typer copies it
    allow_image_urls: o.ImageHosts = [],  # noqa: B006 - typer copies it
    judge: o.Judges = ["local"],  # noqa: B006 - typer copies it
    prompt: o.PromptName = None,
    checklist: o.Checklist = False,
    rubric: o.RubricName = "openmedreason.v1",
    show_reference: o.ShowReference = True,
    hide_answers: o.HideAnswers = False,
    seed: o.Seed = 0,
) -> None:
    """Print exactly what a judge would be sent for one item."""
    from judge.io.images import ImageOptions  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.draft import CompareOptions  # noqa: PLC0415
    from judge.run.show import show_prompt as use_case  # noqa: PLC0415
    from judge.schema import Order  # noqa: PLC0415

    chosen = CompareOptions(
        inputs=_inputs(
            a,
            b,
            items,
            field,
            id_column=id_column,
            allow_missing=allow_missing,
            on_missing_image=on_missing_image,
            images=ImageOptions(max_image_side, tuple(image_root), tuple(allow_image_urls)),
        ),
        judges=tuple(judge),
        prompt=prompt or _default_prompt(checklist=checklist),
        checklist=checklist,
        rubric=rubric,
        seed=seed,
        show_reference=show_reference,
        hide_answers=hide_answers,
    )
    typer.echo(use_case(chosen, item=item, order=Order(order.value), say=o.tell))


def _default_prompt(*, checklist: bool) -> str:
    from judge.io.assets import CHECKLIST_PROMPT, DEFAULT_PROMPT  # noqa: PLC0415 - `--help` starts without pydantic

    return CHECKLIST_PROMPT if checklist else DEFAULT_PROMPT


def _inputs(
    a: str,
    b: str,
    items: list[str],
    field: list[str],
    *,
    id_column: str | None,
    allow_missing: bool,
    on_missing_image: o.ImageOption,
    images: ImageOptions,
) -> InputOptions:
    from judge.io.fields import parse_field_options  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.inputs import InputOptions  # noqa: PLC0415
    from judge.run.item_images import OnMissingImage  # noqa: PLC0415

    return InputOptions(
        a,
        b,
        items=tuple(items),
        id_column=id_column,
        fields=parse_field_options(field),
        allow_missing=allow_missing,
        on_missing_image=OnMissingImage(on_missing_image.value),
        images=images,
    )


def _stopping(wanted: bool, look_every: int | None, cluster: str | None) -> Stopping | None:  # noqa: FBT001 - an option
    if not wanted:
        for option, value in (("--look-every", look_every), ("--cluster", cluster)):
            if value is not None:
                raise InputError(option, "says how a run stops early", "add --stop-when-decided, or leave it out")
        return None
    from judge.core.looks import LOOK_EVERY, Stopping  # noqa: PLC0415 - `--help` starts without numpy

    return Stopping(look_every=look_every or LOOK_EVERY, cluster=cluster)
