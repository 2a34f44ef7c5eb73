"""Means over groups that count alike, and over raters who are a sample themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from judge.stats.closed_form import LEVEL, Coefficient, Covariance, clustered_covariance, wilson_ends

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats


def standardised_mean(credit: Floats, groups: Codes, clusters: Codes | None = None) -> tuple[float, Covariance] | None:
    """Return the mean of the groups' means, each group alike, with its variance; None where a group has no items.

    Direct standardisation: sum(s_g^2 / n_g) / G^2 (stratified sampling: Cochran, Sampling Techniques, 1977, section
    5.3), over clusters with the CR1 correction of Cameron and Miller, Journal of Human Resources 50, 2015; NaN with no
    more items than groups.

    Args:
        credit: shape (items,), of a, in [0, 1].
        groups: shape (items,), the code of each item's group, from 0.
        clusters: shape (items,), the code of each item's cluster.
    """
    n_items, sizes = len(credit), np.bincount(groups)
    if not sizes.all():
        return None
    means = np.bincount(groups, weights=credit) / sizes
    influences = (credit - means[groups]) / (len(sizes) * sizes[groups])
    covariance, df = clustered_covariance(influences[:, None], clusters)
    correction = (n_items - 1) / (n_items - len(sizes)) if n_items > len(sizes) else np.nan
    return float(means.mean()), Covariance(correction * covariance, df)


def rate_over_raters(credits_: Floats, clusters: Codes | None = None) -> Coefficient:
    """Return the mean rate with an interval over other items and other raters.

    The variance over items of the raters' mean, plus that of the raters' rates over raters less what the items make of
    it (two-way analysis of variance, both factors random: Searle, Casella and McCulloch, Variance Components, 1992,
    section 4.3). Wilson's interval at the effective number of items, t quantile by Satterthwaite: Biometrics 2, 1946.

    Args:
        credits_: shape (items, raters), in [0, 1]; two items and two raters at least.
        clusters: shape (items,), the code of each item's cluster.
    """
    n_items, n_raters = credits_.shape
    by_item, by_rater, mean = credits_.mean(axis=1), credits_.mean(axis=0), float(credits_.mean())
    fixed, df = clustered_covariance((by_item - mean)[:, None] / n_items, clusters)
    apart = credits_ - by_item[:, None] - by_rater + mean
    by_chance = np.trace(clustered_covariance(apart / n_items, clusters).matrix)
    items = float(fixed[0, 0])
    raters = float(max(((by_rater - mean) ** 2).sum() - by_chance, 0.0)) / (n_raters * (n_raters - 1))
    variance = items + raters
    if not variance > 0:
        n_eff, freedom = float(n_items), float(df)
    else:
        n_eff, freedom = mean * (1 - mean) / variance, variance**2 / (items**2 / df + raters**2 / (n_raters - 1))
    low, high = wilson_ends(mean, n_eff, stdtrit(freedom, (1 + LEVEL) / 2))
    return Coefficient(mean, variance**0.5, float(low), float(high))
