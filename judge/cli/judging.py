"""The commands that ask judges: compare, score, checklist, resume, retry, control; and merge, of shards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli.named_runs import find_run
from judge.cli.options import DryRun, OutputOptions, RunPath, complete_run
from judge.cli.output import print_quote, teller
from judge.cli.reporting import print_checklists, print_report
from judge.judges.judge_options import Prices
from judge.judging.command_options import ChecklistOptions, CompareOptions, ScoreOptions
from judge.judging.options import DEFAULT_RUNS, Quiet, ResumeOptions, Runs, Shared
from judge.runs.control_kinds import DEFAULT_N, ControlKind, ControlN, ControlOptions
from judge.schema import FailureKind

if TYPE_CHECKING:
    from judge.costs.quote import Quote
    from judge.runs.run_folder import RunFolder


def compare(options: CompareOptions, *, dry_run: DryRun = False, output: OutputOptions) -> None:
    """Compare two models' traces: pair, judge in both orders, report win rates.

    Repeating the command goes on with the run that it began; what was judged is never asked again.
    """
    from judge.api import judged
    from judge.comparison.dry_run import dry_run as quote

    if folder := _judged(options, judged, quote, dry_run=dry_run, output=output):
        print_report(folder, output, quiet=options.judging.quiet)


def score(options: ScoreOptions, *, dry_run: DryRun = False, output: OutputOptions) -> None:
    """Score one model's traces by their items' checklists: perception, knowledge, rationale.

    Repeating the command goes on with the run that it began; what was judged is never asked again.
    """
    from judge.api import judged
    from judge.scoring.score import quote_score

    if folder := _judged(options, judged, quote_score, dry_run=dry_run, output=output):
        print_report(folder, output, quiet=options.judging.quiet)


def checklist(options: ChecklistOptions, *, dry_run: DryRun = False, output: OutputOptions) -> None:
    """Have a judge write checklists from items' reference reasoning, every unit with words of the reference.

    Repeating the command goes on with the run that it began; what was written is never asked for again.
    """
    from judge.checklists.checklist import dry_run as quote
    from judge.checklists.checklist import write_checklists

    if folder := _judged(options, write_checklists, quote, dry_run=dry_run, output=output):
        print_checklists(folder, output, to=options.to, quiet=options.judging.quiet)


def _judged(
    options: CompareOptions | ScoreOptions | ChecklistOptions,
    judge: Callable[..., RunFolder],
    quote: Callable[..., Quote],
    *,
    dry_run: bool,
    output: OutputOptions,
) -> RunFolder | None:
    """Return the folder of a run that was begun or gone on with; on a dry run print its quote and return None."""
    say = teller(quiet=options.judging.quiet)
    if dry_run:
        print_quote(quote(options, say=say), as_json=output.json)
        return None
    return judge(options, command=sys.argv, say=say)


def resume(
    run: RunPath, *, price: Prices = (), runs: Runs = DEFAULT_RUNS, judging: ResumeOptions, output: OutputOptions
) -> None:
    """Go on with a run: ask what was not asked yet, and again what failed."""
    from judge.comparison.compare import resume

    folder = find_run(run, runs)
    resume(folder, judging, prices=price, say=teller(quiet=judging.quiet))
    print_report(folder, output, quiet=judging.quiet)


def retry(
    run: RunPath,
    *,
    failure: Annotated[
        tuple[FailureKind, ...], typer.Option("--failure", help="Ask again only what failed so; repeatable.")
    ] = (),
    price: Prices = (),
    runs: Runs = DEFAULT_RUNS,
    judging: ResumeOptions,
    output: OutputOptions,
) -> None:
    """Ask again what failed, and nothing that was never asked."""
    from judge.comparison.compare import retry as retry_run

    folder = find_run(run, runs)
    retry_run(folder, judging, prices=price, kinds=frozenset(failure), say=teller(quiet=judging.quiet))
    print_report(folder, output, quiet=judging.quiet)


def control(
    run: RunPath,
    *,
    kind: Annotated[
        tuple[ControlKind, ...],
        typer.Option("--kind", help="What to change in the pairs that are asked; repeatable."),
    ],
    control_n: ControlN = DEFAULT_N,
    dry_run: DryRun = False,
    price: Prices = (),
    runs: Runs = DEFAULT_RUNS,
    judging: ResumeOptions,
    output: OutputOptions,
) -> None:
    """Test the judge of a comparison: ask a sample of its pairs again, changed, and report how far verdicts move."""
    from judge.comparison.add_controls import add_controls, quote_controls

    folder, say, options = find_run(run, runs), teller(quiet=judging.quiet), ControlOptions(kind, control_n)
    if dry_run:
        print_quote(quote_controls(folder, options, judging, prices=price), as_json=output.json)
        return
    add_controls(folder, options, judging, prices=price, command=sys.argv, say=say)
    print_report(folder, output, quiet=judging.quiet)


def merge(
    shards: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="RUN...", autocompletion=complete_run, help="The runs of all shards, named as elsewhere."
        ),
    ],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the merged run folder.")],
    runs: Runs = DEFAULT_RUNS,
    shared: Shared = False,
    output: OutputOptions,
    quiet: Quiet = False,
) -> None:
    """Merge the runs of all shards of a comparison (`compare --shard`) into one, as if it had never been cut."""
    from judge.comparison.merge import merge_shards
    from judge.labels.draws import holds_labels

    parts = [find_run(run, runs) for run in shards]
    folder = merge_shards(parts, name=name, runs=runs, command=sys.argv, shared=shared)
    if labelled := [str(part.path) for part in parts if holds_labels(part.path)]:
        teller(quiet=quiet)(
            f"Note: labels and packets are not merged, as their samples are of the shards: they stay in "
            f"{', '.join(labelled)}; have people label {folder.path}"
        )
    print_report(folder, output, quiet=quiet)
