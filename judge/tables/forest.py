"""Render rates with their intervals below each other, in 80 columns of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from judge.files.safe_text import safe
from judge.tables.words import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from judge.outcomes.estimates import Estimate
    from judge.report.report import Report

NAME_CELLS = 24
PLOT_CELLS = 33
MIDDLE = PLOT_CELLS // 2


def forest(report: Report) -> list[str]:
    """Return the lines of the plot: every criterion, then the overall one for each subgroup that was asked for."""
    overall = list(report.criteria)[-1]
    lines = _rows({name: row.win_rate for name, row in report.criteria.items()})
    for field, values in report.subgroups.items():
        lines.append(f"by {safe(field)}, {overall}:")
        lines += _rows(
            {
                f"{value} ({group.n}{', few' if group.small else ''})": group.win_rate[overall]
                for value, group in values.items()
            }
        )
    return [_row("win rate of a, percent", _axis(), ""), *lines]


def _rows(rates: Mapping[str, Estimate]) -> list[str]:
    return [
        _row(safe(name).replace("\n", " ").replace("\t", " "), _bar(rate), percent(rate))
        for name, rate in rates.items()
    ]


def _row(name: str, plot: Sequence[str], numbers: str) -> str:
    shown = name if cell_len(name) <= NAME_CELLS else set_cell_size(name, NAME_CELLS - 1) + "…"
    return f"{set_cell_size(shown, NAME_CELLS)} {''.join(plot)} {numbers}".rstrip()


def _axis() -> str:
    return f"0{'50'.center(PLOT_CELLS - 4)}100"


def _bar(rate: Estimate) -> list[str]:
    cells = [" "] * PLOT_CELLS
    if rate.low is not None and rate.high is not None:
        for cell in range(_cell(rate.low), _cell(rate.high) + 1):
            cells[cell] = "-"
    cells[MIDDLE] = "+" if cells[MIDDLE] == "-" else ":"
    if rate.estimate is not None:
        cells[_cell(rate.estimate)] = "o"
    return cells


def _cell(rate: float) -> int:
    return round(rate * (PLOT_CELLS - 1))
