"""Rates with their intervals as the rows of a forest plot, on a scale as wide as they need."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from judge.tables.words import percent

if TYPE_CHECKING:
    from judge.outcomes.rates import Estimate

EVEN = 50.0
"""percent, where neither side is ahead"""
STEPS = (1, 2, 5, 10)
"""percent between two ticks"""
MOST_STEPS = 10
"""of a scale"""
LEAST = 5.0
"""percent on either side of `EVEN`, so that a tiny difference does not fill the plot"""


class Plotted(NamedTuple):
    """A row of a forest plot; positions in percent, None where nothing was counted."""

    name: str
    rate: str
    at: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""
    mark: float | None = None
    """what to compare the rate with, such as what chance would give"""

    @property
    def side(self) -> str:
        """The model on whose side of `EVEN` the whole interval lies: a, b, or neither."""
        if self.low is None or self.high is None:
            return ""
        return "a" if self.low > EVEN else "b" if self.high < EVEN else ""


class Scale(NamedTuple):
    """The part of 0 to 100 % that a plot shows, and the distance of its ticks."""

    low: int
    high: int
    step: int

    @property
    def ticks(self) -> range:
        """The values that are written below the axis."""
        return range(self.low, self.high + 1, self.step)

    def place(self, value: float) -> float:
        """Return where a value in percent stands, in percent of the plot's width."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


class Forest(NamedTuple):
    """A forest plot."""

    of: str
    """what its rows are"""
    shows: str
    """what its axis shows"""
    rows: Sequence[Plotted]
    scale: Scale
    counted: str = "pairs"
    """what the number of each row counts"""
    ends: tuple[str, str] = ("", "")
    """what the left and the right end mean"""
    by_side: bool = False
    """whether rows have the colour of the side on which they lie"""


def plotted(name: str, rate: Estimate, note: str = "", mark: float | None = None) -> Plotted:
    """Return the row of a rate; `mark` is a rate too."""
    at, low, high = map(_in_percent, (rate.estimate, rate.low, rate.high))
    return Plotted(name, percent(rate), at, low, high, round(rate.n), note, _in_percent(mark))


def _in_percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 4)


def versus(of: str, rows: Sequence[Plotted], names: Sequence[str]) -> Forest:
    """Return the plot of win rates of the first of two models against the second."""
    ends = (f"{names[1]} better", f"{names[0]} better")
    return Forest(of, f"Win rate of {names[0]}, %", rows, around_even(rows), ends=ends, by_side=True)


def shares(of: str, shows: str, rows: Sequence[Plotted], counted: str = "pairs") -> Forest:
    """Return the plot of shares, from 0 on."""
    return Forest(of, shows, rows, from_zero(rows), counted)


def around_even(rows: Iterable[Plotted]) -> Scale:
    """Return a scale with `EVEN` in its middle that holds every row."""
    far = max([LEAST, *(abs(value - EVEN) for value in _values(rows))])
    step = next(step for step in STEPS if 2 * math.ceil(far / step) <= MOST_STEPS)
    reach = step * math.ceil(far / step)
    return Scale(int(EVEN) - reach, int(EVEN) + reach, step)


def from_zero(rows: Iterable[Plotted]) -> Scale:
    """Return a scale from 0 that holds every row."""
    far = max([LEAST, *_values(rows)])
    step = next(step for step in STEPS if math.ceil(far / step) <= MOST_STEPS)
    return Scale(0, step * math.ceil(far / step), step)


def _values(rows: Iterable[Plotted]) -> list[float]:
    return [value for row in rows for value in (row.at, row.low, row.high, row.mark) if value is not None]
