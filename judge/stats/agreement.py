"""Agreement of several verdicts on the same items beyond chance, and correlation of a rubric's criteria."""

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


class Interval(NamedTuple):
    """An estimate with the ends of its interval: NaN where undefined, or where no unit differs from another."""

    estimate: float
    low: float
    high: float


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
    The judges are fixed: the intervals speak of other items, not of other judges.

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
        units = _item_units(counts)
    else:
        units = _collapsed(sum_by_cluster(_weighted(_item_sums(counts), weights), clusters))
    raw, ac1, nominal, interval = _intervals(
        units, lambda sums: _coefficients(sums, distances), n_resamples=n_resamples, seed=seed
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
    return _intervals(units, _kappa, n_resamples=n_resamples, seed=seed)[0]


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


def _item_units(counts: Floats) -> Patterns:
    """Return the items' terms, one row for all items with the same ratings."""
    items = _collapsed(counts)
    return items._replace(numerators=_item_sums(items.numerators))


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


def _intervals(
    units: Patterns, coefficients: Callable[[Floats], Floats], *, n_resamples: int, seed: int
) -> list[Interval]:
    """Estimate coefficients with Bayesian bootstrap intervals (Rubin, 1981)."""
    patterns, _, counts = units
    rng = np.random.default_rng(seed)
    sums = resampled_sums(patterns, lambda size: rng.standard_gamma(counts, size=(size, len(counts))), n_resamples)
    tail = (1 - LEVEL) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        estimates, resampled = coefficients((counts @ patterns)[None]), coefficients(sums)
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    varies = high - low > 1e-12  # noqa: PLR2004 - the rest is rounding
    low, high = np.where(varies, low, np.nan), np.where(varies, high, np.nan)
    return [Interval(*map(float, ends)) for ends in zip(estimates[0], low, high, strict=True)]


class Explained(NamedTuple):
    """Shares of the variance of the overall credits; all in [0, 1]."""

    together: float
    """by all criteria: R^2 of the least-squares fit"""
    alone: Floats
    """by each criterion on its own: its squared correlation with the overall credits"""
    added: Floats
    """by each criterion beyond the others: R^2 with it minus R^2 without it"""


def correlations(credits_: Floats) -> Floats:
    """Return the Pearson correlation of each pair of criteria over items; NaN where a criterion does not vary.

    Args:
        credits_: shape (items, criteria), of a, in [0, 1]; only items with a credit on every criterion.
    """
    centered = credits_ - credits_.mean(axis=0)
    spread = np.sqrt((centered**2).sum(axis=0))
    spread = np.where(spread > 1e-9, spread, np.nan)  # noqa: PLR2004 - the rest is rounding
    return np.asarray(np.clip(centered.T @ centered / np.outer(spread, spread), -1.0, 1.0))


def explained_variance(overall: Floats, credits_: Floats) -> Explained | None:
    """Return the shares of the overall credit's variance that the criteria explain together, alone and incrementally.

    Coefficients of determination and their increments (Cohen et al., Applied Multiple Regression, 2003, section 3.3).
    Criteria that go together share what they explain, so the increments do not add up. None where the overall credits
    do not vary.

    Args:
        overall: shape (items,), the overall credits of a.
        credits_: shape (items, criteria), of a, on the other criteria.
    """
    if np.ptp(overall) == 0:
        return None
    together = _r_squared(overall, credits_)
    criteria = range(credits_.shape[1])
    alone = np.array([_r_squared(overall, credits_[:, [index]]) for index in criteria])
    without = np.array([_r_squared(overall, np.delete(credits_, index, axis=1)) for index in criteria])
    return Explained(together, alone, np.maximum(together - without, 0.0))


def _r_squared(target: Floats, predictors: Floats) -> float:
    """Return 1 - residual / total sum of squares of the least-squares fit with a constant."""
    centered = target - target.mean()
    design = predictors - predictors.mean(axis=0)
    fitted = design @ np.linalg.lstsq(design, centered)[0]
    return max(0.0, float(1 - ((centered - fitted) ** 2).sum() / (centered**2).sum()))
