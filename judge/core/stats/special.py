"""Tails and quantiles without scipy's import (0.3 s) where the numbers are small; scipy's where they are not."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from judge.core.stats.intervals import Floats

SMALL = 1_000
"""trials, or degrees of freedom"""
HALVINGS = 200


def fair_pmf(trials: int) -> Floats:
    """Return the probabilities of 0, 1, ... heads of a fair coin."""
    if trials <= SMALL:
        ways, ends = 1, []
        for heads in range(trials + 1):
            ends.append(ways)
            ways = ways * (trials - heads) // (heads + 1)
        return np.array([way / 2**trials for way in ends])
    from scipy.special import gammaln  # noqa: PLC0415 - only for large numbers

    all_heads = np.arange(trials + 1.0)
    log_pmf = gammaln(trials + 1) - gammaln(all_heads + 1) - gammaln(trials - all_heads + 1) - trials * math.log(2)
    return np.asarray(np.exp(log_pmf))


def fair_tail(heads: Floats, trials: int) -> Floats:
    """Return the probabilities of more heads than each of the given whole numbers, which are -1 to trials."""
    if trials <= SMALL:
        reached = np.append(np.cumsum(fair_pmf(trials)[::-1])[::-1], 0.0)
        return np.asarray(np.minimum(reached[heads.astype(np.intp) + 1], 1.0))
    from scipy.special import bdtrc  # noqa: PLC0415 - only for large numbers

    return np.asarray(bdtrc(heads, trials, 0.5))


@cache
def t_quantile(df: int, level: float) -> float:
    """Return the quantile of Student's t at a level above 1/2.

    By bisection of the distribution's closed form for whole degrees of freedom (Abramowitz and Stegun, 1964,
    formulas 26.7.3 and 26.7.4).
    """
    if df > SMALL:
        from scipy.special import stdtrit  # noqa: PLC0415 - only for large numbers

        return float(stdtrit(df, level))
    low, high = 0.0, math.pi / 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if _within(middle, df) < 2 * level - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(df) * math.tan(low)


def _within(angle: float, df: int) -> float:
    """Return P(|t| < sqrt(df) tan(angle))."""
    square = math.cos(angle) ** 2
    term, total = 1.0, 1.0
    if df % 2 == 0:
        for step in range(2, df, 2):
            term *= square * (step - 1) / step
            total += term
        return math.sin(angle) * total
    if df == 1:
        return 2 * angle / math.pi
    for step in range(3, df, 2):
        term *= square * (step - 1) / step
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * math.cos(angle) * total)
