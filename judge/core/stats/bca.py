"""The bias-corrected and accelerated bootstrap, for comparison with tools that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.core.stats.intervals import N_RESAMPLES, Patterns, Rates, resampled_sums

if TYPE_CHECKING:
    from judge.core.stats.intervals import Floats


def bca(patterns: Patterns, *, n_resamples: int = N_RESAMPLES, level: float = 0.95, seed: int = 0) -> Rates:
    """Make each rate's BCa interval over units; it is a point where nothing varies, which is why it is no default.

    Efron, "Better Bootstrap Confidence Intervals", JASA 82, 1987: bias from the share of resamples below the estimate
    (half of those equal to it), acceleration from the jackknife.
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - half a second that other commands do without

    numerators, denominators, counts = patterns
    counted = counts @ denominators > 0
    if not counted.all():
        spread = np.full((len(Rates._fields), len(counted)), np.nan)
        if counted.any():
            own = Patterns(numerators[:, counted], denominators[:, counted], counts)
            spread[:, counted] = bca(own, n_resamples=n_resamples, level=level, seed=seed)
        return Rates(*spread)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = (counts @ numerators) / (counts @ denominators)
    resampled = _resampled(patterns, n_resamples, seed)
    below = np.nanmean((resampled < estimate) + 0.5 * np.isclose(resampled, estimate, rtol=0, atol=1e-12), axis=0)
    bias = ndtri(np.clip(below, 1 / (2 * n_resamples), 1 - 1 / (2 * n_resamples)))
    pull = bias + ndtri([[(1 - level) / 2], [(1 + level) / 2]])
    tails = ndtr(bias + pull / (1 - acceleration(patterns) * pull))
    ends = [np.nanquantile(column, tail) for column, tail in zip(resampled.T, tails.T, strict=True)]
    low, high = np.array(ends).reshape(-1, 2).T
    return Rates(estimate, low, high)


def acceleration(patterns: Patterns) -> Floats:
    """Return each rate's acceleration from its jackknife, in closed form over patterns; 0 where nothing varies.

    Leaving a unit out of N = sum n_g gives the rate (S - s_g) / (N - n_g); the acceleration is
    sum(d^3) / (6 sum(d^2)^1.5) with d the distances of these rates below their mean.
    """
    numerators, denominators, counts = patterns
    with np.errstate(invalid="ignore", divide="ignore"):
        left_out = (counts @ numerators - numerators) / (counts @ denominators - denominators)
        distance = (counts @ left_out) / counts.sum() - left_out
        skew = (counts @ distance**3) / (6 * (counts @ distance**2) ** 1.5)
    return np.asarray(np.nan_to_num(skew, nan=0.0, posinf=0.0, neginf=0.0))


def _resampled(patterns: Patterns, n_resamples: int, seed: int) -> Floats:
    numerators, denominators, counts = patterns
    rng = np.random.default_rng(seed)
    units, shares = int(counts.sum()), counts / counts.sum()
    columns = np.hstack([numerators, denominators])
    sums = resampled_sums(columns, lambda size: rng.multinomial(units, shares, size=size).astype(float), n_resamples)
    wins, everything = np.hsplit(sums, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(wins / everything)
