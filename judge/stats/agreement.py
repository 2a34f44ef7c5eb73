"""Agreement of several verdicts on the same items beyond chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.stats.clusters import collapse, sum_by_cluster
from judge.stats.intervals import N_RESAMPLES, resampled_sums

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats, Patterns

LEVEL = 0.95
TINY = 1e-12
"""less than this is rounding"""


class Interval(NamedTuple):
    """An estimate in [-1, 1] with the ends of its interval: NaN where undefined; no ends in a single cluster."""

    estimate: float
    low: float
    high: float
    se: float
    """standard deviation of the resamples"""


class Agreement(NamedTuple):
    """Coefficients of agreement; 1 is perfect, and all but the raw one are 0 at chance."""

    raw: Interval
    """share of pairs of verdicts on an item that agree"""
    ac1: Interval
    alpha_nominal: Interval
    alpha_interval: Interval


class FlipRates(NamedTuple):
    """Numerators and denominators, shape (items, 2): repeat flips, then order flips."""

    numerators: Floats
    denominators: Floats


def category_counts(ratings: Floats, values: Sequence[float]) -> Floats:
    """Count each item's ratings by category.

    Args:
        ratings: shape (items, raters), such as the credits of several judges; NaN where a rater has none.
        values: the categories; ratings that are none of them are not counted.
    """
    return np.column_stack([(ratings == value).sum(axis=1).astype(np.float64) for value in values])


def agreement(
    counts: Floats,
    values: Sequence[float],
    clusters: Codes | None = None,
    *,
    weights: Floats | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Agreement:
    """Return raw agreement, Gwet's AC1 and Krippendorff's alpha, with Bayesian bootstrap intervals over units.

    Gwet, British J. Mathematical and Statistical Psychology 61, 2008; Krippendorff, Content Analysis, 2004, chapter 11.
    The judges are fixed: the intervals speak of other items, not of other judges. Half a unit that agrees and half a
    unit that disagrees are added to each resample, as for rates, so that judges who always agree keep an interval.

    Args:
        counts: shape (items, categories), how many verdicts each item has in each category; items may differ in number.
        values: the categories' values, for the distances of the interval alpha.
        clusters: shape (items,), the code of each item's cluster.
        weights: shape (items,), how many items each stands for, where they were not drawn alike; any scale.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    distances = np.subtract.outer(np.asarray(values, dtype=np.float64), np.asarray(values, dtype=np.float64)) ** 2
    if clusters is None and weights is None:
        units = _collapsed(counts)  # one row for all items with the same ratings
        units = units._replace(numerators=_item_sums(units.numerators))
    else:
        units = _collapsed(sum_by_cluster(_weighted(_item_sums(counts), weights), clusters))
    k = len(distances)
    total = units.counts @ units.numerators
    observed = total[3 + k :].reshape(k, k)
    shares = observed.sum(axis=1) / max(observed.sum(), 1.0)
    each = observed.sum() / max(total[1], 1.0)
    agreed, apart = (
        np.concatenate([[agrees, 1, 0], np.zeros(k), each * table.ravel()])
        for agrees, table in zip((1, 0), _pseudo_tables(shares, shares), strict=True)
    )
    raw, ac1, nominal, interval = _intervals(
        units,
        lambda sums: _coefficients(sums, distances),
        total[1] * np.array([agreed, apart]),
        n_resamples=n_resamples,
        seed=seed,
        is_clustered=clusters is not None,
    )
    return Agreement(raw, ac1, nominal, interval)


def cohen_kappa(
    first: Codes,
    second: Codes,
    n_categories: int,
    clusters: Codes | None = None,
    *,
    weights: Floats | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return Cohen's kappa of two raters (Educational and Psychological Measurement 20, 1960).

    It falls with the prevalence of one verdict, however often the raters agree: never show it without raw agreement.

    Args:
        first: shape (items,), one rater's categories, 0 to n_categories - 1.
        second: shape (items,), the other's.
        n_categories: how many there are.
        clusters: shape (items,), the code of each item's cluster.
        weights: shape (items,), as for `agreement`.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    cells = np.eye(n_categories * n_categories, dtype=np.int8)[first * n_categories + second]
    units = _collapsed(sum_by_cluster(_weighted(cells, weights), clusters))
    table = (units.counts @ units.numerators).reshape(n_categories, n_categories)
    total = table.sum()
    pseudo = total * np.array(
        [own.ravel() for own in _pseudo_tables(table.sum(axis=1) / total, table.sum(axis=0) / total)]
    )
    return _intervals(units, _kappa, pseudo, n_resamples=n_resamples, seed=seed, is_clustered=clusters is not None)[0]


def flip_rates(forward: Floats, swapped: Floats) -> FlipRates:
    """Return the rates at which two samples differ within one order and between orders, as item columns.

    The first is the judge's noise alone; what the second has above it is the effect of the order.

    Args:
        forward: shape (items, categories), how many samples gave each verdict where a was shown first.
        swapped: shape (items, categories), the same verdicts (in terms of a and b) where b was shown first.
    """
    n_forward, n_swapped = forward.sum(axis=1), swapped.sum(axis=1)
    pairs = (n_forward * (n_forward - 1) + n_swapped * (n_swapped - 1)) / 2
    same = (forward * (forward - 1) + swapped * (swapped - 1)).sum(axis=1) / 2
    across, same_across = n_forward * n_swapped, (forward * swapped).sum(axis=1)
    return FlipRates(np.column_stack([pairs - same, across - same_across]), np.column_stack([pairs, across]))


def _weighted(columns: Floats, weights: Floats | None) -> Floats:
    """Multiply item rows by their weights, scaled to a mean of 1, so that they count as many items as there are."""
    return columns if weights is None else np.asarray(columns * (weights / weights.mean())[:, None])


def _collapsed(columns: Floats) -> Patterns:
    return collapse(columns, columns[:, :0])


def _item_sums(counts: Floats) -> Floats:
    """Return each item's terms, shape (items, terms): the coefficients are functions of their sums."""
    raters = counts.sum(axis=1)
    rated, paired = raters >= 1, raters >= 2  # noqa: PLR2004 - it takes two to agree
    pairs = np.where(paired, raters * (raters - 1), 1.0)
    agreeing = (counts * (counts - 1)).sum(axis=1) / pairs
    shares = counts / np.where(rated, raters, 1.0)[:, None]
    together = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    coincidences = together / np.where(paired, raters - 1, 1.0)[:, None, None]
    return np.column_stack([agreeing * paired, paired, rated, shares, coincidences.reshape(len(counts), -1)])


def _coefficients(sums: Floats, distances: Floats) -> Floats:
    """Return raw agreement, AC1 and both alphas, a column each, from summed terms, a resample a row."""
    k = len(distances)
    raw = sums[:, 0] / sums[:, 1]
    shares = sums[:, 3 : 3 + k] / sums[:, 2:3]
    by_chance = (shares * (1 - shares)).sum(axis=1) / (k - 1)
    observed = sums[:, 3 + k :].reshape(-1, k, k)
    margins = observed.sum(axis=2)
    expected = margins[:, :, None] * margins[:, None, :] - margins[:, :, None] * np.eye(k)
    expected /= margins.sum(axis=1)[:, None, None] - 1
    alphas = [
        1 - (observed * metric).sum(axis=(1, 2)) / (expected * metric).sum(axis=(1, 2))
        for metric in (1 - np.eye(k), distances)
    ]
    return np.column_stack([raw, (raw - by_chance) / (1 - by_chance), *alphas])


def _kappa(sums: Floats) -> Floats:
    k = round(sums.shape[1] ** 0.5)
    cells = (sums / sums.sum(axis=1, keepdims=True)).reshape(-1, k, k)
    agreed = np.trace(cells, axis1=1, axis2=2)
    by_chance = (cells.sum(axis=1) * cells.sum(axis=2)).sum(axis=1)
    return np.asarray((agreed - by_chance) / (1 - by_chance))[:, None]


def _pseudo_tables(rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
    """Return how a unit that agrees and one that disagrees spread over categories, given two raters' shares of them."""
    chance = np.outer(rows, columns)
    apart = chance - np.diag(np.diag(chance))
    return np.diag((rows + columns) / 2), apart / max(apart.sum(), TINY)


def _intervals(
    units: Patterns,
    coefficients: Callable[[Floats], Floats],
    pseudo: Floats,
    *,
    n_resamples: int,
    seed: int,
    is_clustered: bool,
) -> list[Interval]:
    """Estimate coefficients with Bayesian bootstrap intervals (Rubin, 1981), with a Jeffreys prior as for rates.

    Args:
        units: their terms, as numerators.
        coefficients: from sums of the terms, a resample a row.
        pseudo: shape (2, terms), the terms of all units, did every one agree, and did every one disagree.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
        is_clustered: whether units are clusters: one alone has no interval.
    """
    patterns, _, counts = units
    rng = np.random.default_rng(seed)
    sums = resampled_sums(patterns, lambda size: rng.standard_gamma(counts, size=(size, len(counts))), n_resamples)
    sums += rng.standard_gamma(0.5, size=(n_resamples, 2)) @ pseudo / counts.sum()
    tail = (1 - LEVEL) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        estimates, resampled = coefficients((counts @ patterns)[None])[0], np.clip(coefficients(sums), -1.0, 1.0)
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    # A coefficient that cannot be told from 1 ends there, as rates do.
    high = np.where(estimates >= 1 - TINY, 1.0, high)
    unknown = np.isnan(estimates) | (is_clustered and counts.sum() <= 1)
    ends = (np.where(unknown, np.nan, end) for end in (low, high, resampled.std(axis=0)))
    return [Interval(*map(float, own)) for own in zip(estimates, *ends, strict=True)]
