"""Correct a judge's win rate by people's labels on a random sample of its items: prediction-powered inference, PPI++.

Angelopoulos, Duchi and Zrnic, "PPI++: Efficient Prediction-Powered Inference", 2023, arXiv 2311.01453, in the form of
the regression estimator of survey sampling (Cochran, Sampling Techniques, 1977, chapter 7), which takes sampling
weights and clusters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtrit

from judge.stats.closed_form import LEVEL, wilson_ends
from judge.stats.clusters import sum_by_cluster
from judge.stats.intervals import N_RESAMPLES
from judge.stats.resampled_labels import ResampledLabels

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

NO_SPREAD = 1e-12
"""a variance below this is rounding"""
HALVINGS = 60


class Sample(NamedTuple):
    """A run's items, those with a label among them."""

    credits: Floats
    """shape (items,), what the judge gives model a, in [0, 1]"""
    labels: Floats
    """shape (items,), what people give model a, in [0, 1]; NaN where nobody was asked"""
    weights: Floats
    """shape (items,), how many items a labelled one stands for; any scale, read only where there is a label"""
    clusters: Codes | None = None
    """shape (items,), the code of each item's cluster; None where each item is its own"""
    strata: Codes | None = None
    """shape (items,), the code of the stratum that each labelled item was drawn from; None: drawn from all items"""


class WinRate(NamedTuple):
    """A win rate in [0, 1] with its interval, and the variance of its estimate."""

    estimate: float
    low: float
    high: float
    variance: float


class LabelCorrection(NamedTuple):
    """What people's labels say alone, and together with the judge's credits on all items."""

    people: WinRate
    corrected: WinRate
    slope: float
    """how much of the judge's deviation on the sample is taken out; 0: its credits say nothing of people's"""
    n_labels: int
    n_equivalent: float
    """how many labels alone would be as precise as labels and judge together"""
    spread: float
    """variance of one label"""
    by_judge: float
    """the part of the corrected variance that more labels do not lessen"""
    df: int
    """labelled clusters less one"""


def correct(
    sample: Sample, *, slope: float | None = None, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> LabelCorrection:
    """Estimate the win rate that people would give all items.

    The estimate is mean_w(y) + slope (mean(f) - mean_w(f)), with f the credits, y the labels, and mean_w weighted
    over the labelled items; it equals PPI++ with lambda = slope N / (n + N) for n labelled and N other items, and the
    slope Cov(y, f) / Var(f) is its lambda of least variance. Variances are robust to clusters, or else take in that
    items were drawn within strata; of both at once only clusters count, which is a little wide, never short.

    The intervals are by the Bayesian bootstrap (see `ResampledLabels`): the normal one covers 62 % near 0 and 1 where
    it says 95 %, and one at an effective number of labels 89 % where whole strata show no error.

    Args:
        sample: at least two labelled items, in at least two clusters.
        slope: in place of the best one.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    credits_, labels, weights, clusters, strata = sample
    labelled = ~np.isnan(labels)
    share = np.where(labelled, weights, 0.0)
    share = share / share.sum()
    said = np.where(labelled, labels, 0.0)
    mean_label, mean_credit = float(share @ said), float(share @ credits_)
    if slope is None:
        slope = _slope(share, said - mean_label, credits_)
    residuals = said - mean_label - slope * (credits_ - mean_credit)
    n_clusters = int(labelled.sum() if clusters is None else len(np.unique(clusters[labelled])))
    spread = _unbiased(share, float(share @ (said - mean_label) ** 2))
    df = n_clusters - 1
    if clusters is None and strata is not None:
        drawn = _Drawn(share[labelled], strata[labelled], len(credits_))
        human, _ = drawn.variance((said - mean_label)[labelled], np.zeros(drawn.share.size))
        variance, by_judge = drawn.variance(residuals[labelled], slope * (credits_ - mean_credit)[labelled])
        df = max(1, drawn.share.size - len(np.unique(drawn.strata)))
    else:
        small = math.sqrt(n_clusters / (n_clusters - 1))
        from_judge = slope * (credits_ - credits_.mean()) / len(credits_)
        variance = _variance(small * share * residuals + from_judge, clusters)
        human = _variance(small * share * (said - mean_label), clusters)
        by_judge = min(variance, _variance(from_judge, clusters))
    estimate = min(1.0, max(0.0, mean_label + slope * (float(credits_.mean()) - mean_credit)))
    resampled = ResampledLabels(sample, share, n_resamples, seed)
    return LabelCorrection(
        people=WinRate(mean_label, *resampled.ends(mean_label, 0.0), human),
        corrected=WinRate(estimate, *resampled.ends(estimate, slope), variance),
        slope=slope,
        n_labels=int(labelled.sum()),
        n_equivalent=float(labelled.sum()) * (human / variance if min(human, variance) > NO_SPREAD else 1.0),
        spread=spread,
        by_judge=by_judge,
        df=df,
    )


class _Drawn(NamedTuple):
    """Labelled items drawn at random within strata, which are parts of items that are a sample themselves."""

    share: Floats
    """shape (labelled,), of all items, how many each stands for; they sum to 1"""
    strata: Codes
    """shape (labelled,)"""
    n_items: int

    def variance(self, residuals: Floats, known: Floats) -> tuple[float, float]:
        """Return the variance of the weighted mean of residuals plus the mean of what is known of all items.

        Sampling in two phases (Cochran, 1977, chapter 12): within strata by the labels, and by all items of what the
        strata's means and the known part differ by. A stratum with one label tells nothing of its spread: its item's
        distance from the mean of all stands in.

        Args:
            residuals: shape (labelled,), weighted mean 0.
            known: shape (labelled,), weighted mean 0: the known part at the labelled items.

        Returns:
            the variance, and the part of it that more labels do not lessen.
        """
        _, places, counts = np.unique(self.strata, return_inverse=True, return_counts=True)
        means = np.bincount(places, self.share * residuals) / np.bincount(places, self.share)
        n = counts[places]
        alone = n == 1
        within = np.where(alone, residuals, (residuals - means[places]) * np.sqrt(n / np.maximum(n - 1, 1)))
        between = float(self.share @ (means[places] + known) ** 2) / self.n_items
        return float(((self.share * within) ** 2).sum()) + between, between


def labels_needed(found: LabelCorrection, *, width: float, n_items: int) -> int | None:
    """Return how many labels in all give the corrected win rate an interval of a width; None if not even all items do.

    The part of the variance that comes from the sample falls with the number of labels, the judge's part stays.

    Args:
        found: with the labels so far.
        width: of the whole interval, in (0, 1).
        n_items: how many items there are to label.
    """
    per_label = (found.corrected.variance - found.by_judge) * found.n_labels
    n_eff = _n_eff_for(found.corrected.estimate, width, found.df)
    if found.spread <= NO_SPREAD or per_label <= NO_SPREAD:
        needed = math.ceil(n_eff)
    else:
        room = found.spread / n_eff - found.by_judge
        needed = math.ceil(per_label / room) if room > 0 else n_items + 1
    return needed if needed <= n_items else None


def _slope(share: Floats, label_deviation: Floats, credits_: Floats) -> float:
    """Return the slope of labels on credits: their covariance in the sample over the variance of all credits."""
    spread = float(credits_.var(ddof=1)) if len(credits_) > 1 else 0.0
    covariance = _unbiased(share, float(share @ (label_deviation * (credits_ - share @ credits_))))
    return covariance / spread if spread > NO_SPREAD else 0.0


def _unbiased(share: Floats, moment: float) -> float:
    """Undo what estimating the mean takes from a second moment: n / (n - 1) for equal shares."""
    left = 1 - float(share @ share)
    return moment / left if left > 0 else 0.0


def _variance(influences: Floats, clusters: Codes | None) -> float:
    """Return the variance of an estimate from what each item adds to its error, summed within clusters."""
    return float((sum_by_cluster(influences[:, None], clusters) ** 2).sum())


def _n_eff_for(estimate: float, width: float, df: int) -> float:
    """Return the effective number of labels at which the interval has a width, by halving on a log scale."""
    quantile = stdtrit(df, (1 + LEVEL) / 2)
    low, high = 0.0, 40.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        ends = wilson_ends(estimate, math.exp(middle), quantile)
        low, high = (middle, high) if ends[1] - ends[0] > width else (low, middle)
    return math.exp(high)
