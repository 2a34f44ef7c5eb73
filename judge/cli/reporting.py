"""The command that draws a run: report; and the report of a run that was just judged."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli.named_runs import called, find_certificate, find_run, refuse_options
from judge.cli.options import OutputOptions, complete_run
from judge.cli.output import Exit, make_file, print_form, print_json
from judge.cli.report_options import ExtraOptions, FormOptions, PageOptions, TrustOptions
from judge.enums import Method, ReportFormat
from judge.errors import InputError
from judge.files.terminal import tell
from judge.judging.options import DEFAULT_RUNS, Cluster, Runs

if TYPE_CHECKING:
    from judge.outcomes.item_features import WantedFields
    from judge.report.report import Report
    from judge.runs.run_folder import RunFolder
    from judge.scoring.score_report import ScoreReport

MAX_MARGIN = 0.5


def report(
    run: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="RUN...",
            autocompletion=complete_run,
            help="A run: its folder, its name in --runs, the beginning of that, or `latest`; with --html also several.",
        ),
    ],
    *,
    runs: Runs = DEFAULT_RUNS,
    cluster: Cluster = None,
    by: Annotated[
        tuple[str, ...], typer.Option("--by", metavar="FIELD", help="Report each value of a field too; repeatable.")
    ] = (),
    equivalence: Annotated[
        float | None,
        typer.Option(metavar="MARGIN", help="Call the models equivalent within this distance of 0.5, e.g. 0.05."),
    ] = None,
    ci: Annotated[
        Method | None, typer.Option("--ci", help="How intervals are made; the run's own choice if not given.")
    ] = None,
    page: PageOptions,
    with_scores: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--with-scores",
            metavar="SCORE_A SCORE_B",
            help="Set a comparison beside two checklist scores of the same models: the runs of `score`.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="SCORE_B",
            autocompletion=complete_run,
            help="Of a score: how far this run is from another on the same items.",
        ),
    ] = None,
    extra: ExtraOptions,
    trust: TrustOptions,
    form: FormOptions,
) -> None:
    """Draw the report of a run from its folder, without network."""
    from judge.comparison.derive_report import make_report
    from judge.inputs.difficulties import read_difficulties
    from judge.outcomes.item_features import WantedFields
    from judge.report.build_report import Extras

    if equivalence is not None and not 0 < equivalence < MAX_MARGIN:
        raise InputError("--equivalence", f"{equivalence:g} is no margin", "give a number above 0 and below 0.5")
    if trust.accept_error is not None and not 0 < trust.accept_error < 1:
        raise InputError("--accept-error", f"{trust.accept_error:g} is no share of errors", "give one such as 0.1")
    if page.html is not None:
        refuse_options({"--se": form.se}, "is for tables that are printed; a page has none with standard errors")
    wanted, first, html, overwrite = WantedFields(cluster, tuple(dict.fromkeys(by))), run[0], page.html, page.overwrite
    if len(run) > 1:
        if html is None:
            raise InputError("report", "several runs stand on a page alone", "add --html FILE, or name one run")
        of_one: dict[str, object] = {"--with-scores": with_scores, "--against": against}
        of_one |= {"--difficulty": extra.difficulty, "--certificate": trust.certificate}
        of_one |= {"--accept-error": trust.accept_error}
        refuse_options(of_one, "is for one run")
        from judge.page.several import write_runs

        folders = [find_run(one, runs) for one in run]
        made_of = partial(
            make_report, method=ci, wanted=wanted, extras=Extras(equivalence, extra.length_control, extra.majority)
        )
        make_file(lambda path: write_runs(folders, made_of, path), html, overwrite=overwrite)
        return
    folder = find_run(first, runs)
    if folder.any_manifest().kind == "score":
        given = {
            "--equivalence": equivalence,
            "--length-control": extra.length_control,
            "--difficulty": extra.difficulty,
            "--majority": extra.majority,
        }
        others: dict[str, object] = {"--with-scores": with_scores, "--certificate": trust.certificate}
        others["--accept-error"] = trust.accept_error
        refuse_options({**given, **others}, "is for runs of `compare`")
        if html is not None:
            refuse_options({"--against": against}, "is no page: it is printed")
        other = find_run(against, runs) if against else None
        _report_score(folder, other, method=ci, wanted=wanted, html=page, form=form, run=called(folder, first))
        return
    refuse_options({"--against": against}, "is for runs of `score`; --with-scores sets a comparison beside two of them")
    difficulties = read_difficulties(extra.difficulty) if extra.difficulty else None
    acceptance = None
    if trust.accept_error is not None:
        from judge.certify.accept import find_acceptance

        acceptance = find_acceptance(folder, trust.accept_error, wanted)
    made = make_report(
        folder,
        method=ci,
        wanted=wanted,
        extras=Extras(equivalence, extra.length_control, extra.majority, difficulties, acceptance),
        scores=[find_run(score, runs) for score in with_scores or ()],
        certificate=find_certificate(trust.certificate),
    )
    if html is not None:
        from judge.page.make_page import read_page, write_page

        make_file(lambda path: write_page(read_page(folder, made), path), html, overwrite=overwrite)
        return
    _print(made, form.chosen, run=called(folder, first), full=form.full, errors=form.se)


def _report_score(
    folder: RunFolder,
    against: RunFolder | None,
    *,
    method: Method | None,
    wanted: WantedFields,
    html: PageOptions,
    form: FormOptions,
    run: str,
) -> None:
    from judge.scoring.derive_score_report import make_difference, make_score_report
    from judge.scoring.figures import SCORE_METHOD
    from judge.scoring.score_document import difference_document, render_difference

    method = method or SCORE_METHOD
    if against is not None:
        found = make_difference(folder, against, method=method, wanted=wanted)
        print_form(found, form.chosen, difference_document, render_difference, errors=form.se)
        return
    scored = make_score_report(folder, method=method, wanted=wanted)
    if html.html is not None:
        from judge.page.make_page import read_score_page, write_page

        make_file(lambda path: write_page(read_score_page(folder, scored), path), html.html, overwrite=html.overwrite)
    else:
        _print_score(scored.report, form.chosen, run=run, full=form.full, errors=form.se)


def _print(made: Report, form: ReportFormat, *, run: str, full: bool = False, errors: bool = False) -> None:
    from judge.tables.tables import comparison_document
    from judge.tables.terminal import render_report

    print_form(made, form, comparison_document, partial(render_report, run=run, full=full), errors=errors)


def _print_score(made: ScoreReport, form: ReportFormat, *, run: str, full: bool = False, errors: bool = False) -> None:
    from judge.scoring.score_document import render_scores, score_document

    print_form(made, form, score_document, partial(render_scores, run=run, full=full), errors=errors)


def print_report(folder: RunFolder, output: OutputOptions, *, quiet: bool) -> None:
    """Save and print the report of a run that was just judged; exit with 4 if too many judgments failed."""
    from judge.comparison.derive_report import save_report
    from judge.judges.local import NEXT_STEP
    from judge.judges.local_weights import GGUF_SHA256
    from judge.scoring.derive_score_report import save_score_report

    manifest = folder.any_manifest()
    kind = manifest.kind
    if kind == "checklist":
        print_checklists(folder, output, quiet=quiet)
        return
    form = ReportFormat.JSON if output.json else ReportFormat.TERMINAL
    decided = False
    made: Report | ScoreReport
    if kind == "score":
        made = scored = save_score_report(folder)
        _print_score(scored, form, run=called(folder))
    else:
        made = compared = save_report(folder)
        decided = compared.sequential is not None and compared.sequential.decided
        _print(compared, form, run=called(folder))
    if not quiet:
        tell(f"Run folder: {folder.path}")
        if any(judge.weights_sha256 == GGUF_SHA256 for judge in manifest.judges):
            tell(NEXT_STEP)
    if made.n_failed > output.max_failures * made.n_judgments:
        way_on = "the run is decided" if decided else f"`omr-judge retry {folder.path}` asks them again"
        share = f"{made.n_failed} of {made.n_judgments} judgments failed"
        tell(f"{share}, more than --max-failures {output.max_failures:g}: {way_on}")
        raise typer.Exit(Exit.FAILURES)


def print_checklists(folder: RunFolder, output: OutputOptions, *, to: Path | None = None, quiet: bool) -> None:
    """Write the items of a run with the checklists made, and report; exit with 4 if too many items have none."""
    from judge.checklists.checklist_report import render_checklists
    from judge.checklists.write_items import save_checklists

    report, written_to = save_checklists(folder, to)
    if output.json:
        print_json(report)
    else:
        render_checklists(report, written_to)
    if not quiet:
        tell(f"Run folder: {folder.path}")
    if report.n_failed > output.max_failures * report.n_asked:
        share = f"{report.n_failed} of {report.n_asked} items asked about have no checklist"
        tell(f"{share}, more than --max-failures {output.max_failures:g}: `omr-judge retry {folder.path}` asks again")
        raise typer.Exit(Exit.FAILURES)
