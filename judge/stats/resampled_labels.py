"""Intervals of a win rate corrected by labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.stats.closed_form import LEVEL
from judge.stats.clusters import HALF
from judge.stats.intervals import resampled_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats
    from judge.stats.prediction_powered import Sample


class ResampledLabels:
    """Bayesian bootstrap of a labelled sample (Rubin, Annals of Statistics 9, 1981).

    Half a loss (of the mean labelled unit's size, at its stratum's mean credit) is added for the lower end, half a win
    for the upper end, shared out over the strata: labels that all agree with the judge leave room for errors yet. With
    one for each stratum, their sum would be far too wide. Of wins and losses alone the ends are the quantiles of
    Beta(w, l + 1/2) and Beta(w + 1/2, l), between the exact interval and Jeffreys'.
    """

    def __init__(self, sample: Sample, share: Floats, n_resamples: int, seed: int) -> None:
        self._labelled = share > 0
        self._share = share[self._labelled]
        self._labels, self._said = sample.labels[self._labelled], sample.credits[self._labelled]
        self._credits, self._clusters = sample.credits, sample.clusters
        strata = np.zeros(len(share), dtype=np.intp) if sample.strata is None else sample.strata
        self._places = np.unique(strata[self._labelled], return_inverse=True)[1]
        self._sizes = np.bincount(self._places, self._share)
        self._n_resamples, self._seed = n_resamples, seed

    def ends(self, estimate: float, slope: float) -> tuple[float, float]:
        """Return the ends of the interval; an estimate of 0 has the lower end 0, one of 1 the upper end 1."""
        resample = self._by_stratum if self._clusters is None else self._by_cluster
        tail = (1 - LEVEL) / 2
        low, high = (
            float(np.quantile(np.clip(resample(slope, added), 0, 1), quantile))
            for added, quantile in ((0.0, tail), (1.0, 1 - tail))
        )
        return low if estimate > 0 else 0.0, high if estimate < 1 else 1.0

    def _pseudo(self, rng: np.random.Generator) -> Floats:
        return rng.standard_gamma(HALF / len(self._sizes), size=(self._n_resamples, len(self._sizes)))

    def _means(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self._places, self._share * values) / self._sizes)

    def _by_stratum(self, slope: float, added: float) -> Floats:
        """Resample in two phases: all items, by the strata's means, and the labels within each stratum."""
        rng = np.random.default_rng(self._seed)
        # Distinct labelled items, the first seen first: the order is the same for the models exchanged.
        columns = np.column_stack([self._places, self._labels, self._said])
        _, first, kinds, counts = np.unique(columns, axis=0, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(first)
        items, shapes = first[order], np.bincount(kinds.ravel(), self._share)[order] * len(self._credits)
        residuals, said = (self._labels - slope * self._said)[items], self._said[items]
        means, member = self._means(self._labels - slope * self._said), np.eye(len(self._sizes))[self._places[items]]
        over_all = self._sums(np.column_stack([member @ means + slope * said, np.ones(len(items))]), shapes, rng)
        within = self._sums(np.hstack([member * residuals[:, None], member]), counts[order], rng)
        sums, weights = np.hsplit(within, 2)
        pseudo = self._pseudo(rng)
        resampled = (sums + pseudo * (added - slope * self._means(self._said))) / (weights + pseudo)
        known = slope * float(self._credits.mean() - self._share @ self._said)
        return np.asarray(over_all[:, 0] / over_all[:, 1] + known + (resampled - means) @ self._sizes)

    def _sums(self, columns: Floats, shapes: NDArray[np.generic], rng: np.random.Generator) -> Floats:
        def draw(n: int) -> Floats:
            return rng.standard_gamma(shapes.astype(np.float64), size=(n, len(shapes)))

        return resampled_sums(columns, draw, self._n_resamples)

    def _by_cluster(self, slope: float, added: float) -> Floats:
        """Resample clusters whole, with all of their items."""
        rng = np.random.default_rng(self._seed)
        clusters = np.unique(np.asarray(self._clusters), return_inverse=True)[1]
        own, n_clusters = clusters[self._labelled], int(clusters.max()) + 1

        def totals(places: Codes, values: Floats) -> Floats:
            return np.asarray(np.bincount(places, values, n_clusters))

        columns = np.column_stack(
            [
                totals(own, self._share * (self._labels - slope * self._said)),
                totals(own, self._share),
                totals(clusters, self._credits),
                np.bincount(clusters),
            ]
        )
        sums = self._sums(columns, np.ones(n_clusters), rng)
        labelled = [len(np.unique(own[self._places == stratum])) for stratum in range(len(self._sizes))]
        pseudo = self._pseudo(rng) * (self._sizes / labelled)
        numerators = sums[:, 0] + pseudo @ (added - slope * self._means(self._said))
        return np.asarray(numerators / (sums[:, 1] + pseudo.sum(axis=1)) + slope * sums[:, 2] / sums[:, 3])
