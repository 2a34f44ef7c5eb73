"""The sign test, equivalence, corrections for several tests, and the word that a comparison ends with."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from judge.stats.clusters import HALF
from judge.stats.sign_flip import fair_tail

if TYPE_CHECKING:
    from judge.stats.intervals import Floats

ALPHA = 0.05


class Conclusion(StrEnum):
    """What may be said about model a against model b."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided exact p-value of wins against losses; for paired items it is McNemar's exact test.

    Twice the smaller binomial tail: McNemar, Psychometrika 12, 1947.
    """
    return min(1.0, 2 * float(fair_tail(np.array(max(wins, losses)), wins + losses)))


def holm(p_values: Floats) -> Floats:
    """Adjust p-values so that the chance of any false finding is held (Holm, Scandinavian J. Statistics 6, 1979)."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjust p-values so that the expected share of false findings is held (JRSS B 57, 1995)."""
    if not len(p_values):
        return p_values
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - half a second that only subgroups need

    return np.asarray(false_discovery_control(p_values))


def is_equivalent(low: float, high: float, margin: float) -> bool:
    """Tell whether a 90 % interval lies within the margin of 1/2: TOST at 5 %, whichever way the interval was made."""
    return HALF - margin < low and high < HALF + margin


def conclude(win_rate: float, p_value: float, *, equivalent: bool = False, alpha: float = ALPHA) -> Conclusion:
    """Say what a comparison shows; what is not significant is inconclusive, never equal.

    A margin that a person has set goes before the p-value: a difference inside it is one that they called irrelevant.

    Args:
        win_rate: of a, in [0, 1].
        p_value: of the sign-flip test.
        equivalent: whether `is_equivalent` holds; False where no margin was set.
        alpha: the level of the test.
    """
    if equivalent:
        return Conclusion.EQUIVALENT
    if not p_value <= alpha:
        return Conclusion.INCONCLUSIVE
    return Conclusion.BETTER if win_rate > HALF else Conclusion.WORSE
