"""Errors of fitted ratings over units, intervals of ranks, and win rates with theirs."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.special import expit, logit, stdtrit

from judge.stats.clusters import sum_by_cluster
from judge.stats.davidson import Games, SummedGames, distinct, fit_davidson
from judge.stats.intervals import CHUNK

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.davidson import Davidson
    from judge.stats.intervals import Floats

LEVEL = 0.95
N_DRAWS = 10_000
ROUNDED = 1e-9
"""ratings that differ by less are the same"""


class Residuals(NamedTuple):
    """Sums over units of products of residuals: of each pair's credits, of the first slot's, and of ties."""

    products: Floats
    """shape (pairs + 2, pairs + 2)"""
    sums: Floats
    """shape (pairs + 2,)"""
    pairs: list[tuple[int, int]]
    """models of lower and higher code; a pair's credits are the former's"""
    n_units: int


class RatingErrors(NamedTuple):
    """The errors of a fit."""

    covariance: Floats
    """of ratings, slot and log v: shape (models + 2, models + 2)"""
    draws: Floats
    """errors of the ratings, drawn: shape (draws, models)"""
    df: int
    """degrees of freedom of t quantiles"""

    def half_width(self, gradient: Floats) -> Floats:
        """Return half the widths of intervals of functions of the parameters, one a row of their derivatives."""
        variance = np.einsum("...i,ij,...j->...", gradient, self.covariance, gradient)
        return np.asarray(stdtrit(self.df, (1 + LEVEL) / 2) * np.sqrt(np.maximum(variance, 0.0)))


class RankIntervals(NamedTuple):
    """The rank of each model with the simultaneous interval of all ranks, from 1."""

    rank: Codes
    low: Codes
    high: Codes
    critical: float
    """how many standard errors two ratings must differ by"""


def unit_residuals(games: Games, fit: Davidson) -> Residuals:
    """Sum residuals over each unit, and their products over all units."""
    low, high = np.minimum(games.first, games.second), np.maximum(games.first, games.second)
    n_models = len(fit.ratings)
    codes, places = distinct(low * n_models + high)
    one, n_pairs = fit.expected(games.first, games.second), len(codes)
    credit, tie = games.credit - games.weight * one.credit, games.tie - games.weight * one.tie
    units, unit = distinct(games.unit)
    signed = np.where(games.first == low, credit, -credit)
    columns = np.concatenate([places, np.full(len(unit), n_pairs), np.full(len(unit), n_pairs + 1)])
    values = np.concatenate([signed, credit, tie])
    table = coo_array((values, (np.tile(unit, 3), columns)), shape=(len(units), n_pairs + 2)).tocsr()
    pairs = [(int(code // n_models), int(code % n_models)) for code in codes]
    sums = np.asarray(table.sum(axis=0))
    if len(units) * (n_pairs + 2) <= CHUNK:  # each unit has most of the pairs, or there are few
        dense = table.toarray()
        return Residuals(dense.T @ dense, sums, pairs, len(units))
    return Residuals((table.T @ table).toarray(), sums, pairs, len(units))


def scores_of(fit: Davidson, pairs: list[tuple[int, int]]) -> Floats:
    """Return what residuals add to the score of the free parameters, shape (pairs + 2, parameters)."""
    low, high = np.array(pairs).T
    contrasts = fit.natural[low] - fit.natural[high]
    return np.vstack([contrasts, fit.natural[-2:]])


def sandwich(fit: Davidson, residuals: Residuals, *, seed: int = 0, n_draws: int = N_DRAWS) -> RatingErrors:
    """Return the errors by the sandwich over units, G/(G-1) sum(u u'), and draws of the multivariate t with them.

    Liang and Zeger, Biometrika 73, 1986. NaN with a single unit. Where the prior held the fit, its wins and losses
    are drawn as units are, as in the Jeffreys-type bootstrap of a rate: else sure wins would have hardly an error.
    """
    df = residuals.n_units - 1
    half = fit.bread @ scores_of(fit, residuals.pairs).T
    free = (df + 1) / df * half @ residuals.products @ half.T if df else np.full_like(fit.bread, np.nan)
    if fit.doubt is not None:
        free = free + fit.doubt
    covariance = fit.natural @ free @ fit.natural.T
    ratings = covariance[:-2, :-2]
    if not df:
        return RatingErrors(covariance, np.zeros((1, len(ratings))), df)
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(ratings)
    normal = rng.standard_normal((n_draws, len(ratings))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    return RatingErrors(covariance, normal / np.sqrt(rng.chisquare(df, (n_draws, 1)) / df), df)


def bootstrap_ratings(
    games: Games, fit: Davidson, *, n_resamples: int, seed: int = 0, slot: bool = True
) -> RatingErrors:
    """Return the errors by fitting again with multinomial weights of the units (Efron, Annals of Statistics 7, 1979).

    Args:
        games: as fitted.
        fit: to them; where the prior held it, it holds every resample.
        n_resamples: how often.
        seed: of the weights.
        slot: as `fit_davidson`.
    """
    n_models, rng = len(fit.ratings), np.random.default_rng(seed)
    units, unit = distinct(games.unit)
    codes, cell = distinct(games.first * n_models + games.second)
    kept = []
    for _ in range(n_resamples):
        weight = rng.multinomial(len(units), np.full(len(units), 1 / len(units)))[unit]
        columns = np.column_stack([weight * column for column in (games.credit, games.tie, games.weight)])
        credit, tie, n = sum_by_cluster(columns, cell).T
        there = n > 0
        cells = SummedGames(codes[there] // n_models, codes[there] % n_models, credit[there], tie[there], n[there])
        again = fit_davidson(cells, n_models, slot=slot, prior=fit.held or None)
        kept.append([*again.ratings, again.slot or 0.0, again.log_tie if np.isfinite(again.log_tie) else fit.log_tie])
    draws = np.array(kept)
    if fit.doubt is not None:
        of_prior = fit.natural @ fit.doubt @ fit.natural.T
        draws = draws + rng.multivariate_normal(np.zeros(len(of_prior)), of_prior, n_resamples)
    draws[:, -1] = np.where(np.isfinite(draws[:, -1]), draws[:, -1], 0.0)
    centred = draws[:, :n_models] - fit.ratings
    return RatingErrors(np.cov(draws, rowvar=False), centred, len(units) - 1)


def critical_value(draws: Floats, covariance: Floats, pairs: list[tuple[int, int]]) -> float:
    """Return the quantile of the largest studentised difference of the pairs (max-T): it holds for all at once."""
    largest = np.zeros(len(draws))
    for one, other in pairs:
        variance = covariance[one, one] + covariance[other, other] - 2 * covariance[one, other]
        if variance > 0:
            np.maximum(largest, np.abs(draws[:, one] - draws[:, other]) / np.sqrt(variance), out=largest)
    return float(np.quantile(largest, LEVEL))


def rank_intervals(ratings: Floats, errors: RatingErrors) -> RankIntervals:
    """Return ranks with intervals that hold together at the level.

    A model's best rank counts the models that are better by the simultaneous test of all differences, its worst those
    that are not worse: Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 91, 2024.
    """
    n_models = len(ratings)
    ranks = 1 + (ratings[None, :] > ratings[:, None] + ROUNDED).sum(axis=1)
    if not errors.df:
        return RankIntervals(ranks, np.ones(n_models, np.intp), np.full(n_models, n_models), np.nan)
    critical = critical_value(errors.draws, errors.covariance, list(combinations(range(n_models), 2)))
    variance = np.diag(errors.covariance)[:n_models]
    spread = variance[:, None] + variance[None, :] - 2 * errors.covariance[:n_models, :n_models]
    better = ratings[:, None] - ratings[None, :] > critical * np.sqrt(np.maximum(spread, 0.0)) + ROUNDED
    return RankIntervals(ranks, 1 + better.sum(axis=0), n_models - better.sum(axis=1), critical)


def win_rates(fit: Davidson, errors: RatingErrors) -> tuple[Floats, Floats, Floats, Floats]:
    """Return expected credits, both orders alike, with the ends of their intervals and the probability of a tie.

    Returns:
        Four arrays of shape (models, models + 1): of each model against each, and in the last column against the mean
        of all others; the intervals by the delta method on log-odds.
    """
    n_models = len(fit.ratings)
    i, j = (grid.ravel() for grid in np.indices((n_models, n_models)))
    forward, back = fit.expected(i, j), fit.expected(j, i)
    credit, tie = (forward.credit + 1 - back.credit) / 2, (forward.tie + back.tie) / 2
    gradient = np.zeros((len(i), n_models + 2))
    slope, rows = (forward.variance + back.variance) / 2, np.arange(len(i))
    np.add.at(gradient, (rows, i), slope)
    np.add.at(gradient, (rows, j), -slope)
    gradient[:, -2] = (forward.variance - back.variance) / 2 * (fit.slot is not None)
    gradient[:, -1] = (forward.covariance - back.covariance) / 2
    others = (~np.eye(n_models, dtype=bool) / (n_models - 1))[:, :, None]

    def with_mean(values: Floats) -> Floats:
        table = values.reshape(n_models, n_models, -1)
        return np.concatenate([table, (table * others).sum(axis=1, keepdims=True)], axis=1)

    rate, ties, slopes = with_mean(credit)[..., 0], with_mean(tie)[..., 0], with_mean(gradient)
    rate = np.clip(rate, ROUNDED, 1 - ROUNDED)
    half = errors.half_width(slopes) / (rate * (1 - rate))
    return rate, expit(logit(rate) - half), expit(logit(rate) + half), ties
