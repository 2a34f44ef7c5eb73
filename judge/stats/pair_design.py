"""Which pairs of models to judge next: those from which most is learnt of the models that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.stats.intervals import Floats

ROUNDING = 1e-12


def most_informative(known: Floats, more: Floats, targets: Sequence[int], n_pairs: int) -> list[tuple[int, int]]:
    """Choose pairs one after the other, each by how much it lowers the variances of the targets' ratings.

    With V the covariance of the centred ratings, a block of information w on the pair (i, j) takes
    w (V[t, i] - V[t, j])^2 / (1 + w (V[i, i] + V[j, j] - 2 V[i, j])) off that of t: a D-optimal step's rank-one update
    for the average variance (A-optimality: Atkinson, Donev and Tobias, Optimum Experimental Designs, 2007, chapter 10).

    Args:
        known: shape (models, models), symmetric: the information on each pair so far; all models are connected by it.
        more: the same of what one more block of the pair would add; 0 where none is left.
        targets: the models whose ratings matter.
        n_pairs: how many to choose; each is chosen once at most.
    """
    covariance = np.linalg.pinv(np.diag(known.sum(axis=1)) - known, hermitian=True)
    left, chosen = np.triu(more, 1), []
    for _ in range(n_pairs):
        spread = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2 * covariance
        rows = covariance[list(targets)]
        gain = left * ((rows[:, :, None] - rows[:, None, :]) ** 2).sum(axis=0) / (1 + left * spread)
        i, j = (int(place) for place in np.unravel_index(np.argmax(gain), gain.shape))
        if gain[i, j] <= ROUNDING * np.trace(covariance):
            break
        chosen.append((i, j))
        along = covariance[:, i] - covariance[:, j]
        covariance = covariance - left[i, j] * np.outer(along, along) / (1 + left[i, j] * spread[i, j])
        left[i, j] = 0.0
    return chosen
