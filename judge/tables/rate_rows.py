"""Win rates on the terminal: a row a criterion, with a bar, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from judge.enums import Orders
from judge.files.safe_text import safe
from judge.tables import cells, words

if TYPE_CHECKING:
    from judge.outcomes.rates import Estimate
    from judge.report.criterion import CriterionReport
    from judge.report.report import Report
    from judge.tables.sides import Side

BAR_CELLS = (33, 17, 11)
"""the widest bar, the narrowest with columns far apart, and the narrowest: odd, so that one cell is the middle"""
AGREE = "agree"
"""heads the column of position consistency"""
POINT, INTERVAL, MIDDLE = "●", "━", "┊"


def rate_rows(
    report: Report,
    criteria: Mapping[str, CriterionReport],
    side: Side,
    width: int,
    *,
    errors: bool = False,
) -> list[str]:
    """Return a heading and a row for each criterion, none wider than the terminal; only names are ever parted.

    Args:
        report: of a comparison.
        criteria: its own, or those of one judge.
        side: the model whose rates they are.
        width: of the terminal in columns.
        errors: whether to show standard errors.
    """
    both = report.orders is Orders.BOTH
    heads = ["%", "credit", "W", "T", "L", *(["split"] if both else []), "missing"]
    rows = [
        [
            (cells.rate(rate).with_error() if errors else cells.rate(rate)).text,
            "-" if rate.numerator is None or not rate.n else words.amount(rate.numerator),
            *map(str, _outcomes(row, side, both=both)),
        ]
        for row in criteria.values()
        for rate in [side.rate(row.win_rate)]
    ]
    agree = [AGREE, *(_fraction(row.consistency) for row in criteria.values())] if both else []
    names = [safe(name).replace("\n", " ").replace("\t", " ") for name in criteria]
    rates = [side.rate(row.win_rate) for row in criteria.values()]
    return _laid_out(names, rates, [heads, *rows], agree, width)


def _outcomes(row: CriterionReport, side: Side, *, both: bool) -> list[int]:
    won, lost = (row.wins_a, row.wins_b) if side.is_a else (row.wins_b, row.wins_a)
    return [won, row.ties, lost, *([row.splits] if both else []), row.missing]


def _fraction(rate: Estimate) -> str:
    return "-" if rate.numerator is None or not rate.n else f"{words.amount(rate.numerator)}/{words.amount(rate.n)}"


def _laid_out(
    names: Sequence[str], rates: Sequence[Estimate], figures: list[list[str]], agree: Sequence[str], width: int
) -> list[str]:
    """Lay a table out: with all columns and a wide bar if there is room, else without them one after the other."""
    name_width = max(map(cell_len, ["criterion", *names]))
    wider = [[*row, own] for row, own in zip(figures, agree, strict=True)] if agree else figures
    layouts = (
        (wider, 2, BAR_CELLS[1]),
        (wider, 1, BAR_CELLS[2]),
        (figures, 2, BAR_CELLS[1]),
        (wider, 1, 0),
        (figures, 1, 0),
    )
    for columns, gap, least in layouts:
        lines, blank = _aligned(columns, gap), " " * gap
        room = width - name_width - cell_len(lines[0])
        if room < (gap + least if least else 0):
            continue
        bar = min(BAR_CELLS[0], room - gap - 1 + (room - gap) % 2)
        bars = ["50".center(bar), *(_bar(rate, bar) for rate in rates)] if bar >= BAR_CELLS[2] else [""] * len(lines)
        return [
            f"{set_cell_size(name, name_width)}{blank * bool(drawn)}{drawn}{line}".rstrip()
            for name, drawn, line in zip(["criterion", *names], bars, lines, strict=True)
        ]
    head, *rows = (line[1:] for line in _aligned(figures, 1))
    return [head, *(line for pair in zip(names, rows, strict=True) for line in pair)]


def _aligned(rows: Sequence[Sequence[str]], gap: int) -> list[str]:
    """Return rows as lines of columns, each as wide as its widest cell and `gap` blanks before it."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    blank = " " * gap
    return ["".join(f"{blank}{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]


def _bar(rate: Estimate, width: int) -> str:
    """Draw a rate and its interval on a scale from 0 to 1, with a mark in the middle."""
    drawn, middle = [" "] * width, width // 2

    def cell(share: float) -> int:
        return round(share * (width - 1))

    drawn[middle] = MIDDLE
    if rate.low is not None and rate.high is not None:
        low, high = cell(rate.low), cell(rate.high)
        drawn[low : high + 1] = [INTERVAL] * (high + 1 - low)
    if rate.estimate is not None:
        drawn[cell(rate.estimate)] = POINT
    return "".join(drawn)
