"""Distinct rows of item columns, and weighted sums over resamples of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

N_RESAMPLES = 10_000


CHUNK = 20_000_000
"""how many weights are held in memory at once"""


class Patterns(NamedTuple):
    """Units collapsed to their distinct patterns.

    `numerators` and `denominators` have one row a pattern and one column a rate; `counts` says how many units share it.
    """

    numerators: Floats
    denominators: Floats
    counts: Floats


class Rates(NamedTuple):
    """Estimates and interval ends in [0, 1], one a rate; NaN where no unit has a denominator."""

    estimate: Floats
    low: Floats
    high: Floats


def resampled_sums(columns: Floats, draw: Callable[[int], Floats], n_resamples: int) -> Floats:
    """Return the weighted sums of unit columns, one row a resample, with bounded memory.

    Args:
        columns: shape (patterns, columns).
        draw: makes the weights of so many resamples, shape (resamples, patterns).
        n_resamples: how many rows to return.
    """
    at_once = max(1, CHUNK // max(1, len(columns)))
    sums = np.empty((n_resamples, columns.shape[1]))
    for start in range(0, n_resamples, at_once):
        some = sums[start : start + at_once]
        some[:] = draw(len(some)) @ columns
    return sums
