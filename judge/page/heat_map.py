"""How often each model wins against each, as the squares of a heat map."""

from __future__ import annotations

from typing import NamedTuple

from judge.outcomes.tally import HALF

TINTS = 5
"""shades of either side"""


class Square(NamedTuple):
    """A square: the model of a row against that of a column."""

    rate: str
    """percent of the pairs that the row's model wins"""
    n: str
    tint: str
    """a class of the style"""
    label: str
    """for those who cannot see the table"""
    href: str = ""
    """where the pairs behind it are"""


def square(row: str, column: str, rate: float, n: str, href: str = "") -> Square:
    """Return the square of a win rate.

    Args:
        row: the model whose rate it is.
        column: its opponent.
        rate: in [0, 1].
        n: how many pairs were judged.
        href: where they are.
    """
    shade = min(TINTS, 1 + int(abs(rate - HALF) * 2 * TINTS))
    tint = "even" if rate == HALF else f"{'a' if rate > HALF else 'b'}{shade}"
    return Square(f"{100 * rate:.1f}", n, tint, f"{row} against {column}: {100 * rate:.1f} %", href)
