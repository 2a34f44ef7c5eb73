"""How well one rating a model describes the pairs: residuals of pairs, and models that beat each other in a circle."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr

from judge.stats.rating_errors import ROUNDED, scores_of

if TYPE_CHECKING:
    from judge.stats.davidson import Davidson, SummedGames
    from judge.stats.intervals import Floats
    from judge.stats.rating_errors import Residuals

N_DRAWS = 2_000
NO_SPREAD = 1e-9
"""a variance below this share of what it was before the fit is rounding: the fit follows such a pair exactly"""
TRIAD = 3


class PairFit(NamedTuple):
    """How far each pair, and each three models, are from what their ratings say."""

    residual: Floats
    """observed less fitted mean credit of the pair's first model, shape (pairs,)"""
    z: Floats
    """the same in standard errors; NaN where the fit follows the pair exactly, a prior held it, or there is one unit"""
    p_value: float
    """that the largest of them is so large by chance; NaN where there is none"""
    triads: list[tuple[int, ...]]
    """models of which every two were judged"""
    cycles: Floats
    """log-odds by which each triad runs in a circle, 0 for a perfect order of its strengths; shape (triads,)"""
    triad_p: Floats
    """of each, adjusted by Bonferroni over the triads; NaN as for `z`"""


def pair_fit(cells: SummedGames, fit: Davidson, residuals: Residuals, *, seed: int = 0) -> PairFit:
    """Hold the pairs against the fit, by the sandwich over units; the largest residual by max-T."""
    place = {pair: number for number, pair in enumerate(residuals.pairs)}
    n_pairs, factor = len(place), residuals.n_units / max(residuals.n_units - 1, 1)
    low = np.minimum(cells.first, cells.second)
    pair_of = np.array([place[int(a), int(b)] for a, b in zip(low, np.maximum(cells.first, cells.second), strict=True)])
    one, forward = fit.expected(cells.first, cells.second), np.where(cells.first == low, 1.0, -1.0)
    slopes = fit.natural[cells.first] - fit.natural[cells.second] + fit.natural[-2]
    slopes = (cells.n * one.variance)[:, None] * slopes + (cells.n * one.covariance)[:, None] * fit.natural[-1]
    jacobian = np.zeros((n_pairs, fit.bread.shape[0]))
    np.add.at(jacobian, pair_of, forward[:, None] * slopes)
    scores = scores_of(fit, residuals.pairs)
    influence = np.eye(n_pairs + 2)[:, :n_pairs] - scores @ fit.bread @ jacobian.T
    covariance = factor * influence.T @ residuals.products @ influence
    raw = factor * np.diag(residuals.products)[:n_pairs]
    n, information = (np.bincount(pair_of, weights=of) for of in (cells.n, cells.n * one.variance))
    tells = residuals.n_units > 1 and not fit.held  # a prior draws the fit away from the pairs
    known = (np.diag(covariance) > NO_SPREAD * raw + ROUNDED) & tells
    deviation = np.where(known, np.sqrt(np.where(known, np.diag(covariance), 1.0)), np.nan)
    z = residuals.sums[:n_pairs] / deviation
    p_value = np.nan
    if known.any():
        rng, scaled = np.random.default_rng(seed), (covariance / np.outer(deviation, deviation))[np.ix_(known, known)]
        values, vectors = np.linalg.eigh(scaled)
        normal = rng.standard_normal((N_DRAWS, int(known.sum()))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
        p_value = float((1 + (np.abs(normal).max(axis=1) >= np.nanmax(np.abs(z))).sum()) / (1 + len(normal)))
    triads = [
        triad
        for triad in combinations(range(len(fit.ratings)), TRIAD)
        if all(two in place for two in combinations(triad, 2))
    ]
    sides = np.array([[place[i, j], place[j, k], place[i, k]] for i, j, k in triads], dtype=np.intp).reshape(-1, TRIAD)
    scale = np.array([1.0, 1.0, -1.0]) / information[sides]
    cycles = (residuals.sums[sides] * scale).sum(axis=1)
    variance = np.einsum("ti,tij,tj->t", scale, covariance[sides[:, :, None], sides[:, None, :]], scale)
    told = known[sides].all(axis=1) & (variance > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        tail = 2 * ndtr(-np.abs(cycles) / np.sqrt(variance))
    triad_p = np.where(told, np.minimum(1.0, len(triads) * tail), np.nan)
    return PairFit(residuals.sums[:n_pairs] / n, z, p_value, triads, cycles, triad_p)
