"""Closed-form standard errors and intervals over units."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit, stdtrit

from judge.stats.clusters import sum_by_cluster
from judge.stats.intervals import Patterns, Rates

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

LEVEL = 0.95
NO_SPREAD = 1e-12
"""a spread below this share of the squared unit sizes is rounding, not variation"""


class Errors(NamedTuple):
    """Rates with the variance of their estimates and the number of units they are over; arrays, one entry a rate."""

    estimate: Floats
    variance: Floats
    units: Floats


class Coefficient(NamedTuple):
    """An estimate with its standard error and the ends of its interval."""

    estimate: float
    se: float
    low: float
    high: float


class Covariance(NamedTuple):
    """The covariance of estimates, and the degrees of freedom of its t quantiles."""

    matrix: Floats
    df: int


def ratio_errors(patterns: Patterns) -> Errors:
    """Estimate each rate with its cluster-robust variance G/(G-1) sum((s_g - w n_g)^2) / N^2.

    The linearised variance of a ratio of sums over G units (Cochran, Sampling Techniques, 1977, section 6.4); NaN with
    a single unit.
    """
    numerators, denominators, counts = patterns
    total, units = counts @ denominators, counts @ (denominators > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = (counts @ numerators) / total
        spread = counts @ (numerators - estimate * denominators) ** 2
        spread = np.where(spread <= NO_SPREAD * (counts @ denominators**2), 0.0, spread)
        return Errors(estimate, units / (units - 1) * spread / total**2, units)


def ratio_of_sums(numerators: Floats, denominators: Floats, clusters: Codes | None) -> Coefficient:
    """Estimate a ratio of sums that may exceed 1, with the t interval of its linearised error over clusters.

    Args:
        numerators: shape (items,).
        denominators: shape (items,), whose sum is not 0.
        clusters: shape (items,), a code from 0 for each item's cluster; None where each item is its own.
    """
    columns = sum_by_cluster(np.column_stack([numerators, denominators]), clusters)
    units = Patterns(columns[:, :1], columns[:, 1:], np.ones(len(columns)))
    estimate, variance, n = (float(found[0]) for found in ratio_errors(units))
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * np.sqrt(variance) if n > 1 else np.nan
    return Coefficient(estimate, float(np.sqrt(variance)), float(estimate - half), float(estimate + half))


def wilson(patterns: Patterns, *, level: float = LEVEL) -> Rates:
    """Return each rate's Wilson interval at the effective sample size of its units.

    n_eff = w (1 - w) / variance, or the number of units where nothing varies, and the t quantile with one degree of
    freedom less than units: Korn and Graubard, Survey Methodology 24, 1998, with the interval of Wilson, JASA 22, 1927.
    """
    estimate, variance, units = ratio_errors(patterns)
    with np.errstate(invalid="ignore", divide="ignore"):
        quantile = stdtrit(units - 1, (1 + level) / 2)
        n_eff = np.where(variance > 0, estimate * (1 - estimate) / variance, units)
        low, high = wilson_ends(estimate, n_eff, quantile)
    return Rates(estimate, np.where(estimate <= 0, 0.0 * low, low), np.where(estimate >= 1, 1.0 + 0.0 * high, high))


def wilson_ends(estimate: Floats | float, n_eff: Floats | float, quantile: Floats | float) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's interval of rates at effective sample sizes and a quantile."""
    shrink = quantile**2 / n_eff
    center = (estimate + shrink / 2) / (1 + shrink)
    half = np.sqrt(shrink * (estimate * (1 - estimate) + shrink / 4)) / (1 + shrink)
    return np.maximum(center - half, 0.0), np.minimum(center + half, 1.0)


def clustered_covariance(influences: Floats, clusters: Codes | None) -> Covariance:
    """Return the sandwich covariance G/(G-1) sum(u_g u_g'), u_g being a cluster's summed influence on the estimates.

    Liang and Zeger, Biometrika 73, 1986; NaN with a single cluster.

    Args:
        influences: shape (items, estimates), what each item adds to the estimates' error.
        clusters: shape (items,), the code of each item's cluster; None where each item is its own.
    """
    units = sum_by_cluster(influences, clusters)
    df = len(units) - 1
    factor = (df + 1) / df if df > 0 else np.nan
    return Covariance(factor * units.T @ units, df)


def coefficient(estimate: float, variance: float, df: int) -> Coefficient:
    """Return an estimate with its t interval."""
    se = float(np.sqrt(variance))
    half = stdtrit(df, (1 + LEVEL) / 2) * se
    return Coefficient(float(estimate), se, float(estimate - half), float(estimate + half))


def from_log_odds(log_odds: Coefficient) -> Coefficient:
    """Turn log-odds into a rate, the ends of the interval with it (delta method for the standard error)."""
    rate, low, high = (float(expit(x)) for x in (log_odds.estimate, log_odds.low, log_odds.high))
    return Coefficient(rate, rate * (1 - rate) * log_odds.se, low, high)
