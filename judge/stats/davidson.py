"""Davidson's model of paired comparisons with ties: ratings of many models, by Newton's method on counts.

With d the difference of the ratings (log-odds) of the models shown first and second, s the advantage of the first slot
and v of a tie, the first wins, the second wins, or they tie as exp((d + s) / 2) : exp(-(d + s) / 2) : v (Davidson,
JASA 65, 1970; the slot after Davidson and Beaver, Biometrics 33, 1977). Sums of credits and of ties are sufficient, so
that credits and ties may be fractions. Without ties (v = 0) it is the model of Bradley and Terry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from judge.stats.clusters import sum_by_cluster

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

MAX_STEPS, MAX_HALVINGS = 60, 30
STEP = 1e-11
"""a Newton step below this is the last; without one within `MAX_STEPS`, the likelihood has no maximum"""
ROUNDING = 1e-12
FAR = 30.0
"""log-odds that no number of verdicts could show: where rounding ends the steps there, the likelihood has no maximum"""


class Games(NamedTuple):
    """Judged pairs: one row a unit's pair in one order; arrays of shape (rows,)."""

    unit: Codes
    """code of the item, or of its cluster, from 0"""
    first: Codes
    """code of the model shown first"""
    second: Codes
    credit: Floats
    """of the model shown first, in [0, weight]"""
    tie: Floats
    """ties, or their probability, in [0, weight]"""
    weight: Floats
    """how many verdicts the row counts as: 1, or more where rows are sums"""


class SummedGames(NamedTuple):
    """Games summed: one row a pair of models in one order."""

    first: Codes
    second: Codes
    credit: Floats
    tie: Floats
    n: Floats


class Expected(NamedTuple):
    """What the model expects of one game in each cell; `credit` and the probabilities are of the model shown first."""

    win: Floats
    tie: Floats
    credit: Floats
    variance: Floats
    """of the credit"""
    covariance: Floats
    """of the credit and of a tie"""


class Davidson(NamedTuple):
    """The fitted model; its free parameters are contrasts of the ratings, the slot and log v, as far as it has them."""

    ratings: Floats
    """log-odds, shape (models,), with mean 0"""
    slot: float | None
    """advantage of the first slot, log-odds; None where it cannot be told apart, or was not asked for"""
    log_tie: float
    """log v; minus infinity without ties"""
    natural: Floats
    """shape (models + 2, parameters): ratings, slot and log v from the free parameters"""
    bread: Floats
    """inverse information of the free parameters"""
    doubt: Floats | None
    """covariance of the parameters by the prior that held it, half a win and half a loss of each model against the
    average one, were these drawn as units are; None where no prior did"""

    @property
    def held(self) -> bool:
        """Whether the prior held it."""
        return self.doubt is not None

    def expected(self, first: Codes, second: Codes) -> Expected:
        """Return what is expected where `first` is shown first."""
        return expected(self.ratings[first] - self.ratings[second] + (self.slot or 0.0), self.log_tie)


def expected(log_odds: Floats, log_tie: float) -> Expected:
    """Return the probabilities and moments of one game at each log-odds d + s."""
    half = log_odds / 2
    top = np.maximum(np.abs(half), log_tie)
    win, loss, tie = np.exp(half - top), np.exp(-half - top), np.exp(log_tie - top)
    total = win + loss + tie
    win, tie = win / total, tie / total
    credit = win + tie / 2
    return Expected(win, tie, credit, win + tie / 4 - credit**2, tie * (1 / 2 - credit))


def sum_cells(games: Games, n_models: int) -> SummedGames:
    """Sum games by pair and order."""
    cells, places = distinct(games.first * n_models + games.second)
    columns = np.column_stack([games.credit, games.tie, games.weight])
    return SummedGames(cells // n_models, cells % n_models, *sum_by_cluster(columns, places).T)


def distinct(codes: Codes) -> tuple[Codes, Codes]:
    """Return the codes that occur, sorted, and the place of each code among them; without sorting millions."""
    there = np.bincount(codes) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def components(first: Codes, second: Codes, n_models: int) -> list[list[int]]:
    """Return the groups of models that are connected by pairs; within one group alone ratings can be compared."""
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n_models, n_models))
    labels = connected_components(graph, directed=False)[1]
    return [list(np.flatnonzero(labels == label)) for label in range(labels.max() + 1)]


def fit_davidson(
    cells: SummedGames, n_models: int, *, slot: bool = True, ties: bool = True, prior: bool | None = None
) -> Davidson:
    """Fit the model by maximum likelihood; all models must be connected.

    Args:
        cells: the sums.
        n_models: how many models, two at least.
        slot: whether to fit the advantage of the first slot, where the cells can tell it from the models.
        ties: whether ties have a parameter; else one is half a win and half a loss (Bradley and Terry).
        prior: whether the prior holds the ratings; None: only where the likelihood alone has no maximum.
    """
    ties = ties and bool(cells.tie.sum() > 0)
    basis = np.linalg.qr(np.eye(n_models) - 1 / n_models)[0][:, : n_models - 1]
    design = basis[cells.first] - basis[cells.second]
    with_slot = np.column_stack([design, np.ones(len(design))])
    slot = slot and np.linalg.matrix_rank(with_slot.T @ with_slot) == n_models
    if slot:
        design = with_slot
    found = None if prior else _maximise(design, cells, ties=ties)
    if found is not None:
        log_odds, log_tie = _split(design, found[0], ties=ties)
        if max(float(np.abs(log_odds).max()), log_tie) > FAR:
            found = None
    doubt = None
    if found is None:
        pool = np.column_stack([basis, np.zeros(n_models)])[:, : design.shape[1]]
        shown_first, shown_second = pool.copy(), -pool
        if slot:
            shown_first[:, -1] = shown_second[:, -1] = 1
        added = np.full(2 * n_models, 1 / 4)
        none = np.zeros(2 * n_models)
        more = SummedGames(none.astype(np.intp), none.astype(np.intp), added, none, 2 * added)
        cells = SummedGames(*(np.concatenate([one, other]) for one, other in zip(cells, more, strict=True)))
        pool = np.vstack([shown_first, shown_second])
        found = _maximise(np.vstack([design, pool]), cells, ties=ties)
        if found is None:
            raise ValueError("no model can be fitted to these credits")
        doubt = found[1] @ _spread(pool, found[0], ties=ties) @ found[1] / 4
    parameters, bread = found
    natural = np.zeros((n_models + 2, len(parameters)))
    natural[:n_models, : n_models - 1] = basis
    if slot:
        natural[n_models, n_models - 1] = 1
    if ties:
        natural[n_models + 1, -1] = 1
    values = natural @ parameters
    log_tie = float(values[-1]) if ties else -np.inf
    return Davidson(values[:n_models], float(values[-2]) if slot else None, log_tie, natural, bread, doubt)


def _maximise(design: Floats, cells: SummedGames, *, ties: bool) -> tuple[Floats, Floats] | None:
    """Return the parameters of the greatest likelihood with the inverse information; None where it has no maximum."""
    parameters = np.zeros(design.shape[1] + ties)
    at = _log_likelihood(design, cells, parameters, ties=ties)
    for _ in range(MAX_STEPS):
        score, information = _derivatives(design, cells, parameters, ties=ties)
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return None
        last = bool(np.abs(step).max() < STEP)
        for _ in range(MAX_HALVINGS):
            there = _log_likelihood(design, cells, parameters + step, ties=ties)
            if last or there >= at - ROUNDING * abs(at):
                break
            step = step / 2
        parameters, at = parameters + step, there
        if last:
            return parameters, np.asarray(np.linalg.inv(information), dtype=np.float64)
    return None


def _split(design: Floats, parameters: Floats, *, ties: bool) -> tuple[Floats, float]:
    """Return the log-odds of each cell, and log v."""
    return design @ parameters[: design.shape[1]], float(parameters[-1]) if ties else -np.inf


def _spread(design: Floats, parameters: Floats, *, ties: bool) -> Floats:
    """Return the sum of products of the scores of a win and of a loss in each row: of a unit of weight 1 each."""
    one = expected(*_split(design, parameters, ties=ties))
    scores = [(credit - one.credit)[:, None] * design for credit in (1, 0)]
    if ties:
        scores = [np.column_stack([score, -one.tie]) for score in scores]
    return np.asarray(sum(score.T @ score for score in scores))


def _log_likelihood(design: Floats, cells: SummedGames, parameters: Floats, *, ties: bool) -> float:
    log_odds, log_tie = _split(design, parameters, ties=ties)
    half = np.abs(log_odds) / 2
    total = np.logaddexp(half + np.log1p(np.exp(-2 * half)), log_tie)
    decided = (cells.credit - cells.n / 2) @ log_odds - cells.n @ total
    return float(decided + (cells.tie.sum() * log_tie if ties else 0.0))


def _derivatives(design: Floats, cells: SummedGames, parameters: Floats, *, ties: bool) -> tuple[Floats, Floats]:
    """Return the score and the information of the parameters."""
    one = expected(*_split(design, parameters, ties=ties))
    score = design.T @ (cells.credit - cells.n * one.credit)
    information = design.T @ ((cells.n * one.variance)[:, None] * design)
    if not ties:
        return score, information
    cross = design.T @ (cells.n * one.covariance)
    corner = cells.n @ (one.tie * (1 - one.tie))
    return (
        np.append(score, cells.tie.sum() - cells.n @ one.tie),
        np.block([[information, cross[:, None]], [cross[None, :], np.array([[corner]])]]),
    )
