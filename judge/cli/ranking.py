"""The commands about many models: rank and tournament."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli.options import Cluster, DryRun, OutputOptions, complete_run
from judge.cli.output import Exit, print_form, print_quote, teller
from judge.cli.reporting import FormOptions, refuse_options
from judge.enums import Method, ReportFormat
from judge.files.terminal import tell
from judge.judging.options import DEFAULT_RUNS, Runs
from judge.ranking.options import TournamentOptions


def rank(
    run: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="RUN...|FOLDER", autocompletion=complete_run, help="Runs of compare, or folders that hold them."
        ),
    ],
    *,
    runs: Runs = DEFAULT_RUNS,
    cluster: Cluster = None,
    by: Annotated[
        tuple[str, ...],
        typer.Option("--by", metavar="FIELD", help="Rank within each value of a field too; repeatable."),
    ] = (),
    curve: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Draw checkpoints by this field of their traces or names, e.g. step."),
    ] = None,
    allow_judges: Annotated[
        bool, typer.Option("--allow-judges", help="Join runs of different judges, as a panel.")
    ] = False,
    added: Annotated[
        tuple[str, ...],
        typer.Option("--added", metavar="MODEL", help="Say how far this model moves the others; repeatable."),
    ] = (),
    bootstrap: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Make errors by N fits to reweighted items, not in closed form."),
    ] = 0,
    ci: Annotated[Method | None, typer.Option("--ci", help="How intervals of pairs' win rates are made.")] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page, with a page of each run beside it, and print nothing."),
    ] = None,
    form: FormOptions,
) -> None:
    """Rank many models from the comparisons of their pairs, without network."""
    from judge.outcomes.item_features import WantedFields
    from judge.ranking.joined_runs import Wanted
    from judge.ranking.make_ranking import make_ranking
    from judge.ranking.ranking_document import ranking_document, render_ranking
    from judge.ranking.tournament import read_plan
    from judge.runs.run_names import find_run

    paths = [path if (path := Path(name)).is_dir() else find_run(name, runs) for name in run]
    plan = read_plan(paths[0]) if len(paths) == 1 else None
    wanted = Wanted(WantedFields(cluster, tuple(dict.fromkeys(by))), curve, allow_judges)
    made = make_ranking(
        paths, wanted, method=ci, n_resamples=bootstrap, added=added, design=plan.told() if plan else None
    )
    if html is None:
        print_form(made, form.chosen, ranking_document, render_ranking, errors=form.se)
        return
    from judge.page.ranking_page import write_ranking

    refuse_options({"--se": form.se}, "is for tables that are printed; a page has none with standard errors")
    write_ranking(made, html)


def tournament(options: TournamentOptions, *, dry_run: DryRun = False, output: OutputOptions) -> None:
    """Judge the pairs of many models' traces, and rank the models.

    Repeating the command goes on; with one more file it judges the pairs of the new model alone.
    """
    from judge.ranking.ranking_document import ranking_document, render_ranking
    from judge.ranking.tournament import quote_tournament, tournament

    say = teller(quiet=options.judging.quiet)
    if dry_run:
        print_quote(quote_tournament(options, say=say), as_json=output.json)
        return
    made = tournament(options, command=sys.argv, say=say)
    form = ReportFormat.JSON if output.json else ReportFormat.TERMINAL
    print_form(made, form, ranking_document, render_ranking)
    say(f"Tournament folder: {options.folder}; `omr-judge rank {options.folder}` draws this again")
    if made.n_failed > output.max_failures * made.n_judgments:
        share = f"{made.n_failed} of {made.n_judgments} judgments failed"
        tell(f"{share}, more than --max-failures {output.max_failures:g}: the same command asks them again")
        raise typer.Exit(Exit.FAILURES)
