"""The commands about many models: rank and tournament."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli.named_runs import refuse_options
from judge.cli.options import DryRun, OutputOptions, complete_run
from judge.cli.output import Exit, make_file, print_form, print_quote, teller
from judge.cli.report_options import FormOptions
from judge.enums import ReportFormat
from judge.files.terminal import tell
from judge.ranking.options import RankOptions, TournamentOptions


def rank(
    run: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="RUN...|FOLDER", autocompletion=complete_run, help="Runs of compare, or folders that hold them."
        ),
    ],
    *,
    options: RankOptions,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page, with a page of each run beside it, and print no report."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --html: replace a file that exists.")] = False,
    form: FormOptions,
) -> None:
    """Rank many models from the comparisons of their pairs, without network."""
    from judge.ranking.rank import rank
    from judge.ranking.ranking_document import ranking_document, render_ranking

    made = rank(run, options)
    if html is None:
        print_form(made, form.chosen, ranking_document, render_ranking, errors=form.se)
        return
    from judge.page.ranking_page import write_ranking

    refuse_options({"--se": form.se}, "is for tables that are printed; a page has none with standard errors")
    make_file(lambda path: write_ranking(made, path), html, overwrite=overwrite)


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
