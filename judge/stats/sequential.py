"""Anytime-valid sequential test (e-process) and confidence sequence of wins against losses."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.optimize import bisect
from scipy.special import betaln, xlog1py, xlogy

PRIOR = 10.0
"""of the mixture; it suits win rates of .55 to .8"""
ALPHA = 0.05


class ConfidenceSequence(NamedTuple):
    """Ends for the share of a's wins among all decided units, valid at all looks together."""

    low: float
    high: float


def log_e_value(wins: int, losses: int) -> float:
    """Return the log e-value against equal chances of a win and a loss; ties do not count.

    The Beta(a, a) mixture of likelihood ratios, log B(w + a, l + a) - log B(a, a) + (w + l) log 2, a test
    martingale under the null: Robbins, Annals of Mathematical Statistics 41, 1970; Ville, 1939.

    Args:
        wins: units (items, or whole clusters) that lean to a so far.
        losses: units that lean to b.
    """
    return _log_mixture(wins, losses) + (wins + losses) * math.log(2)


def is_decided(wins: int, losses: int, *, alpha: float = ALPHA) -> bool:
    """Return whether the e-value has reached 1 / alpha, which has a probability below alpha at equality."""
    return log_e_value(wins, losses) >= -math.log(alpha)


def confidence_sequence(wins: int, losses: int, *, alpha: float = ALPHA) -> ConfidenceSequence:
    """Return the confidence sequence of the win share: an interval that covers at all looks at once.

    The shares p with w log p + l log(1 - p) >= log B(w + a, l + a) - log B(a, a) + log alpha; it stands where the
    interval of a run that could not stop would. Arguments as for `log_e_value`.
    """
    floor = _log_mixture(wins, losses) + math.log(alpha)
    top = wins / (wins + losses) if wins + losses else 0.5
    return ConfidenceSequence(
        _cross(wins, losses, floor, inside=top, outside=0.0), _cross(wins, losses, floor, inside=top, outside=1.0)
    )


def _log_mixture(wins: int, losses: int) -> float:
    return float(betaln(wins + PRIOR, losses + PRIOR) - betaln(PRIOR, PRIOR))


def _cross(wins: int, losses: int, floor: float, *, inside: float, outside: float) -> float:
    """Return the share where the likelihood falls below the floor; the outer end where it never does."""

    def above(share: float) -> float:
        return float(xlogy(wins, share) + xlog1py(losses, -share)) - floor

    return outside if above(outside) >= 0 else float(bisect(above, inside, outside, xtol=1e-15))
