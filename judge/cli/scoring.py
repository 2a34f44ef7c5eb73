"""The command that scores one model's traces by checklists: score."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options as o
from judge.cli.judging_options import judging_options
from judge.cli.printing import print_quote
from judge.cli.reporting import print_report

DEFAULT_RUNS = Path("runs")


def score(
    traces: Annotated[
        str, typer.Argument(metavar="TRACES.JSONL", help="One model's traces; '-' reads standard input.")
    ],
    *,
    items: o.Items = [],  # noqa: B006 - typer copies it
    id_column: o.IdColumn = None,
    field: o.Fields = [],  # noqa: B006 - typer copies it
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out traces without an item or a checklist, and say how many.")
    ] = False,
    on_missing_image: o.OnMissingImage = o.ImageOption.error,
    max_image_side: o.MaxImageSide = o.MAX_IMAGE_SIDE,
    image_root: o.ImageRoots = [],  # noqa: B006 - typer copies it
    allow_image_urls: o.ImageHosts = [],  # noqa: B006 - typer copies it
    judge: o.Judges = ["local"],  # noqa: B006 - typer copies it
    prompts: Annotated[
        str, typer.Option(metavar="NAME", help="The three prompts: NAME-GROUP.vN for each group of units.")
    ] = "pkr.v1",
    samples: Annotated[int, typer.Option(min=1, help="Replies per trace, group and judge.")] = 1,
    max_output_tokens: o.MaxOutputTokens = None,
    temperature: o.Temperature = None,
    effort: o.Effort = None,
    seed: o.Seed = 0,
    dry_run: o.DryRun = False,
    price: o.Prices = [],  # noqa: B006 - typer copies it
    confirm_above: o.ConfirmAbove = None,
    shard: o.ShardOption = None,
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
    """Score one model's traces by their items' checklists: perception, knowledge, rationale.

    Repeating the command goes on with the run that it began; what was judged is never asked again.
    """
    from judge.core.sharding import Shard  # noqa: PLC0415 - `--help` starts without numpy
    from judge.io.fields import parse_field_options  # noqa: PLC0415
    from judge.io.images import ImageOptions  # noqa: PLC0415
    from judge.io.judges.specs import JudgeOptions  # noqa: PLC0415
    from judge.run.inputs import CaseOptions  # noqa: PLC0415
    from judge.run.item_images import OnMissingImage  # noqa: PLC0415
    from judge.run.score import ScoreOptions, quote_score  # noqa: PLC0415
    from judge.run.score import score as use_case  # noqa: PLC0415

    chosen = ScoreOptions(
        inputs=CaseOptions(
            traces=traces,
            items=tuple(items),
            id_column=id_column,
            fields=parse_field_options(field),
            allow_missing=allow_missing,
            on_missing_image=OnMissingImage(on_missing_image.value),
            images=ImageOptions(max_image_side, tuple(image_root), tuple(allow_image_urls)),
        ),
        judges=tuple(judge),
        judge_options=JudgeOptions(max_output_tokens, temperature, effort),
        prices=tuple(price),
        prompts=prompts,
        samples=samples,
        seed=seed,
        shard=Shard.parse(shard) if shard is not None else None,
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
        print_quote(quote_score(chosen, say=say), as_json=json)
        return
    folder = use_case(chosen, command=sys.argv, say=say)
    print_report(folder, as_json=json, max_failures=max_failures, quiet=quiet)
