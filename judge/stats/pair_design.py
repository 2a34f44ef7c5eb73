"""Which pairs of models to judge next: those from which most is learnt of the models that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from judge.stats.davidson import Davidson
    from judge.stats.intervals import Floats

ROUNDING = 1e-12


def next_pairs(fit: Davidson, asked: Floats, sizes: Floats, weights: Floats, n_pairs: int) -> list[tuple[int, int]]:
    """Choose the pairs of which one more block of items is to be judged.

    Args:
        fit: to what was judged so far; by it a verdict tells more the less sure it is.
        asked: shape (models, models), symmetric: how many games of each pair were judged.
        sizes: the same: how many one more block has, 0 where none is left.
        weights: how much each model's rating matters, shape (models,).
        n_pairs: how many to choose.
    """
    codes = np.arange(len(asked))
    first, second = np.broadcast_arrays(codes[:, None], codes[None, :])
    each = (fit.expected(first, second).variance + fit.expected(second, first).variance) / 2
    return most_informative(asked * each, sizes * each, weights, n_pairs)


def chances_of_top(ratings: Floats, draws: Floats, n: int) -> Floats:
    """Return how often each model is among the first n, by draws of the ratings' errors; shape (models,)."""
    ranks = (-(ratings - draws)).argsort(axis=1).argsort(axis=1)
    return np.asarray((ranks < n).mean(axis=0))


def most_informative(known: Floats, more: Floats, weights: Floats, n_pairs: int) -> list[tuple[int, int]]:
    """Choose pairs one after the other, each by how much it lowers the weighted sum of the ratings' variances.

    With V the covariance of the centred ratings, a block of information w on the pair (i, j) takes
    w (V[t, i] - V[t, j])^2 / (1 + w (V[i, i] + V[j, j] - 2 V[i, j])) off that of t: a D-optimal step's rank-one update
    for the average variance (A-optimality: Atkinson, Donev and Tobias, Optimum Experimental Designs, 2007, chapter 10).

    Args:
        known: shape (models, models), symmetric: the information on each pair so far; all models are connected by it.
        more: the same of what one more block of the pair would add; 0 where none is left.
        weights: of the variances, shape (models,).
        n_pairs: how many to choose; each is chosen once at most.
    """
    covariance = np.linalg.pinv(np.diag(known.sum(axis=1)) - known, hermitian=True)
    left, chosen = np.triu(more, 1), []
    for _ in range(n_pairs):
        spread = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2 * covariance
        along = ((covariance[:, :, None] - covariance[:, None, :]) ** 2 * weights[:, None, None]).sum(axis=0)
        gain = left * along / (1 + left * spread)
        i, j = (int(place) for place in np.unravel_index(np.argmax(gain), gain.shape))
        if gain[i, j] <= ROUNDING * np.trace(covariance):
            break
        chosen.append((i, j))
        change = covariance[:, i] - covariance[:, j]
        covariance = covariance - left[i, j] * np.outer(change, change) / (1 + left[i, j] * spread[i, j])
        left[i, j] = 0.0
    return chosen
