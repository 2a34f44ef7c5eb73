"""The command that draws a run: report; and the report of a run that was just judged."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli.options import OutputOptions, complete_run
from judge.cli.output import Exit, make_file, print_form, print_json
from judge.enums import Method, ReportFormat
from judge.errors import InputError
from judge.files.terminal import tell
from judge.judging.options import DEFAULT_RUNS, Cluster, Runs

if TYPE_CHECKING:
    from judge.outcomes.item_features import WantedFields
    from judge.report.certificate import Certificate
    from judge.report.report import Report
    from judge.runs.run_folder import RunFolder
    from judge.scoring.score_report import ScoreReport

MAX_MARGIN = 0.5
SHORT_NAME = 24
"""characters of a run's name that is easily typed"""


CertificateFile = Annotated[
    Path | None,
    typer.Option(
        "--certificate", metavar="FILE|RUN", help="The judge's certificate, where it was made by another run."
    ),
]


@dataclass(frozen=True)
class ExtraOptions:
    """Optional parts of a comparison's report."""

    length_control: Annotated[
        bool, typer.Option("--length-control", help="Estimate the win rate at equal length too.")
    ] = False
    difficulty: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="AlpacaEval's difficulties (CSV): its length-controlled win rate too."),
    ] = None
    majority: Annotated[
        bool, typer.Option("--majority", help="Let a panel speak by majority, not by the mean of its judges.")
    ] = False


@dataclass(frozen=True)
class TrustOptions:
    """What else tells of the judge."""

    certificate: CertificateFile = None
    accept_error: Annotated[
        float | None,
        typer.Option(
            "--accept-error",
            metavar="SHARE",
            help="By people's labels: which items to accept as judged with at most this error, e.g. 0.1.",
        ),
    ] = None


@dataclass(frozen=True)
class FormOptions:
    """The format that a report is printed in."""

    form: Annotated[ReportFormat, typer.Option("--format", help="Tables for a paper, a page or a program.")] = (
        ReportFormat.TERMINAL
    )
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False
    se: Annotated[bool, typer.Option("--se", help="Show the standard error of each rate in tables too.")] = False
    full: Annotated[
        bool, typer.Option("--full", help="On the terminal: everything, and not the first screen alone.")
    ] = False

    @property
    def chosen(self) -> ReportFormat:
        """The format that was asked for in either way."""
        return ReportFormat.JSON if self.json else self.form


@dataclass(frozen=True)
class PageOptions:
    """Where a page is written to."""

    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with the report and every pair or trace; of several runs one."),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --html: replace a file that exists.")] = False


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
        _report_score(
            folder, other, method=ci, wanted=wanted, to=html or form.chosen, overwrite=overwrite, errors=form.se
        )
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
    to: ReportFormat | Path,
    overwrite: bool,
    errors: bool,
) -> None:
    from judge.scoring.derive_score_report import make_difference, make_score_report
    from judge.scoring.figures import SCORE_METHOD
    from judge.scoring.score_document import difference_document, render_difference

    method = method or SCORE_METHOD
    if isinstance(to, Path):
        from judge.page.make_page import read_score_page, write_page

        scored = make_score_report(folder, method=method, wanted=wanted)
        make_file(lambda path: write_page(read_score_page(folder, scored), path), to, overwrite=overwrite)
    elif against is None:
        _print_score(make_score_report(folder, method=method, wanted=wanted).report, to, errors=errors)
    else:
        found = make_difference(folder, against, method=method, wanted=wanted)
        print_form(found, to, difference_document, render_difference, errors=errors)


def _print(made: Report, form: ReportFormat, *, run: str, full: bool = False, errors: bool = False) -> None:
    from judge.tables.tables import comparison_document
    from judge.tables.terminal import render_report

    print_form(made, form, comparison_document, partial(render_report, run=run, full=full), errors=errors)


def called(folder: RunFolder, given: str | None = None) -> str:
    """Return what a person types to name a run: the name that was given, else its name in `runs`, else its path.

    A long name, as runs have that nobody named, is `latest` as long as it is that.
    """
    from judge.runs import run_names

    if given is not None and "/" not in given:
        return shlex.quote(given)
    if folder.path.resolve().parent != DEFAULT_RUNS.resolve():
        return shlex.quote(str(folder.path))
    is_long = len(folder.name) > SHORT_NAME
    is_latest = is_long and run_names.find_run(run_names.LATEST, DEFAULT_RUNS).name == folder.name
    return run_names.LATEST if is_latest else shlex.quote(folder.name)


def _print_score(made: ScoreReport, form: ReportFormat, *, errors: bool = False) -> None:
    from judge.scoring.score_document import render_scores, score_document

    print_form(made, form, score_document, render_scores, errors=errors)


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
        _print_score(scored, form)
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


def find_run(run: str, runs: Path) -> RunFolder:
    """Return the run that a person named: by path, name, beginning of a name, or `latest`."""
    from judge.runs import run_names
    from judge.runs.run_folder import RunFolder

    return RunFolder(run_names.find_run(run, runs))


def find_certificate(path: Path | None) -> Certificate | None:
    """Read the certificate that a person named: a file, or a run folder that has one; None where none is named."""
    if path is None:
        return None
    from judge.comparison.certificates import read_certificate

    return read_certificate(path)


def refuse_options(options: Mapping[str, object], why: str, hint: str = "leave it out, or name another run") -> None:
    """Raise InputError for the first given option, which does not apply: one that is not None, False or empty."""
    for option, value in options.items():
        if value is not None and value is not False and value != ():
            raise InputError(option, why, hint)
