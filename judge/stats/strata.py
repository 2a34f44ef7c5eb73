"""Rates within groups of items: by whose final answer is right, and by any field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import chdtrc

from judge.enums import Stratum
from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.significance import MANY_UNITS, N_FLIPS, TOLERANCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats


FEWEST = 999
"""permutations, however many units there are"""
WORK = 5_000_000
"""units times permutations that take half a second"""
CHUNK = 2_000_000
"""units times permutations that are held in memory at once"""


class AnswerRates(NamedTuple):
    """Item columns of the win rates by correctness of the answers.

    The first four rates are the win rates within `Stratum`, in its order; the last is `answer_only`, the win rate of a
    if the judge looked at nothing but the answers: right beats wrong, else 1/2. A stratum's n is its denominators' sum.
    """

    numerators: Floats
    denominators: NDArray[np.bool_]


class Heterogeneity(NamedTuple):
    """The permutation test that all groups have the same win rate."""

    statistic: float
    df: int
    p_value: float


def answer_rates(credit: Floats, right_a: Floats, right_b: Floats) -> AnswerRates:
    """Return the win rate within each stratum of answers, and the one that the answers alone would give.

    Args:
        credit: shape (items,), of a, in [0, 1].
        right_a: shape (items,), 1 where a's final answer is right, 0 where it is wrong, NaN where it is unreadable;
            an item with an unreadable answer is in none of the rates.
        right_b: shape (items,), the same of b's.
    """
    readable = ~(np.isnan(right_a) | np.isnan(right_b))
    strata = {
        Stratum.BOTH_RIGHT: (right_a == 1) & (right_b == 1),
        Stratum.ONLY_A_RIGHT: (right_a == 1) & (right_b == 0),
        Stratum.ONLY_B_RIGHT: (right_a == 0) & (right_b == 1),
        Stratum.BOTH_WRONG: (right_a == 0) & (right_b == 0),
    }
    denominators = np.column_stack([*strata.values(), readable])
    answer_only = np.where(readable, HALF + (right_a - right_b) / 2, 0.0)
    return AnswerRates(np.column_stack([denominators[:, :4] * credit[:, None], answer_only]), denominators)


def heterogeneity(
    credit: Floats, groups: Codes, clusters: Codes | None = None, *, n_permutations: int = N_FLIPS, seed: int = 0
) -> Heterogeneity | None:
    """Test that the win rate is the same in all groups; None where there are fewer than two.

    The larger of two p-values. One is by random permutation of the groups: of the items; of the clusters where no
    cluster spans groups; else of the items within a cluster, and of the clusters of one size among each other. It holds
    its level with groups of any size where groups say nothing of the credits; where they differ in spread alone, only
    with many units in each, though the statistic is studentised (Chung and Romano, Annals of Statistics 41, 2013). The
    other is by random signs of the units' distances from the common win rate (the wild bootstrap under the hypothesis:
    Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008), which leaves each group its spread, and
    holds its level with few units where distances are symmetric. Above 10,000 units the chi-square distribution stands
    in.

    The statistic is the generalised score test (Boos, The American Statistician 46, 1992) sum S_k^2 / V_k less
    (sum n_k S_k / V_k)^2 / sum(n_k^2 / V_k), S_k being a group's sum of distances from the common win rate and V_k that
    of their squares, one average unit added: the spread of a group of few is not known from itself.

    Args:
        credit: shape (items,), of a, in [0, 1].
        groups: shape (items,), the code of each item's group, from 0.
        clusters: shape (items,), the code of each item's cluster.
        n_permutations: how many to draw of each kind; of more than some hundred units fewer, but not below 999.
        seed: of the permutations and signs.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    df = int(codes.max(initial=0))
    if df < 1:
        return None
    units = _permuted_units(credit - credit.mean(), codes, clusters)
    statistic = float(_studentised(units, units.groups[None], units.distance[None])[0])
    if len(units.groups) > MANY_UNITS:
        return Heterogeneity(statistic, df, float(chdtrc(df, statistic)))
    rng = np.random.default_rng(seed)
    n_permutations = min(n_permutations, max(FEWEST, WORK // len(units.groups)))
    at_once = max(1, CHUNK // (len(units.groups) + df))
    reached = np.zeros(2, dtype=np.int64)
    for start in range(0, n_permutations, at_once):
        times = min(at_once, n_permutations - start)
        permuted = _studentised(units, _shuffled(units, times, rng), units.distance[None])
        flipped = _studentised(units, units.groups[None], _flipped(units, times, rng))
        reached += [(one >= statistic * (1 - TOLERANCE) - TOLERANCE).sum() for one in (permuted, flipped)]
    return Heterogeneity(statistic, df, (1 + int(reached.max())) / (1 + n_permutations))


class _Units(NamedTuple):
    """What is permuted: items, or clusters where none spans groups; sorted by block."""

    distance: Floats
    sizes: Floats
    groups: Codes
    blocks: list[tuple[int, int]]
    """how many clusters of how many units each, one after the other: those of one size change places"""


def _permuted_units(distance: Floats, groups: Codes, clusters: Codes | None) -> _Units:
    ones = np.ones(len(distance))
    if clusters is None:
        return _Units(distance, ones, groups, [(len(groups), 1)])
    places = np.unique(clusters, return_inverse=True)[1]
    first = np.empty(places.max() + 1, dtype=np.intp)
    first[places] = groups
    if (first[places] == groups).all():
        sums, sizes = sum_by_cluster(np.column_stack([distance, ones]), places).T
        return _Units(sums, sizes, first, [(len(first), 1)])
    sizes = np.bincount(places)
    order = np.lexsort([places, sizes[places]])
    numbers, counts = np.unique(sizes, return_counts=True)
    return _Units(
        distance[order], ones, groups[order], [(int(n), int(m)) for m, n in zip(numbers, counts, strict=True)]
    )


def _shuffled(units: _Units, times: int, rng: np.random.Generator) -> Codes:
    """Return permuted groups, shape (times, units)."""
    parts, start = [], 0
    for n_clusters, size in units.blocks:
        block = units.groups[start : start + n_clusters * size].reshape(n_clusters, size)
        places = rng.permuted(np.tile(np.arange(n_clusters), (times, 1)), axis=1)
        parts.append(rng.permuted(block[places], axis=2).reshape(times, -1))
        start += n_clusters * size
    return np.concatenate(parts, axis=1)


def _flipped(units: _Units, times: int, rng: np.random.Generator) -> Floats:
    """Return distances with random signs, one a cluster, and a mean of 0 again, shape (times, units)."""
    repeats = np.concatenate([np.full(n_clusters, size) for n_clusters, size in units.blocks])
    signs = np.repeat(2 * rng.integers(0, 2, size=(times, len(repeats))) - 1, repeats, axis=1)
    distance = signs * units.distance
    return np.asarray(distance - np.outer(distance.sum(axis=1) / units.sizes.sum(), units.sizes))


def _studentised(units: _Units, groups: Codes, distance: Floats) -> Floats:
    """Return the statistic for each row of groups and of distances; one row of either is taken for all of the other."""
    n_rows = max(len(groups), len(distance))
    n_groups = int(units.groups.max()) + 1
    rows = (groups + n_groups * np.arange(n_rows)[:, None]).ravel()

    def by_group(values: Floats) -> Floats:
        weights = np.broadcast_to(values, (n_rows, len(units.groups))).ravel()
        return np.asarray(np.bincount(rows, weights, n_groups * n_rows), dtype=np.float64).reshape(n_rows, n_groups)

    squares = distance**2
    average = squares.mean(axis=1, keepdims=True)
    spread = by_group(squares) + np.where(average > 0, average, 1)
    sums, sizes = by_group(distance), by_group(units.sizes)
    common = (sizes * sums / spread).sum(axis=1) ** 2 / (sizes**2 / spread).sum(axis=1)
    return np.asarray((sums**2 / spread).sum(axis=1) - common)
