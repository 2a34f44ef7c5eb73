"""Sample size and power of a comparison."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import bisect
from scipy.special import expit, ndtr, ndtri

from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.significance import MAX_DENOMINATOR, fair_tail, sign_flip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

N_RUNS = 2_000
MAX_EXACT = 200
"""units times distances from 1/2, above which the normal approximation tests simulated comparisons"""
LOWER = 0.9
"""of a number that has the power or nearly has it, what is tried next"""
TOLERANCE = 1e-9


class Units(NamedTuple):
    """The distribution of units, which are clusters or items; arrays, one entry a kind of unit."""

    excess: Floats
    """the sum of (credit - 1/2) over a unit's items"""
    sizes: Floats
    """how many items it has"""
    weights: Floats
    """how frequent it is; they need not add up to 1"""

    @property
    def mean_size(self) -> float:
        """Items a unit."""
        return float(self.weights @ self.sizes / self.weights.sum())


def design_effect(cluster_size: float, correlation: float) -> float:
    """Return the design effect of clusters, 1 + (m - 1) rho (Kish, Survey Sampling, 1965, 5.4).

    Args:
        cluster_size: items a cluster, at least 1; where sizes differ, the mean over items (sum m^2 / sum m).
        correlation: of the credits of two items in a cluster, in [0, 1].
    """
    return 1 + (cluster_size - 1) * correlation


def items_needed(
    win_rate: float, *, spread: float = 0.25, power: float = 0.8, alpha: float = 0.05, effect: float = 1.0
) -> int:
    """Return how many items show, with the given power, that a's win rate is not 1/2.

    The normal approximation of the sign-flip test, (z_alpha sqrt(v0) + z_power sqrt(v1))^2 / (p - 1/2)^2 with v0 the
    spread and v1 = v0 - (p - 1/2)^2 (Connor, Biometrics 43, 1987, for McNemar's test).

    Args:
        win_rate: of a, in [0, 1], other than 1/2.
        spread: mean squared distance of an item's credit from 1/2: (1 - t) / 4 where a share t of items is tied and
            the others are won or lost.
        power: in (0, 1).
        alpha: two-sided level.
        effect: the design effect of clusters, at least 1.
    """
    distance = abs(win_rate - HALF)
    if distance == 0:
        raise ValueError("no number of items tells a win rate of 1/2 from 1/2")
    if not is_reachable(win_rate, spread):
        raise ValueError(f"a win rate of {win_rate} is out of reach with a spread of {spread}")
    around = math.sqrt(max(spread - distance**2, 0.0))
    root = float(ndtri(1 - alpha / 2)) * math.sqrt(spread) + float(ndtri(power)) * around
    return math.ceil(effect * (root / distance) ** 2)


def is_reachable(win_rate: float, spread: float) -> bool:
    """Return whether items of this spread can have this win rate with some won and some lost: |2 p - 1| < 4 v0."""
    return abs(win_rate - HALF) < 2 * spread - TOLERANCE


def items_for_half_width(half_width: float, *, variance: float, alpha: float = 0.05, effect: float = 1.0) -> int:
    """Return how many items give an interval of the win rate this half-width: effect v (z / h)^2.

    Args:
        half_width: in (0, 1/2).
        variance: of an item's credit.
        alpha: one minus the interval's level.
        effect: the design effect of clusters, at least 1.
    """
    return math.ceil(effect * variance * (float(ndtri(1 - alpha / 2)) / half_width) ** 2)


class Simulated(NamedTuple):
    """A number of units with the power that it has in simulation."""

    n_units: int
    power: float


def simulated_power(units: Units, n_units: int, *, alpha: float = 0.05, n_runs: int = N_RUNS, seed: int = 0) -> float:
    """Return the share of simulated comparisons whose sign-flip test finds a difference.

    The exact test, or its normal approximation (corrected for continuity) where there are many units of several
    distances from 1/2.

    Args:
        units: what each simulated comparison draws from.
        n_units: of each simulated comparison.
        alpha: two-sided level.
        n_runs: how many comparisons to simulate; equal ones are tested once.
        seed: of the simulation.
    """
    shares = units.weights / units.weights.sum()
    return _power(units, np.random.default_rng(seed).multinomial(n_units, shares, size=n_runs), alpha)


def smallest_with_power(
    units: Units, power: float, near: int, *, alpha: float = 0.05, n_runs: int = N_RUNS, seed: int = 0
) -> Simulated:
    """Return the smallest number of units whose simulated power reaches a target.

    The same comparisons grow unit by unit (by half a percent where there are many), so that the numbers share their
    chance errors and none is picked for a lucky draw of its own. Where the exact test takes long, its normal
    approximation leads near to the number, and the exact test goes on from there.

    Args:
        units: what each simulated comparison draws from.
        power: to reach, in (0, 1).
        near: a number of units to begin near, such as that of `items_needed`.
        alpha: two-sided level.
        n_runs: how many comparisons to simulate.
        seed: of the simulation.
    """
    shares, step = units.weights / units.weights.sum(), max(1, near // 200)

    def from_below(start: int, *, exact: bool) -> Simulated:
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(start, shares, size=n_runs)
        while (reached := _power(units, drawn, alpha, exact=exact)) < power:
            drawn, start = drawn + rng.multinomial(step, shares, size=n_runs), start + step
        return Simulated(start, reached)

    def reaches(start: int, *, exact: bool) -> bool:
        drawn = np.random.default_rng(seed).multinomial(start, shares, size=n_runs)
        return _power(units, drawn, alpha, exact=exact) >= power

    start, is_slow = max(1, int(LOWER * near)), _n_distances(units) > 1
    while start > 1 and reaches(start, exact=not is_slow):
        start = max(1, int(LOWER * start))
    if is_slow:
        start = max(start, from_below(start, exact=False).n_units)
    return from_below(start, exact=True)


def _n_distances(units: Units) -> int:
    return int(np.count_nonzero(np.unique(np.abs(units.excess).round(9))))


def _power(units: Units, drawn: NDArray[np.int64], alpha: float, *, exact: bool = True) -> float:
    """Return the share of comparisons, rows of counts by kind of unit, that the test finds a difference in."""
    distinct, times = np.unique(drawn, axis=0, return_counts=True)
    n_distances = _n_distances(units)
    if n_distances <= 1:
        wins, losses = (distinct @ (side * units.excess > TOLERANCE) for side in (1, -1))
        p_values = np.minimum(1.0, 2 * fair_tail(np.maximum(wins, losses).astype(np.float64), wins + losses))
    elif exact and drawn[0].sum() * n_distances <= MAX_EXACT:
        p_values = np.array([sign_flip(units.excess, counts.astype(np.float64)).p_value for counts in distinct])
    else:
        total, spread = np.abs(distinct @ units.excess), np.sqrt(distinct @ units.excess**2)
        halfway = _quantum(units.excess)  # half a step of the total: a flip changes it by twice a distance
        p_values = 2 * ndtr(-np.maximum(total - halfway, 0) / np.where(spread > 0, spread, 1.0))
    return float(times @ (p_values <= alpha) / len(drawn))


def _quantum(excess: Floats) -> float:
    """Return the number that all distances are multiples of; 0 where there is none that is not tiny."""
    steps = np.rint(excess * MAX_DENOMINATOR).astype(np.int64)
    return float(np.gcd.reduce(steps)) / MAX_DENOMINATOR if np.allclose(steps, excess * MAX_DENOMINATOR) else 0.0


def items_as_units(win_rate: float, ties: float) -> Units:
    """Return items that are won, tied (in a share `ties`) or lost, as their own units."""
    won = win_rate - ties / 2
    return Units(np.array([HALF, 0.0, -HALF]), np.ones(3), np.array([won, ties, max(1 - ties - won, 0.0)]))


def clustered_units(items: Units, size: int, correlation: float) -> Units:
    """Return clusters of so many items, any two of which have credits of the given correlation.

    With probability `correlation` all items of a cluster are alike, else they are drawn one by one: the correlation of
    any two is then exactly that.

    Args:
        items: units of one item each, credits in multiples of 1/2.
        size: items a cluster.
        correlation: in [0, 1].
    """
    one = np.zeros(3)
    np.add.at(one, np.rint(2 * items.excess).astype(np.intp) + 1, items.weights / items.weights.sum())
    drawn = np.ones(1)
    for _ in range(size):
        drawn = np.convolve(drawn, one)
    mass = (1 - correlation) * drawn
    mass[::size] += correlation * one
    excess = (np.arange(len(mass)) - size) / 2
    return Units(excess, np.full(len(mass), float(size)), mass)


def pilot_units(credit: Floats, codes: Codes | None) -> Units:
    """Collapse a pilot's items to its distinct units.

    Args:
        credit: shape (items,), of a, in [0, 1].
        codes: shape (items,), the code of each item's cluster; None where each item is its own.
    """
    columns = sum_by_cluster(np.column_stack([credit - HALF, np.ones_like(credit)]), codes)
    kinds, counts = np.unique(columns.round(9), axis=0, return_counts=True)
    return Units(kinds[:, 0], kinds[:, 1], counts.astype(np.float64))


def tilted(units: Units, win_rate: float) -> Units:
    """Return the units tilted exponentially to a given win rate of a.

    How far units are from 1/2, and how many are ties, stays; among the units of one size and distance the odds of a
    lead of a grow exponentially with the distance.

    Raises:
        ValueError: not even with every unit that is no tie on one side is the win rate reached.
    """
    distance = np.abs(units.excess)
    wanted = (win_rate - HALF) * float(units.weights @ units.sizes)
    if abs(wanted) > float(units.weights @ distance) - TOLERANCE:
        raise ValueError(f"a win rate of {win_rate} is out of reach with so many ties")
    slope = bisect(lambda slope: float(units.weights @ (distance * np.tanh(slope * distance))) - wanted, -1e6, 1e6)
    ahead = expit(2 * slope * distance)
    return Units(
        np.concatenate([distance, -distance]),
        np.tile(units.sizes, 2),
        np.concatenate([units.weights * ahead, units.weights * (1 - ahead)]),
    )


def cluster_correlation(credit: Floats, codes: Codes) -> float:
    """Estimate the correlation of two items' credits in a cluster by analysis of variance, not below 0.

    (MSB - MSW) / (MSB + (m0 - 1) MSW) with m0 = (N - sum m^2 / N) / (G - 1): Donner, International Statistical Review
    54, 1986. 0 where nothing varies or no cluster has two items.

    Args:
        credit: shape (items,).
        codes: shape (items,), the code of each item's cluster.
    """
    sums, sizes = sum_by_cluster(np.column_stack([credit, np.ones_like(credit)]), codes).T
    n_items, n_clusters = len(credit), len(sizes)
    if not 1 < n_clusters < n_items:
        return 0.0
    between = float(sizes @ (sums / sizes - credit.mean()) ** 2) / (n_clusters - 1)
    within = float(((credit - credit.mean()) ** 2).sum() - between * (n_clusters - 1)) / (n_items - n_clusters)
    mean_size = (n_items - float(sizes @ sizes) / n_items) / (n_clusters - 1)
    total = between + (mean_size - 1) * within
    return max(0.0, (between - within) / total) if total > TOLERANCE else 0.0
