"""Length bias: wins of the longer trace, and the length-controlled win rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit

from judge.stats.closed_form import Coefficient, clustered_covariance, coefficient, from_log_odds
from judge.stats.clusters import HALF

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

MATCHED = 1.25
"""traces are matched in length when neither is longer than this many times the other"""
MAX_MEAN_IN_SD = 2.0
MIN_MATCHED_SHARE = 0.05
MAX_STEPS = 50
CONVERGED = 1e-10
MAX_LOG_ODDS = 15.0
"""a coefficient that leaves this range has no finite estimate"""


class RateColumns(NamedTuple):
    """Item columns of a rate: its numerator and denominator, shape (items,) each."""

    numerators: Floats
    denominators: Floats


class LengthAdjusted(NamedTuple):
    """Log-odds of a verdict for a: preference + length_effect * tanh(log length ratio / its sd)."""

    win_rate: Coefficient
    """of a at equal length"""
    preference: Coefficient
    length_effect: Coefficient


class NotIdentified(NamedTuple):
    """Reason, in words, why the length-controlled rate is not identified."""

    words: str


def longer_wins(credit: Floats, length_a: Floats, length_b: Floats) -> RateColumns:
    """Return the share of wins, ties and equal lengths left out, that went to the longer trace, as item columns.

    Args:
        credit: shape (items,), of a, in [0, 1]; a win is anything but 1/2.
        length_a: shape (items,), of a's traces in characters.
        length_b: shape (items,), of b's traces in characters.
    """
    counted = (credit != HALF) & (length_a != length_b)
    longer = (credit > HALF) == (length_a > length_b)
    return RateColumns((longer & counted).astype(np.float64), counted.astype(np.float64))


def matched_win_rate(credit: Floats, length_a: Floats, length_b: Floats) -> RateColumns:
    """Return the win rate of a on pairs with a length ratio in [0.8, 1.25], as item columns.

    Arguments as for `longer_wins`.
    """
    matched = ((length_a <= MATCHED * length_b) & (length_b <= MATCHED * length_a)).astype(np.float64)
    return RateColumns(credit * matched, matched)


def length_adjusted(
    credit: Floats, length_a: Floats, length_b: Floats, clusters: Codes | None = None
) -> LengthAdjusted | NotIdentified:
    """Estimate the win rate at equal length by fractional logistic regression on tanh(log length ratio / its sd).

    After Dubois et al., "Length-Controlled AlpacaEval", 2024, without its instruction difficulties (one pair of models
    does not identify them): it adjusts, it does not tell whether length causes the preference. Quasi-likelihood of
    Papke and Wooldridge, J. Applied Econometrics 11, 1996, with cluster-sandwich errors. Arguments as for
    `longer_wins`.
    """
    log_ratio = np.log(np.maximum(length_a, 1.0)) - np.log(np.maximum(length_b, 1.0))
    refusal = _refusal(log_ratio, matched_win_rate(credit, length_a, length_b).denominators)
    if refusal:
        return NotIdentified(refusal)
    design = np.column_stack([np.ones(len(credit)), np.tanh(log_ratio / log_ratio.std())])
    beta = _fit(design, credit)
    if beta is None:
        return NotIdentified(
            "not identified: the wins go wholly with one model or one length, so no estimate is finite"
        )
    expected = expit(design @ beta)
    information = design.T @ (design * (expected * (1 - expected))[:, None])
    influences = (design * (credit - expected)[:, None]) @ np.linalg.inv(information)
    covariance, df = clustered_covariance(influences, clusters)
    preference, effect = (coefficient(beta[i], covariance[i, i], df) for i in range(2))
    return LengthAdjusted(from_log_odds(preference), preference, effect)


def _refusal(log_ratio: Floats, matched: Floats) -> str | None:
    """Return in words why equal length lies outside the data; None where it does not."""
    if len(log_ratio) < 3 or log_ratio.std() == 0:  # noqa: PLR2004 - two coefficients leave nothing to judge them by
        return "not identified: the lengths differ alike in all items"
    in_sd = log_ratio.mean() / log_ratio.std()
    longer, share = ("a", (log_ratio > 0).mean()) if in_sd > 0 else ("b", (log_ratio < 0).mean())
    reason = f"not identified: {longer}'s trace is the longer one in {share:.0%} of the items"
    if abs(in_sd) > MAX_MEAN_IN_SD:
        return f"{reason}; the mean log length ratio is {abs(in_sd):.1f} standard deviations from equal length"
    if matched.mean() < MIN_MATCHED_SHARE:
        return f"{reason}; only {matched.mean():.1%} of the pairs are matched in length (ratio 0.8 to 1.25)"
    return None


def _fit(design: Floats, credit: Floats) -> Floats | None:
    """Maximise the fractional logistic likelihood by Newton's method; None where it has no finite maximum."""
    beta = np.zeros(design.shape[1])
    for _ in range(MAX_STEPS):
        expected = expit(design @ beta)
        information = design.T @ (design * (expected * (1 - expected))[:, None])
        step = np.linalg.solve(information, design.T @ (credit - expected))
        beta = beta + step
        if np.abs(step).max() < CONVERGED or np.abs(beta).max() > MAX_LOG_ODDS:
            break
    return beta if np.abs(step).max() < CONVERGED else None
