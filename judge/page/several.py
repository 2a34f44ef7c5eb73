"""The page of several runs: a sentence and rates of each, and where they have more than two models a heat map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.errors import InputError
from judge.files.files import replacing
from judge.page.assemble import assemble_plain
from judge.page.heat_map import square
from judge.page.plots import Forest, around_even, plotted, versus
from judge.page.sections import parted
from judge.tables import first_screen, words

if TYPE_CHECKING:
    from judge.page.heat_map import Square
    from judge.page.plots import Plotted
    from judge.report.report import Report
    from judge.runs.run_folder import RunFolder

ENDS = ("second named better", "first named better")


def write_runs(folders: Sequence[RunFolder], report_of: Callable[[RunFolder], Report], path: Path) -> None:
    """Write the page of several comparisons: see `read_runs`; RunError where it cannot be written."""
    page = assemble_plain("several.html.j2", read_runs(folders, report_of))
    with replacing(path) as file:
        file.write(page.encode())


def read_runs(folders: Sequence[RunFolder], report_of: Callable[[RunFolder], Report]) -> dict[str, Any]:
    """Return what the template of the page shows, by name.

    Args:
        folders: two or more runs.
        report_of: makes the report of each.

    Raises:
        InputError: a run is no comparison.
        RunError: a folder is damaged.
    """
    for folder in folders:
        if folder.any_manifest().kind != "comparison":
            raise InputError(str(folder.path), "is no comparison", "a page of several runs shows comparisons alone")
    reports = {folder.name: report_of(folder) for folder in folders}
    claim = f"{words.count(len(reports), 'run')} of {words.count(len(_models(reports.values())), 'model')}"
    rows = [_row(name, report) for name, report in reports.items()]
    return {
        "title": ", ".join(reports),
        "claim": claim,
        "overall": Forest(
            "models and run", "Win rate of the model named first, %", rows, around_even(rows), ends=ENDS, by_side=True
        ),
        "runs": [_described(name, report) for name, report in reports.items()],
        "squares": heat_map(list(reports.values())),
    }


def _row(run: str, report: Report) -> Plotted:
    a, b = report.models.names
    return plotted(f"{a} against {b}", list(report.criteria.values())[-1].win_rate, run)


def _models(reports: Iterable[Report]) -> list[str]:
    return list(dict.fromkeys(model for report in reports for model in (report.models.a, report.models.b)))


def _described(name: str, report: Report) -> dict[str, Any]:
    names = report.models.names
    return {
        "name": name,
        "claim": parted(first_screen.headline(report, name)[0], names),
        "worth": [line for line in first_screen.judge_lines(report) if not line.startswith((" ", "A judge"))],
        "counts": first_screen.counts_line(report),
        "win_rates": versus("criterion", [plotted(own, row.win_rate) for own, row in report.criteria.items()], names),
        "warnings": report.warnings,
    }


def heat_map(reports: Sequence[Report]) -> dict[str, list[Square | None]] | None:
    """Return a row for each model, with its overall win rate against each; None with two models or fewer.

    Where several runs compare the same models, their counted pairs are pooled; two that no run compares have
    no square.
    """
    sums: dict[tuple[str, str], tuple[float, float]] = {}
    for report in reports:
        rate = list(report.criteria.values())[-1].win_rate
        if rate.numerator is None or not rate.n:
            continue
        a, b = report.models.a, report.models.b
        for pair, credit in (((a, b), rate.numerator), ((b, a), rate.n - rate.numerator)):
            won, n = sums.get(pair, (0.0, 0))
            sums[pair] = (won + credit, n + rate.n)
    models = _models(reports)
    if len(models) <= 2:  # noqa: PLR2004 - a table of one figure
        return None
    return {row: [_square(row, column, sums) for column in models] for row in models}


def _square(row: str, column: str, sums: Mapping[tuple[str, str], tuple[float, float]]) -> Square | None:
    if (row, column) not in sums:
        return None
    won, n = sums[row, column]
    return square(row, column, won / n, f"{n:g}")
