"""Tests of paired outcomes, corrections for several tests, equivalence, and the conclusion of a comparison."""

from __future__ import annotations

import math
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import betainc, gammaln

from judge.stats.clusters import HALF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.intervals import Floats

    Counts = NDArray[np.int64]

N_FLIPS = 10_000
MANY_UNITS = 10_000
"""above, the normal approximation stands in where the exact distribution would take too long"""
MAX_WORK = 1e9
"""multiplications that an exact distribution may take: about a second"""
MAX_SPAN = 1e7
"""values that an exact distribution may have"""
MAX_DENOMINATOR = 720
TOLERANCE = 1e-9


class Distribution(StrEnum):
    """Reference distribution of a p-value."""

    EXACT = "exact"
    NORMAL = "normal approximation"
    MONTE_CARLO = "Monte-Carlo"
    SEQUENTIAL = "e-process"
    """no sign-flip: valid at every look of a run that may stop early"""


class SignFlip(NamedTuple):
    """A two-sided p-value and the distribution it was read from."""

    p_value: float
    distribution: Distribution


class Signs(NamedTuple):
    """Counts of units that lean to a and to b."""

    wins: int
    losses: int


def signs(excess: Floats) -> Signs:
    """Count the units that lean to a and to b (`excess` as for `sign_flip`)."""
    return Signs(int((excess > TOLERANCE).sum()), int((excess < -TOLERANCE).sum()))


def sign_flip(excess: Floats, counts: Floats | None = None, *, seed: int = 0) -> SignFlip:
    """Test that neither model is preferred, by the distribution of the total when each unit's a and b may be swapped.

    The paired permutation test (Fisher, The Design of Experiments, 1935, section 21). Exact by convolution of binomials
    where the excesses are multiples of a common quantum and the work is small (always with one judge and sample);
    else 10,000 seeded flips with (hits + 1) / (flips + 1), or the normal approximation above 10,000 units.

    Args:
        excess: shape (units,), the sum of (credit - 1/2) over a unit's items.
        counts: shape (units,), how many units share each excess; None for one each.
        seed: of the Monte-Carlo flips.
    """
    sizes, inverse = np.unique(np.abs(excess).round(9), return_inverse=True)
    counts = np.ones(len(excess)) if counts is None else counts
    together = np.bincount(inverse, weights=counts, minlength=len(sizes))
    total = abs(float(counts @ excess))
    if total < TOLERANCE:
        return SignFlip(1.0, Distribution.EXACT)
    sizes, together = sizes[sizes > 0], together[sizes > 0].astype(np.int64)
    whole = _whole_numbers(sizes)
    if whole is not None and _is_small(whole, together):
        steps = round(total * float(whole[0] / sizes[0]))
        return SignFlip(_exact_tail(whole, together, steps), Distribution.EXACT)
    if together.sum() > MANY_UNITS:
        z = total / math.sqrt(together @ sizes**2)
        return SignFlip(math.erfc(z / math.sqrt(2)), Distribution.NORMAL)
    return SignFlip(_random_tail(sizes, together, total, seed), Distribution.MONTE_CARLO)


def _whole_numbers(sizes: Floats) -> Floats | None:
    """Return the smallest whole numbers in the proportion of the sizes; None where there is no common quantum."""
    fractions = []
    for size in sizes:
        near = Fraction(float(size)).limit_denominator(MAX_DENOMINATOR)
        if not near or abs(float(near) - size) > TOLERANCE:
            return None
        fractions.append(near)
    scale = math.lcm(*(fraction.denominator for fraction in fractions))
    whole = [int(fraction * scale) for fraction in fractions]
    shared = math.gcd(*whole)
    return np.array([number // shared for number in whole], dtype=np.float64)


def _is_small(whole: Floats, counts: Counts) -> bool:
    """Return whether `_exact_tail` takes little time and memory."""
    order = np.argsort(counts, kind="stable")[:-1]
    spans = np.cumsum(whole[order] * counts[order])
    work = counts[order[1:]] @ spans[:-1]
    return bool(work <= MAX_WORK and (spans <= MAX_SPAN).all())


def _exact_tail(whole: Floats, counts: Counts, total: int) -> float:
    """Return P(|sum| >= total) when each unit's whole number has a random sign.

    With J of the c units of size v positive, the sum is 2 sum(v J) - sum(v c). All sizes but the most frequent are
    convolved; the binomial tail of that one is read off for each of their outcomes.
    """
    *others, last = np.argsort(counts, kind="stable")
    mass = np.ones(1)
    for index in others:
        mass = _add_binomial(mass, int(whole[index]), int(counts[index]))
    threshold = (total + int(whole @ counts)) // 2
    reached = np.flatnonzero(mass)
    needed = np.ceil((threshold - reached) / whole[last])
    tail = fair_tail(np.clip(needed, 0, counts[last] + 1), int(counts[last]))
    return min(1.0, 2 * float(mass[reached] @ tail))


def _add_binomial(mass: Floats, step: int, count: int) -> Floats:
    """Convolve a distribution on 0, 1, ... with that of step times a Binomial(count, 1/2)."""
    pmf = _fair_pmf(count)
    spread = np.zeros(len(mass) + step * count)
    if len(mass) < len(pmf):
        for start, weight in enumerate(mass):
            spread[start : start + step * count + 1 : step] += weight * pmf
    else:
        for way in np.flatnonzero(pmf):
            spread[way * step : way * step + len(mass)] += pmf[way] * mass
    return spread


def fair_tail(heads: Floats, trials: int | Counts) -> Floats:
    """Return the probability that a fair coin shows at least so many heads; they are 0 to trials + 1."""
    return np.select([heads < 1, heads > trials], [1.0, 0.0], betainc(heads, trials - heads + 1, 0.5))


def _fair_pmf(trials: int) -> Floats:
    """Return the probabilities of 0, 1, ... heads of a fair coin."""
    heads = np.arange(trials + 1)
    log_ways = gammaln(trials + 1) - gammaln(heads + 1) - gammaln(trials - heads + 1)
    return np.asarray(np.exp(log_ways - trials * math.log(2)))


def _random_tail(sizes: Floats, counts: Counts, total: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    sums = np.zeros(N_FLIPS)
    for size, count in zip(sizes, counts, strict=True):
        sums += size * (2 * rng.binomial(count, 0.5, size=N_FLIPS) - count)
    return float((1 + (np.abs(sums) >= total - TOLERANCE).sum()) / (1 + N_FLIPS))


ALPHA = 0.05


class Conclusion(StrEnum):
    """Conclusion about model a against model b."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided exact p-value of wins against losses; for paired items it is McNemar's exact test.

    Twice the smaller binomial tail: McNemar, Psychometrika 12, 1947.
    """
    return min(1.0, 2 * float(fair_tail(np.array(max(wins, losses)), wins + losses)))


def holm(p_values: Floats) -> Floats:
    """Adjust p-values for the family-wise error rate (Holm, Scandinavian J. Statistics 6, 1979)."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjust p-values for the false discovery rate (Benjamini and Hochberg, JRSS B 57, 1995)."""
    if not len(p_values):
        return p_values
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - half a second that only subgroups need

    return np.asarray(false_discovery_control(p_values))


def conclude(win_rate: float, p_value: float, *, equivalent: bool = False) -> Conclusion:
    """Return the conclusion of a comparison; what is not significant is inconclusive, never equal.

    A margin that a person has set goes before the p-value: a difference inside it is one that they called irrelevant.

    Args:
        win_rate: of a, in [0, 1].
        p_value: of the sign-flip test.
        equivalent: whether the test of equivalence says so; False where no margin was set.
    """
    if equivalent:
        return Conclusion.EQUIVALENT
    if not p_value <= ALPHA:
        return Conclusion.INCONCLUSIVE
    return Conclusion.BETTER if win_rate > HALF else Conclusion.WORSE
