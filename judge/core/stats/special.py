"""Tails and quantiles in closed form: scipy, which has them too, takes 0.3 s and 24 MB to import."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from judge.core.stats.intervals import Floats

SMALL = 1_000
"""trials, or degrees of freedom, up to which whole numbers and sums are used, and beyond which series"""
HALVINGS = 200


def fair_pmf(trials: int) -> Floats:
    """Return the probabilities of 0, 1, ... heads of a fair coin."""
    if trials <= SMALL:
        ways, ends = 1, []
        for heads in range(trials + 1):
            ends.append(ways)
            ways = ways * (trials - heads) // (heads + 1)
        return np.array([way / 2**trials for way in ends])
    # Each from its neighbour, outwards from the middle; what they are multiples of follows from their sum.
    upper = np.arange(trials // 2, trials, dtype=np.float64)
    above = np.cumprod((trials - upper) / (upper + 1))
    below = above[:0:-1] if trials % 2 else above[::-1]
    multiples = np.concatenate([below, [1.0], above])
    return np.asarray(multiples / multiples.sum())


def fair_tail(heads: Floats, trials: int) -> Floats:
    """Return the probabilities of more heads than each of the given whole numbers, which are -1 to trials."""
    reached = np.append(np.cumsum(fair_pmf(trials)[::-1])[::-1], 0.0)
    return np.asarray(np.minimum(reached[heads.astype(np.intp) + 1], 1.0))


def chi_square_tail(statistic: float, df: int) -> float:
    """Return the probability that a chi-square variable with whole degrees of freedom, at least 1, is greater.

    Abramowitz and Stegun, 1964, formulas 26.4.4 and 26.4.5.
    """
    if statistic <= 0:
        return 1.0
    half = statistic / 2
    tail = 0.0 if df % 2 == 0 else math.erfc(math.sqrt(half))
    powers = range(df // 2) if df % 2 == 0 else (step + 0.5 for step in range(df // 2))
    return tail + sum(math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers)


def log_beta(a: float, b: float) -> float:
    """Return the logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@cache
def t_quantile(df: int, level: float) -> float:
    """Return the quantile of Student's t at a level above 1/2.

    By bisection of the distribution's closed form for whole degrees of freedom, and for many of them by a series in
    their reciprocal (Abramowitz and Stegun, 1964, formulas 26.7.3 to 26.7.5).
    """
    if df > SMALL:
        return _t_quantile_of_many(df, NormalDist().inv_cdf(level))
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


def _t_quantile_of_many(df: int, z: float) -> float:
    """Return Student's quantile from the normal one."""
    square = z * z
    terms = (
        (square + 1) / 4,
        ((5 * square + 16) * square + 3) / 96,
        (((3 * square + 19) * square + 17) * square - 15) / 384,
        ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92160,
    )
    return z + sum(z * term / float(df) ** power for power, term in enumerate(terms, start=1))


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
