"""One-sided tests of the mean of bounded units, of any distribution, and of equivalence from two of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from judge.stats.clusters import HALF

if TYPE_CHECKING:
    from judge.stats.intervals import Floats

SMALLEST_P = 1e-9
"""p-values are good to so much, and not said to be below it"""
REACH = 40.0
"""standard deviations from its mean beyond which a sum has a negligible probability"""
FIRST_STEPS, MAX_STEPS = 64, 1 << 15


def equivalence_p_value(excess: Floats, sizes: Floats, margin: float) -> float:
    """Return the p-value of the hypothesis that the mean credit lies outside the margin around 1/2.

    Two one-sided tests (Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987), each by `mean_p_value`: it
    keeps to its level however few units differ from 1/2.

    Args:
        excess: shape (units,), the sum of (credit - 1/2) over a unit's items.
        sizes: shape (units,), how many items it has.
        margin: in (0, 1/2).
    """
    if not len(excess):
        return 1.0
    return max(mean_p_value(side * excess + margin * sizes, (HALF - margin) * sizes.max()) for side in (1, -1))


def mean_p_value(values: Floats, below: float) -> float:
    """Return the p-value of the hypothesis that bounded values have a mean of 0 or less.

    P(sum G_i v_i - G_0 b <= 0) for independent standard exponentials G and the lower bound -b of the values: the test
    of Gaffke, Mathematical Methods of Statistics 14, 2005. Of wins and losses it is the exact binomial (Clopper and
    Pearson's). That it keeps to its level for every other bounded distribution is conjectured, not proven: none is
    known for which it does not (Learned-Miller and Thomas, arXiv 1905.06208, 2019).

    Args:
        values: shape (units,), each at least -below.
        below: how far below 0 a value can be, above 0.
    """
    kinds, counts = np.unique(np.round(values, 12), return_counts=True)
    return min(1.0, max(SMALLEST_P, _gamma_sum_below_zero(np.append(kinds, -below), np.append(counts, 1))))


def _gamma_sum_below_zero(scales: Floats, shapes: Floats) -> float:
    """Return P(sum d_j Gamma(k_j) <= 0) by inversion of its characteristic function prod (1 - i t d_j)^-k_j.

    Davies, Biometrika 60, 1973: the midpoint rule errs by no more than the probability beyond half its period.
    """
    spread = math.sqrt(float(shapes @ scales**2))
    step = 2 * math.pi / (abs(float(shapes @ scales)) + REACH * spread)
    total, done, steps = 0.0, 0, FIRST_STEPS
    while True:
        places = np.arange(done, steps) + HALF
        transform = np.exp(-(np.log1p(-1j * step * np.outer(places, scales)) @ shapes))
        total += float((transform.imag / places).sum())
        if abs(transform[-1]) < SMALLEST_P / 10 or steps >= MAX_STEPS:
            return HALF - total / math.pi
        done, steps = steps, 2 * steps
