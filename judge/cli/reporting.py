"""The command that draws a run: report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli import options as o
from judge.cli.checklists import print_checklists
from judge.cli.exits import Exit
from judge.cli.printing import print_form
from judge.cli.score_reporting import print_score, report_score, write_score_page
from judge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge.core.pkr.report import ScoreReport
    from judge.core.report import Report
    from judge.io.journal import RunFolder

MAX_MARGIN = 0.5


def report(
    run: o.RunPath,
    *,
    runs: o.Runs = Path("runs"),
    cluster: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Items with the same value form one unit, e.g. patient (default: image)."),
    ] = None,
    by: Annotated[
        list[str], typer.Option("--by", metavar="FIELD", help="Report each value of a field too; repeatable.")
    ] = [],  # noqa: B006 - typer's form of a repeatable option
    equivalence: Annotated[
        float | None,
        typer.Option(metavar="MARGIN", help="Call the models equivalent within this distance of 0.5, e.g. 0.05."),
    ] = None,
    length_control: Annotated[
        bool, typer.Option("--length-control", help="Estimate the win rate at equal length too.")
    ] = False,
    ci: Annotated[
        o.IntervalOption | None, typer.Option("--ci", help="How intervals are made; the run's own choice if not given.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with the report and every pair or trace, and print nothing."),
    ] = None,
    majority: Annotated[
        bool, typer.Option("--majority", help="Let a panel speak by majority, not by the mean of its judges.")
    ] = False,
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
        typer.Option(metavar="SCORE_B", help="Of a score: how far this run is from another on the same items."),
    ] = None,
    form: Annotated[
        o.FormOption, typer.Option("--format", help="Tables for a paper, a page or a program.")
    ] = o.FormOption.terminal,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Draw the report of a run from its folder, without network."""
    from judge.core.facts import WantedFields  # noqa: PLC0415 - `--help` starts without numpy
    from judge.core.report import Extras  # noqa: PLC0415
    from judge.core.stats.intervals import Method  # noqa: PLC0415
    from judge.run.report import make_report  # noqa: PLC0415

    if equivalence is not None and not 0 < equivalence < MAX_MARGIN:
        raise InputError("--equivalence", f"{equivalence:g} is no margin", "give a number above 0 and below 0.5")
    folder = find_run(run, runs)
    method, wanted = Method(ci.value) if ci else None, WantedFields(cluster, tuple(dict.fromkeys(by)))
    if folder.any_manifest().kind == "score":
        given = {"--equivalence": equivalence, "--length-control": length_control, "--majority": majority}
        refuse_options({**given, "--with-scores": with_scores}, "is for runs of `compare`")
        other = find_run(against, runs) if against else None
        if html is not None:
            refuse_options({"--against": against}, "is no page: it is printed")
            write_score_page(folder, html, method=method, wanted=wanted)
            return
        report_score(folder, other, method=method, wanted=wanted, form=o.FormOption.json if json else form)
        return
    refuse_options({"--against": against}, "is for runs of `score`; --with-scores sets a comparison beside two of them")
    made = make_report(
        folder,
        method=method,
        wanted=wanted,
        extras=Extras(equivalence, length_control, majority),
        scores=[find_run(score, runs) for score in with_scores or ()],
    )
    if html is not None:
        from judge.run.page import write_page  # noqa: PLC0415 - only a page needs it

        write_page(folder, made, html)
        return
    _print(made, o.FormOption.json if json else form)


def find_run(run: str, runs: Path) -> RunFolder:
    """Return a run folder by its path, or by its name among the runs."""
    from judge.io.journal import RunFolder  # noqa: PLC0415 - `--help` starts without numpy

    path = Path(run)
    return RunFolder(path if path.is_dir() or not (runs / run).is_dir() else runs / run)


def print_report(folder: RunFolder, *, as_json: bool, max_failures: float, quiet: bool) -> None:
    """Save and print the report of a run that was just judged; exit with 4 if too many judgments failed."""
    from judge.run.report import save_report  # noqa: PLC0415 - `--help` starts without numpy

    kind = folder.any_manifest().kind
    if kind == "checklist":
        print_checklists(folder, as_json=as_json, max_failures=max_failures, quiet=quiet)
        return
    form = o.FormOption.json if as_json else o.FormOption.terminal
    decided = False
    made: Report | ScoreReport
    if kind == "score":
        made = print_score(folder, form)
    else:
        made = compared = save_report(folder)
        decided = compared.sequential is not None and compared.sequential.decided
        _print(compared, form)
    if not quiet:
        o.tell(f"Run folder: {folder.path}")
    if made.n_failed > max_failures * made.n_judgments:
        way_on = "the run is decided" if decided else f"`omr-judge retry {folder.path}` asks them again"
        share = f"{made.n_failed} of {made.n_judgments} judgments failed, more than --max-failures {max_failures:g}"
        o.tell(f"{share}: {way_on}")
        raise typer.Exit(Exit.FAILURES)


def _print(made: Report, form: o.FormOption) -> None:
    from judge.io.render.document import comparison  # noqa: PLC0415 - `--help` starts without numpy
    from judge.io.render.terminal import render_report  # noqa: PLC0415

    print_form(form, document=lambda: comparison(made), draw=lambda console: render_report(made, console))


def refuse_options(options: Mapping[str, object], why: str) -> None:
    """Refuse the first option that was given and means nothing for a run of this kind."""
    for option, value in options.items():
        if value:
            raise InputError(option, why, "leave it out, or name another run")
