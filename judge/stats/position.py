"""Position bias, apart from the preference for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.stats.closed_form import Coefficient, clustered_covariance, coefficient, from_log_odds
from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.pooled_means import standardised_mean
from judge.stats.significance import sign_flip, signs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats


class Directions(NamedTuple):
    """Items whose orders disagree, by the slot they lean to, with the exact p-value of one against the other."""

    to_first: int
    to_second: int
    p_value: float


class Decomposition(NamedTuple):
    """The log-odds of a verdict for a: preference + slot effect where a is first, preference - slot effect else."""

    preference: Coefficient
    slot_effect: Coefficient
    win_rate: Coefficient
    """the win rate of a at no slot effect, from the preference alone"""


def splits(forward: Floats, swapped: Floats, clusters: Codes | None = None, *, seed: int = 0) -> Directions:
    """Count the items whose orders are not on the same side, ties included: the two add up to the ledger's splits.

    The test flips whole clusters; without clusters it is the exact sign test.

    Args:
        forward: shape (items,), mean credit of a in [0, 1] where a was shown first.
        swapped: shape (items,), mean credit of a where b was shown first.
        clusters: shape (items,), the code of each item's cluster.
        seed: of the test, where it draws.
    """
    disagree = np.sign(forward - HALF) != np.sign(swapped - HALF)
    direction = np.where(disagree, np.sign(forward - swapped), 0.0)
    counted = signs(direction)
    units = sum_by_cluster(direction[:, None], clusters)[:, 0]
    return Directions(counted.wins, counted.losses, sign_flip(units, seed=seed).p_value)


def decompose(forward: Floats, swapped: Floats, clusters: Codes | None = None) -> Decomposition | None:
    """Split the verdicts into preference and slot effect; None where one order has only wins or only losses.

    The logistic regression of the credit on a slot indicator of +-1 is saturated, so it is solved by the mean credits
    p1 and p2 of the two orders: (logit p1 + logit p2) / 2 and (logit p1 - logit p2) / 2; the errors are the delta
    method's on the items' covariance (Liang and Zeger, Biometrika 73, 1986). Arguments as for `splits`.
    """
    means = np.array([forward.mean(), swapped.mean()])
    slopes = means * (1 - means)
    if not (slopes > 0).all():
        return None
    logits = np.log(means / (1 - means))
    contrasts = np.array([[0.5, 0.5], [0.5, -0.5]])
    residuals = np.column_stack([forward, swapped]) - means
    covariance, df = clustered_covariance(residuals / slopes @ contrasts / len(forward), clusters)
    estimates = contrasts @ logits
    preference, slot_effect = (coefficient(estimates[i], covariance[i, i], df) for i in range(2))
    return Decomposition(preference, slot_effect, from_log_odds(preference))


def balanced_win_rate(credit: Floats, forward: NDArray[np.bool_], clusters: Codes | None = None) -> Coefficient | None:
    """Estimate the win rate net of the mean slot effect where each item was judged in one order; None without both.

    The mean of the two orders' mean credits, standardised over them.

    Args:
        credit: shape (items,), of a, in [0, 1].
        forward: shape (items,), whether a was shown first.
        clusters: shape (items,), the code of each item's cluster.
    """
    if forward.all() or not forward.any():
        return None
    found = standardised_mean(credit, np.where(forward, 0, 1), clusters)
    return found and coefficient(found[0], found[1].matrix[0, 0], found[1].df)
