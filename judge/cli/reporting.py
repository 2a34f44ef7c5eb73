"""The command that draws a run: report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli import options as o
from judge.cli.exits import Exit
from judge.errors import InputError

if TYPE_CHECKING:
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
        typer.Option(metavar="FILE", help="Write a page with the report and every pair, and print nothing."),
    ] = None,
    majority: Annotated[
        bool, typer.Option("--majority", help="Let a panel speak by majority, not by the mean of its judges.")
    ] = False,
    form: Annotated[
        o.FormOption, typer.Option("--format", help="Tables for a paper, a page or a program.")
    ] = o.FormOption.terminal,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Draw the report of a run from its folder, without network."""
    from judge.core.facts import Wanted  # noqa: PLC0415 - `--help` starts without numpy
    from judge.core.report import Extras  # noqa: PLC0415
    from judge.core.stats.intervals import Method  # noqa: PLC0415
    from judge.run.report import make_report  # noqa: PLC0415

    if equivalence is not None and not 0 < equivalence < MAX_MARGIN:
        raise InputError("--equivalence", f"{equivalence:g} is no margin", "give a number above 0 and below 0.5")
    folder = find_run(run, runs)
    made = make_report(
        folder,
        method=Method(ci.value) if ci else None,
        wanted=Wanted(cluster, tuple(dict.fromkeys(by))),
        extras=Extras(equivalence, length_control, majority),
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

    made = save_report(folder)
    _print(made, o.FormOption.json if as_json else o.FormOption.terminal)
    if not quiet:
        o.tell(f"Run folder: {folder.path}")
    if made.n_failed > max_failures * made.n_judgments:
        decided = made.sequential is not None and made.sequential.decided
        way_on = "the run is decided" if decided else f"`omr-judge retry {folder.path}` asks them again"
        share = f"{made.n_failed} of {made.n_judgments} judgments failed, more than --max-failures {max_failures:g}"
        o.tell(f"{share}: {way_on}")
        raise typer.Exit(Exit.FAILURES)


def _print(made: Report, form: o.FormOption) -> None:
    if form is not o.FormOption.terminal:
        from judge.io.render.document import comparison  # noqa: PLC0415 - `--help` starts without numpy
        from judge.io.render.paper import Form, written  # noqa: PLC0415 - `--help` starts without numpy

        typer.echo(written(comparison(made), Form(form.value)).encode(), nl=False)
        return
    from rich.console import Console  # noqa: PLC0415 - `--help` starts without it

    from judge.io.render.terminal import draw_report  # noqa: PLC0415

    draw_report(made, Console(highlight=False, markup=False, emoji=False))
