"""Rates within groups of items: by whose final answer is right, and by any field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import chdtrc

from judge.enums import Stratum
from judge.stats.clusters import HALF, sum_by_cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats


class AnswerRates(NamedTuple):
    """Item columns of the win rates by correctness of the answers.

    The first four rates are the win rates within `Stratum`, in its order; the last is `answer_only`, the win rate of a
    if the judge looked at nothing but the answers: right beats wrong, else 1/2. A stratum's n is its denominators' sum.
    """

    numerators: Floats
    denominators: NDArray[np.bool_]


class Heterogeneity(NamedTuple):
    """The score test that all groups have the same win rate."""

    statistic: float
    df: int
    p_value: float


def answer_rates(credit: Floats, right_a: Floats, right_b: Floats) -> AnswerRates:
    """Return the win rate within each stratum of answers, and the one that the answers alone would give.

    Args:
        credit: shape (items,), of a, in [0, 1].
        right_a: shape (items,), 1 where a's final answer is right, 0 where it is wrong, NaN where it is unreadable;
            an item with an unreadable answer is in none of the rates.
        right_b: shape (items,), the same of b's.
    """
    readable = ~(np.isnan(right_a) | np.isnan(right_b))
    strata = {
        Stratum.BOTH_RIGHT: (right_a == 1) & (right_b == 1),
        Stratum.ONLY_A_RIGHT: (right_a == 1) & (right_b == 0),
        Stratum.ONLY_B_RIGHT: (right_a == 0) & (right_b == 1),
        Stratum.BOTH_WRONG: (right_a == 0) & (right_b == 0),
    }
    denominators = np.column_stack([*strata.values(), readable])
    answer_only = np.where(readable, HALF + (right_a - right_b) / 2, 0.0)
    return AnswerRates(np.column_stack([denominators[:, :4] * credit[:, None], answer_only]), denominators)


def heterogeneity(credit: Floats, groups: Codes, clusters: Codes | None = None) -> Heterogeneity | None:
    """Test that the win rate is the same in all groups; None where there are fewer than two.

    The generalised score test (Boos, The American Statistician 46, 1992; for clusters Rotnitzky and Jewell, Biometrika
    77, 1990): the groups' sums of distances from the common win rate, against their covariance over clusters. It needs
    no variance within a group, so a group that a always wins does no harm, and a cluster may span groups.

    Args:
        credit: shape (items,), of a, in [0, 1].
        groups: shape (items,), the code of each item's group, from 0.
        clusters: shape (items,), the code of each item's cluster.
    """
    sizes = np.bincount(groups)
    shares = sizes / sizes.sum()
    df = int((sizes > 0).sum()) - 1
    if df < 1:
        return None
    distance = credit - credit.mean()
    member = np.eye(len(sizes))[groups]
    units = sum_by_cluster((member - shares) * distance[:, None], clusters)
    score = member.T @ distance
    statistic = float(score @ np.linalg.pinv(units.T @ units, hermitian=True) @ score)
    return Heterogeneity(statistic, df, float(chdtrc(df, max(statistic, 0.0))))
