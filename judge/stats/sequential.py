"""Anytime-valid sequential test (e-process) and confidence sequence of the win rate, by betting on units' credits.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import bisect
from scipy.special import logsumexp, xlogy

from judge.stats.clusters import HALF

if TYPE_CHECKING:
    from judge.stats.intervals import Floats

ALPHA = 0.05
PRIOR = 10.0
"""of the Beta mixture of bets; it suits win rates of .55 to .8"""
BETS = np.linspace(0, 1, 1001)[1:-1]
"""win rates that are bet on"""
_DENSITY = xlogy(PRIOR - 1, BETS * (1 - BETS))
LOG_STAKES = _DENSITY - logsumexp(_DENSITY)
"""logarithm of the share of the wealth that is put on each"""
NEARLY_ZERO = 1e-9
MOST_TIMES = 1_000.0
"""as many units as there are, so often: what is not told by then is not said to be tellable"""


class UnitCredits(NamedTuple):
    """Units of a run so far."""

    sums: Floats
    """shape (units,), the sum of the credits of a over a unit's items, each in [0, 1]"""
    sizes: Floats
    """shape (units,), how many items it has"""
    largest: float
    """items of the largest unit of the whole plan; it must not depend on what the units show"""


class ConfidenceSequence(NamedTuple):
    """Ends for the win rate of a, valid at all looks together."""

    low: float
    high: float


def log_wealth(units: UnitCredits, win_rate: float = HALF) -> Floats:
    """Return the logarithm of what each bet against a win rate has made of its stake, shape (bets,).

    A bet on p multiplies it by 1 + (p - w)(s - w n) / (m w (1 - w)) at a unit of n items with the credits s, m being
    the items of the largest unit: a fair game, and never a debt, whatever the distribution of the credits. At a win it
    is p / w, at a loss (1 - p) / (1 - w). Later units multiply it further: the wealth of looks adds up.

    Args:
        units: to bet on.
        win_rate: of a, in (0, 1), that is bet against.
    """
    kinds, counts = np.unique(np.column_stack(units[:2]).reshape(-1, 2).round(12), axis=0, return_counts=True)
    gains = (kinds[:, 0] - win_rate * kinds[:, 1]) / (units.largest * win_rate * (1 - win_rate))
    return np.asarray(np.log1p(np.outer(BETS - win_rate, gains)) @ counts)


def log_e_value(wealth: Floats) -> float:
    """Return the log e-value: the wealth of all bets together, a test martingale at that win rate (Ville, 1939).

    Of wins and losses it is the Beta(10, 10) mixture of likelihood ratios (Robbins, Annals of Mathematical Statistics
    41, 1970), on a grid.

    Args:
        wealth: of each bet, as `log_wealth` returns it.
    """
    return float(logsumexp(LOG_STAKES + wealth))


def is_decided(wealth: Floats, *, alpha: float = ALPHA) -> bool:
    """Return whether the e-value has reached 1 / alpha, which has a probability below alpha at equality.

    The model that is ahead is then the one with more than half of the credit: bets on p > 1/2 gain nothing together
    while the credits add up to less than half.
    """
    return log_e_value(wealth) >= -math.log(alpha)


def confidence_sequence(units: UnitCredits, *, alpha: float = ALPHA) -> ConfidenceSequence:
    """Return the confidence sequence of the win rate: an interval that covers at all looks at once.

    The win rates against which the e-value is below 1 / alpha. Its logarithm is convex in the win rate and not above 0
    at the mean credit, so that they are an interval around it.
    """
    mean = float(units.sums.sum() / units.sizes.sum()) if units.sizes.sum() else HALF
    inside = min(max(mean, NEARLY_ZERO), 1 - NEARLY_ZERO)

    def refuted(win_rate: float) -> float:
        return log_e_value(log_wealth(units, win_rate)) + math.log(alpha)

    return ConfidenceSequence(*(_cross(refuted, inside, end) for end in (0.0, 1.0)))


def units_needed(units: UnitCredits, win_rate: float, *, alpha: float = ALPHA) -> int | None:
    """Return how many units like those so far, them included, let the e-value against a win rate reach 1 / alpha.

    With k times the units each bet's wealth has k times the logarithm; the e-value's rises from then on where it does.

    Returns:
        None where even `MOST_TIMES` as many would not do.
    """
    wealth = log_wealth(units, win_rate)

    def lacking(times: float) -> float:
        return -math.log(alpha) - log_e_value(times * wealth)

    if lacking(MOST_TIMES) > 0:
        return None
    times = 1.0 if lacking(1) <= 0 else float(bisect(lacking, 1, MOST_TIMES, xtol=1e-6))
    return math.ceil(times * len(units.sizes))


def _cross(refuted: Callable[[float], float], inside: float, end: float) -> float:
    """Return where between a win rate and an end the evidence reaches its threshold; the end where it never does."""
    outermost = abs(end - NEARLY_ZERO)
    return end if refuted(outermost) <= 0 else float(bisect(refuted, inside, outermost, xtol=1e-12))
