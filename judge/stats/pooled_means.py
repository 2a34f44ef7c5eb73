"""Means over groups that count alike, and over raters who are a sample themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from judge.stats.closed_form import LEVEL, Coefficient, Covariance, clustered_covariance, wilson_ends

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

PAIR = 2


def standardised_mean(credit: Floats, groups: Codes, clusters: Codes | None = None) -> tuple[float, Covariance] | None:
    """Return the mean of the groups' means, each group alike, with its variance; None where a group has no items.

    Direct standardisation, a contrast of the least-squares means of groups: the sandwich variance over clusters with
    the CR1 correction of Cameron and Miller, Journal of Human Resources 50, 2015. With groups of one size, each item
    its own cluster, that is sum(s_g^2 / n_g) / G^2 of stratified sampling (Cochran, Sampling Techniques, 1977, section
    5.3); a small group beside a large one adds less than its own s_g^2 / n_g. NaN with no more items than groups.

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


def standardised_rate(credit: Floats, groups: Codes, clusters: Codes | None = None) -> Coefficient:
    """Return the mean of the groups' means, each group alike, with its interval.

    Each group's variance has the squares of half a win and half a loss added, a unit each, so that a group of one item,
    or one that never varies, is not taken for known: sum((s_g + ((1 - m_g)^2 + m_g^2) / 2) / u_g^2) / G^2, s_g being
    the sum of squares and u_g the units of group g; the standard error has them too. Wilson's interval at the effective
    number of items, t quantile by Satterthwaite: Biometrics 2, 1946. NaN where no group has two units.

    Args:
        credit: shape (items,), of a, in [0, 1].
        groups: shape (items,), the code of each item's group, from 0 without a gap.
        clusters: shape (items,), the code of each item's cluster.
    """
    sizes = np.bincount(groups)
    units = sizes if clusters is None else np.bincount(np.unique(np.column_stack([groups, clusters]), axis=0)[:, 0])
    means = np.bincount(groups, weights=credit) / sizes
    mean, n_groups = float(means.mean()), len(sizes)
    influences = (credit - means[groups]) / (n_groups * sizes[groups])
    covariance, most = clustered_covariance(influences[:, None], clusters)
    if units.max() < PAIR or not most:
        return Coefficient(mean, np.nan, np.nan, np.nan)
    added = ((1 - means) ** 2 + means**2) / 2 / (n_groups * units) ** 2
    variance = float(covariance[0, 0] + added.sum())
    parts = np.bincount(groups, weights=influences**2) + added
    df = min(float(parts.sum() ** 2 / (parts**2 / units).sum()), most)
    inside = float(((means * units + 1 / 2) / (units + 1)).mean())
    low, high = wilson_ends(mean, inside * (1 - inside) / variance, stdtrit(df, (1 + LEVEL) / 2))
    return Coefficient(mean, variance**0.5, float(low), float(high))


def rate_over_raters(credits_: Floats, clusters: Codes | None = None) -> Coefficient:
    """Return the mean rate with an interval over other items and other raters.

    The variance over items of the raters' mean, plus that of the raters' rates over raters less what the items make of
    it (two-way analysis of variance, both factors random: Searle, Casella and McCulloch, Variance Components, 1992,
    section 4.3). Wilson's interval at the effective number of items, t quantile by Satterthwaite: Biometrics 2, 1946;
    its ends keep what items make of the raters' variance, which few raters estimate too badly to take it off.

    Args:
        credits_: shape (items, raters), in [0, 1]; two items and two raters at least.
        clusters: shape (items,), the code of each item's cluster.
    """
    n_items, n_raters = credits_.shape
    by_item, by_rater, mean = credits_.mean(axis=1), credits_.mean(axis=0), float(credits_.mean())
    fixed, df = clustered_covariance((by_item - mean)[:, None] / n_items, clusters)
    rest = credits_ - by_item[:, None] - by_rater + mean
    by_chance = np.trace(clustered_covariance(rest / n_items, clusters).matrix)
    items = float(fixed[0, 0])
    apart = float(((by_rater - mean) ** 2).sum())
    se = (items + max(apart - float(by_chance), 0.0) / (n_raters * (n_raters - 1))) ** 0.5
    raters = apart / (n_raters * (n_raters - 1))
    variance = items + raters
    if not variance > 0:
        n_eff, freedom = float(n_items), float(df)
    else:
        n_eff, freedom = mean * (1 - mean) / variance, variance**2 / (items**2 / df + raters**2 / (n_raters - 1))
    low, high = wilson_ends(mean, n_eff, stdtrit(freedom, (1 + LEVEL) / 2))
    return Coefficient(mean, se, float(low), float(high))
