"""Which pairs of models to judge next, and on which items: those that tell most of the models that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.davidson import Davidson
    from judge.stats.intervals import Floats

ROUNDING = 1e-12


def next_pairs(fit: Davidson, asked: Floats, sizes: Floats, wanted: Floats, n_pairs: int) -> list[tuple[int, int]]:
    """Choose the pairs of which one more block of items is to be judged.

    Args:
        fit: to what was judged so far; by it a verdict tells more the less sure it is.
        asked: shape (models, models), symmetric: how many games of each pair were judged.
        sizes: the same: how many one more block has, 0 where none is left.
        wanted: as `most_informative`.
        n_pairs: how many to choose.
    """
    codes = np.arange(len(asked))
    first, second = np.broadcast_arrays(codes[:, None], codes[None, :])
    each = (fit.expected(first, second).variance + fit.expected(second, first).variance) / 2
    return most_informative(asked * each, sizes * each, wanted, n_pairs)


def least_seen_block(asked: NDArray[np.bool_], i: int, j: int) -> int:
    """Return the block of items that the pair was not asked about, and its two models the least in all their pairs.

    A model does better or worse on an item in all of its pairs there, so that other items tell more than other pairs.

    Args:
        asked: shape (models, models, blocks), symmetric; a block is left to the pair.
        i: code of the one model.
        j: of the other.
    """
    seen = asked[i].sum(axis=0) + asked[j].sum(axis=0)
    return int(np.argmin(np.where(asked[i, j], np.inf, seen)))


def top_variances(ratings: Floats, draws: Floats, n: int) -> Floats:
    """Return W so that trace(W V) sums the variances of the first n ratings and of their differences.

    Which models are the first n is uncertain: each variance counts as often as the draws say.

    Args:
        ratings: shape (models,).
        draws: their errors, shape (draws, models).
        n: how many ranks matter.

    Returns:
        Shape (models, models), for V the covariance of the ratings.
    """
    ranks = (-(ratings - draws)).argsort(axis=1).argsort(axis=1)
    top = (ranks < n).astype(np.float64)
    together = top.T @ top / len(top)
    return np.asarray(np.diag(together.sum(axis=1) + np.diag(together)) - together)


def most_informative(known: Floats, more: Floats, wanted: Floats, n_pairs: int) -> list[tuple[int, int]]:
    """Choose pairs one after the other, each by how much it lowers a sum of variances of ratings and of differences.

    With V the covariance of the centred ratings and c = V[:, i] - V[:, j], a block of information w on the pair (i, j)
    takes w c' W c / (1 + w (V[i, i] + V[j, j] - 2 V[i, j])) off trace(W V): a linear criterion's greedy step
    (Atkinson, Donev and Tobias, Optimum Experimental Designs, 2007, chapter 10).

    Args:
        known: shape (models, models), symmetric: the information on each pair so far; all models are connected by it.
        more: the same of what one more block of the pair would add; 0 where none is left.
        wanted: W, shape (models, models): positive semidefinite.
        n_pairs: how many to choose; each is chosen once at most.
    """
    covariance = np.linalg.pinv(np.diag(known.sum(axis=1)) - known, hermitian=True)
    left, chosen = np.triu(more, 1), []
    for _ in range(n_pairs):
        spread = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2 * covariance
        weighed = covariance @ wanted @ covariance
        along = np.diag(weighed)[:, None] + np.diag(weighed)[None, :] - 2 * weighed
        gain = left * along / (1 + left * spread)
        i, j = (int(place) for place in np.unravel_index(np.argmax(gain), gain.shape))
        if gain[i, j] <= ROUNDING * np.trace(covariance):
            break
        chosen.append((i, j))
        change = covariance[:, i] - covariance[:, j]
        covariance = covariance - left[i, j] * np.outer(change, change) / (1 + left[i, j] * spread[i, j])
        left[i, j] = 0.0
    return chosen
