"""The command that writes checklists of items: checklist."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli import options as o
from judge.cli.exits import Exit
from judge.cli.judging_options import judging_options
from judge.cli.printing import print_quote

if TYPE_CHECKING:
    from judge.io.journal import RunFolder

DEFAULT_RUNS = Path("runs")


def checklist(
    items: Annotated[
        str, typer.Argument(metavar="ITEMS.JSONL", help="Items with reference reasoning; '-' reads standard input.")
    ],
    *,
    to: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="Where to write the items with their checklists.")],
    field: o.Fields = [],  # noqa: B006 - typer copies it
    judge: Annotated[
        str, typer.Option(metavar="JUDGE", help="Who writes: anthropic:MODEL, openai:MODEL[@URL], local[:FILE.gguf].")
    ] = "local",
    prompt: Annotated[str, typer.Option(metavar="NAME|FILE.md", help="The writer's prompt.")] = "checklist-writing.v1",
    max_output_tokens: o.MaxOutputTokens = None,
    temperature: o.Temperature = None,
    effort: o.Effort = None,
    dry_run: o.DryRun = False,
    price: o.Prices = [],  # noqa: B006 - typer copies it
    confirm_above: o.ConfirmAbove = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run folder.")] = None,
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
    """Have a judge write checklists from items' reference reasoning, every unit with words of the reference.

    Repeating the command goes on with the run that it began; what was written is never asked for again.
    """
    from judge.io.fields import parse_field_options  # noqa: PLC0415 - `--help` starts without numpy
    from judge.io.judges.specs import JudgeOptions  # noqa: PLC0415
    from judge.run.checklist import ChecklistOptions, write_checklists  # noqa: PLC0415
    from judge.run.checklist import dry_run as quote_checklists  # noqa: PLC0415

    chosen = ChecklistOptions(
        items=items,
        to=to,
        judge=judge,
        judge_options=JudgeOptions(max_output_tokens, temperature, effort),
        prices=tuple(price),
        fields=parse_field_options(field),
        prompt=prompt,
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
        print_quote(quote_checklists(chosen, say=say), as_json=json)
        return
    folder = write_checklists(chosen, command=sys.argv, say=say)
    print_checklists(folder, to=to, as_json=json, max_failures=max_failures, quiet=quiet)


def print_checklists(
    folder: RunFolder, *, to: Path | None = None, as_json: bool, max_failures: float, quiet: bool
) -> None:
    """Write the items of a run with the checklists made, and report; exit with 4 if too many items have none."""
    from judge.io.files import as_json_bytes  # noqa: PLC0415 - `--help` starts without numpy
    from judge.io.render.checklists import render_checklists  # noqa: PLC0415
    from judge.run.checklist_output import save_checklists  # noqa: PLC0415

    report, written_to = save_checklists(folder, to)
    if as_json:
        typer.echo(as_json_bytes(report.model_dump(mode="json")), nl=False)
    else:
        render_checklists(report, written_to)
    if not quiet:
        o.tell(f"Run folder: {folder.path}")
    if report.n_failed > max_failures * report.n_asked:
        share = f"{report.n_failed} of {report.n_asked} items asked about have no checklist"
        o.tell(f"{share}, more than --max-failures {max_failures:g}: `omr-judge retry {folder.path}` asks again")
        raise typer.Exit(Exit.FAILURES)
