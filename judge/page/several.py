"""The page of several runs: a sentence and rates of each, and where they have more than two models a heat map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from judge.errors import InputError
from judge.page.assemble import Parts
from judge.page.contents import Contents
from judge.page.sections import plotted
from judge.tables import first_screen, words

if TYPE_CHECKING:
    from judge.report.report import Report
    from judge.runs.run_folder import RunFolder

STEPS = 5
"""of colour, on either side of one half"""


class Square(NamedTuple):
    """How often the model of a row is preferred to that of a column."""

    text: str
    kind: str
    """a class of the style: its colour"""
    title: str


def read_runs(folders: Sequence[RunFolder], report_of: Callable[[RunFolder], Report]) -> Parts:
    """Return what the page of several comparisons is made of.

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
    runs = [_described(name, report) for name, report in reports.items()]
    values = {"run": ", ".join(reports), "runs": runs, "squares": heat_map(list(reports.values()))}
    return Parts("several.html.j2", "", {}, Contents(), values)


def _described(name: str, report: Report) -> dict[str, Any]:
    return {
        "name": name,
        "names": dict(zip("ab", report.models.names, strict=True)),
        "claim": first_screen.headline(report, name)[0],
        "worth": [line for line in first_screen.judge_lines(report) if not line.startswith((" ", "A judge"))],
        "counts": first_screen.counts_line(report),
        "rows": [plotted(criterion, row.win_rate) for criterion, row in report.criteria.items()],
        "warnings": report.warnings,
    }


def heat_map(reports: Sequence[Report]) -> dict[str, list[Square]] | None:
    """Return a row for each model, with its overall win rate against each; None with two models or fewer.

    Where several runs compare the same models, their counted pairs are pooled; a diagonal square is empty.
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
    models = list(dict.fromkeys(model for report in reports for model in (report.models.a, report.models.b)))
    if len(models) <= 2:  # noqa: PLR2004 - a table of one figure
        return None
    return {row: [_square(row, column, sums.get((row, column))) for column in models] for row in models}


def _square(row: str, column: str, found: tuple[float, float] | None) -> Square:
    if found is None:
        return Square("", "empty", "not compared" if row != column else "")
    share = found[0] / found[1]
    step = min(STEPS, round(abs(share - 0.5) * 2 * STEPS))
    kind = f"{'over' if share >= 1 / 2 else 'under'}-{step}"
    told = f"{row} wins {100 * share:.1f} % of {words.count(found[1], 'pair')} against {column}"
    return Square(f"{100 * share:.0f}", kind, told)
