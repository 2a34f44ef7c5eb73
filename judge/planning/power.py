"""Sample size and power of a comparison."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import bisect
from scipy.special import expit, ndtr, ndtri

from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.significance import sign_flip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

N_RUNS = 2_000
MAX_EXACT = 4_000
"""units times distances from 1/2, up to which simulated comparisons are tested exactly: some seconds"""
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


def simulated_power(units: Units, n_units: int, *, alpha: float = 0.05, n_runs: int = N_RUNS, seed: int = 0) -> float:
    """Return the share of simulated comparisons whose sign-flip test finds a difference.

    The exact test, or its normal approximation where there are very many units of several distances from 1/2.

    Args:
        units: what each simulated comparison draws from.
        n_units: of each simulated comparison.
        alpha: two-sided level.
        n_runs: how many comparisons to simulate; equal ones are tested once.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_units, units.weights / units.weights.sum(), size=n_runs)
    distinct, times = np.unique(drawn, axis=0, return_counts=True)
    n_distances = np.count_nonzero(np.unique(np.abs(units.excess).round(9)))
    if n_distances > 1 and n_units * n_distances > MAX_EXACT:
        p_values = _normal_p_values(units.excess, distinct)
    else:
        p_values = np.array([sign_flip(units.excess, counts.astype(np.float64)).p_value for counts in distinct])
    return float(times @ (p_values <= alpha) / n_runs)


def _normal_p_values(excess: Floats, counts: NDArray[np.int64]) -> Floats:
    """Return the sign-flip test's approximate p-values, one a row of counts."""
    return np.asarray(2 * ndtr(-np.abs(counts @ excess) / np.sqrt(counts @ excess**2)))


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
