"""Correlation of a rubric's criteria, and what some explain of the variance of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.stats.agreement import LEVEL, Interval
from judge.stats.clusters import collapse, sum_by_cluster
from judge.stats.intervals import resampled_sums

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

N_EXPLAINED = 2_000
"""resamples: fewer than of rates, since with several judges nearly every item is a pattern of its own"""


class Explained(NamedTuple):
    """Shares of the variance of the overall credits, adjusted for the number of criteria; all in [0, 1]."""

    together: Interval
    """by all criteria: adjusted R^2 of the least-squares fit"""
    alone: Floats
    """by each criterion on its own"""
    added: Floats
    """by each criterion beyond the others: adjusted R^2 with it minus that without it"""


def correlations(credits_: Floats) -> Floats:
    """Return the Pearson correlation of each pair of criteria over items; NaN where a criterion does not vary.

    Args:
        credits_: shape (items, criteria), of a, in [0, 1]; only items with a credit on every criterion.
    """
    centered = credits_ - credits_.mean(axis=0)
    spread = np.sqrt((centered**2).sum(axis=0))
    spread = np.where(spread > 1e-9, spread, np.nan)  # noqa: PLR2004 - the rest is rounding
    return np.asarray(np.clip(centered.T @ centered / np.outer(spread, spread), -1.0, 1.0))


def explained_variance(
    overall: Floats,
    credits_: Floats,
    clusters: Codes | None = None,
    *,
    n_resamples: int = N_EXPLAINED,
    seed: int = 0,
) -> Explained | None:
    """Return the shares of the overall credit's variance that the criteria explain together, alone and incrementally.

    Coefficients of determination and their increments (Cohen et al., Applied Multiple Regression, 2003, section 3.3),
    each adjusted as 1 - (1 - R^2) (n - 1) / (n - p - 1). Criteria that go together share what they explain, so the
    increments do not add up. The interval is a Bayesian bootstrap over units; a resample fits once more to chance, and
    is adjusted once more. None where the overall credits do not vary, or are no more than the criteria.

    Args:
        overall: shape (items,), the overall credits of a.
        credits_: shape (items, criteria), of a, on the other criteria.
        clusters: shape (items,), the code of each item's cluster.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    n, p = credits_.shape
    if n <= p + 1 or np.ptp(overall) == 0:
        return None
    columns = np.column_stack([np.ones(n), credits_, overall])
    centered = columns - columns.mean(axis=0)
    products = (columns[:, :, None] * columns[:, None, :]).reshape(n, -1)
    by_unit = sum_by_cluster(products, clusters)
    units = collapse(by_unit, by_unit[:, :0])
    total = units.counts @ units.numerators
    criteria = list(range(1, p + 1))

    def share(rows: Floats, chosen: list[int], times: int = 1) -> Floats:
        """Return R^2 on some criteria, adjusted; criteria that say the same count once."""
        rank = int(np.linalg.matrix_rank(centered[:, chosen]))
        explained = _r_squared(rows.reshape(-1, p + 2, p + 2), chosen)
        adjusted = 1 - (1 - explained) * ((n - 1) / (n - rank - 1)) ** times
        return np.asarray(np.clip(adjusted, 0.0, 1.0))

    rng = np.random.default_rng(seed)
    sums = resampled_sums(
        units.numerators, lambda size: rng.standard_gamma(units.counts, size=(size, len(units.counts))), n_resamples
    )
    resampled = share(sums, criteria, times=2)
    together = float(share(total, criteria)[0])
    ends = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if clusters is not None and units.counts.sum() <= 1:
        ends = resampled = np.full(2, np.nan)
    found = Interval(together, min(ends[0], together), max(ends[1], together), float(resampled.std()))
    alone = np.array([share(total, [index])[0] for index in criteria])
    without = np.array([share(total, [other for other in criteria if other != index])[0] for index in criteria])
    return Explained(found, alone, np.maximum(together - without, 0.0))


def _r_squared(moments: Floats, chosen: list[int]) -> Floats:
    """Return R^2 of the last variable on some others, from tables of summed products; the first variable is 1."""
    weights = moments[:, :1, :1]
    means = moments[:, 0, :] / weights[:, 0]
    covariance = moments / weights - means[:, :, None] * means[:, None, :]
    predictors, target = covariance[:, chosen][:, :, chosen], covariance[:, chosen, -1]
    slopes = np.linalg.pinv(predictors, rcond=1e-9, hermitian=True) @ target[:, :, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        explained = (target * slopes[:, :, 0]).sum(axis=1) / covariance[:, -1, -1]
    return np.asarray(np.nan_to_num(np.clip(explained, 0.0, 1.0)))
