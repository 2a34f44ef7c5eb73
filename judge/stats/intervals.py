"""Bootstrap intervals of several rates at once, over units."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from judge.enums import Method

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Resampling = Literal[Method.JEFFREYS, Method.PERCENTILE]
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


def bootstrap(
    patterns: Patterns,
    *,
    method: Resampling = Method.JEFFREYS,
    n_resamples: int = N_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Rates:
    """Estimate each rate as a ratio of sums over units, with its interval.

    Jeffreys: unit weights are Gamma(1) (Gamma(count) a pattern), and a pseudo win and a pseudo loss of weight
    Gamma(1/2) each are added (Rubin, "The Bayesian Bootstrap", Annals of Statistics 9, 1981, with the Jeffreys prior);
    for binary units it is the Jeffreys interval. They have the mean size of the units that a rate counts: units without
    a denominator say nothing of it. Percentile: multinomial weights (Efron, Annals of Statistics 7, 1979). By
    convention an estimate of 0 has the lower end 0, an estimate of 1 the upper end 1.

    Args:
        patterns: of the units.
        method: Jeffreys or percentile; for the closed form see `wilson`.
        n_resamples: how many to draw.
        level: of the interval, such as 0.95.
        seed: of the resamples.
    """
    numerators, denominators, counts = patterns
    if not len(counts):
        nothing = np.full(numerators.shape[1], np.nan)
        return Rates(nothing, nothing, nothing)
    rng = np.random.default_rng(seed)
    total = counts @ denominators
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = (counts @ numerators) / total
        resampled = (
            _jeffreys(patterns, total, rng, n_resamples)
            if method is Method.JEFFREYS
            else _percentile(patterns, rng, n_resamples)
        )
    tail = (1 - level) / 2
    resampled[:, total <= 0] = 0.0
    low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=0)
    low, high = np.where(estimate <= 0, 0.0, low), np.where(estimate >= 1, 1.0, high)
    return Rates(estimate, np.where(total > 0, low, np.nan), np.where(total > 0, high, np.nan))


def _jeffreys(patterns: Patterns, total: Floats, rng: np.random.Generator, n_resamples: int) -> Floats:
    counts = patterns.counts
    wins, everything = _sums(patterns, lambda size: rng.standard_gamma(counts, size=(size, len(counts))), n_resamples)
    pseudo = rng.standard_gamma(0.5, size=(n_resamples, 2))
    mean_unit = total / (counts @ (patterns.denominators > 0))
    wins += pseudo[:, :1] * mean_unit
    everything += pseudo.sum(axis=1, keepdims=True) * mean_unit
    return np.asarray(wins / everything)


def _percentile(patterns: Patterns, rng: np.random.Generator, n_resamples: int) -> Floats:
    counts = patterns.counts
    n_units, shares = int(counts.sum()), counts / counts.sum()
    wins, everything = _sums(
        patterns, lambda size: rng.multinomial(n_units, shares, size=size).astype(np.float64), n_resamples
    )
    return np.asarray(wins / everything)


def _sums(patterns: Patterns, draw: Callable[[int], Floats], n_resamples: int) -> tuple[Floats, Floats]:
    """Return the resampled numerators and denominators, each of shape (resamples, rates)."""
    columns = np.hstack([patterns.numerators, patterns.denominators])
    wins, everything = np.hsplit(resampled_sums(columns, draw, n_resamples), 2)
    return wins, everything
