"""Exact bounds of a share of successes, and the sizes of samples that they take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import bdtr, bdtrc, betaincinv

ALPHA = 0.05
"""of each one-sided bound"""
MAX_N = 2_000


class ExactBounds(NamedTuple):
    """The one-sided bounds of a share, each of level 1 - alpha."""

    low: float
    high: float


class SampleSize(NamedTuple):
    """The smallest sample that shows a share to be above a floor."""

    n: int
    pass_at: int
    """successes from which on the lower bound is above the floor"""


def clopper_pearson(successes: int, n: int, *, alpha: float = ALPHA) -> ExactBounds:
    """Return the exact one-sided bounds of a share (Clopper and Pearson, Biometrika 26, 1934).

    Args:
        successes: from 0 to n.
        n: trials, independent of each other.
        alpha: the chance that either bound, taken alone, misses.
    """
    low = float(betaincinv(successes, n - successes + 1, alpha)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - alpha)) if successes < n else 1.0
    return ExactBounds(low, high)


def sample_size(floor: float, truth: float, *, power: float = 0.9, alpha: float = ALPHA) -> SampleSize:
    """Return how many trials show a share to be at least `floor`, with this power where it is `truth`.

    The exact binomial test: `pass_at` is the fewest successes that a share of `floor` reaches with a chance of at most
    alpha. The power of a discrete test is no steady function of n: the first n that has it is taken.

    Args:
        floor: in (0, 1).
        truth: above the floor.
        power: in (0, 1).
        alpha: one-sided level.
    """
    if not 0 < floor < truth <= 1:
        raise ValueError(f"no sample shows a share of {truth} to be above {floor}")
    for n in range(1, MAX_N):
        successes = np.arange(n + 1)
        passing = np.flatnonzero(bdtrc(successes - 1.0, n, floor)[1:] <= alpha) + 1
        if len(passing) and (truth == 1 or bdtrc(passing[0] - 1.0, n, truth) >= power):
            return SampleSize(n, int(passing[0]))
    raise ValueError(f"more than {MAX_N} trials are needed to tell {truth} from {floor}")


def least_trials(share: float, *, alpha: float = ALPHA) -> int:
    """Return how many trials without any success show a share to be below `share`."""
    return int(np.ceil(np.log(alpha) / np.log1p(-share)))


def at_most(successes: int, n: int, share: float) -> float:
    """Return the p-value of the hypothesis that a share is at least `share`: P(X <= successes)."""
    return float(bdtr(float(successes), n, share))
