"""AlpacaEval 2's length-controlled win rate, from its own difficulties of instructions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit, log_expit

if TYPE_CHECKING:
    from judge.stats.intervals import Floats

GAMED_WEIGHT = 0.1
"""of a row of the two baselines that were told to be verbose or concise: a penalty of 0.2, over two"""
STRENGTHS = np.logspace(-4, 4, 10)
"""inverse penalties that are tried"""
FOLDS = 5
MAX_STEPS, MAX_SWEEPS = 50, 1_000
CONVERGED = 1e-10


class Difficulties(NamedTuple):
    """What AlpacaEval publishes beside its annotations."""

    by_item: Mapping[str, float]
    """difficulty of an instruction, by the item's id or its number in the annotations"""
    gamed: Floats
    """shape (rows, 3): credit, length difference in standard deviations and difficulty of answers by baselines that
    were told to be verbose or concise; no rows where the file has none"""


class AlpacaLength(NamedTuple):
    """Log-odds of a: preference + length_effect tanh(length of b less a's / its sd) + difficulty_effect difficulty."""

    win_rate: float
    """mean over items at no difference in length"""
    preference: float
    length_effect: float
    difficulty_effect: float


def alpaca_length_controlled(
    credit: Floats, length_a: Floats, length_b: Floats, difficulty: Floats, gamed: Floats
) -> AlpacaLength | None:
    """Fit `length_controlled_v1` of alpaca_eval 0.6 (Dubois et al., Length-Controlled AlpacaEval, 2024).

    A logistic regression of the credits with an L1 penalty, whose strength is the best of ten by the log loss on five
    folds. None where all lengths differ alike.

    Args:
        credit: shape (items,), of a, in [0, 1].
        length_a: shape (items,), characters of the model's answers.
        length_b: shape (items,), characters of the baseline's.
        difficulty: shape (items,).
        gamed: as in `Difficulties`.
    """
    difference = length_b - length_a
    if len(credit) <= FOLDS or not difference.std(ddof=1) > 0:
        return None
    own = np.column_stack([np.ones(len(credit)), np.tanh(difference / difference.std(ddof=1)), difficulty])
    theirs = np.column_stack([np.zeros(len(gamed)), np.tanh(gamed[:, 1]), gamed[:, 2]])
    design, target = np.vstack([theirs, own]), np.append(gamed[:, 0], credit)
    weights = np.repeat([GAMED_WEIGHT, 1.0], [len(gamed), len(credit)])
    fold = np.arange(len(target))[::-1] % FOLDS  # as scikit-learn parts groups of one size
    losses = np.zeros((FOLDS, len(STRENGTHS)))
    for which in range(FOLDS):
        train, test = fold != which, fold == which
        for index, strength in enumerate(STRENGTHS):
            beta = _fit(design[train], target[train], weights[train], strength)
            losses[which, index] = _loss(design[test] @ beta, target[test], weights[test]).mean()
    preference, length_effect, difficulty_effect = map(
        float, _fit(design, target, weights, STRENGTHS[losses.mean(axis=0).argmin()])
    )
    controlled = expit(preference + difficulty_effect * difficulty)
    return AlpacaLength(float(controlled.mean()), preference, length_effect, difficulty_effect)


def _loss(log_odds: Floats, target: Floats, weights: Floats) -> Floats:
    return np.asarray(-weights * (target * log_expit(log_odds) + (1 - target) * log_expit(-log_odds)))


def _fit(design: Floats, target: Floats, weights: Floats, strength: float) -> Floats:
    """Minimise |beta| / strength + the log loss: Newton's steps, each a lasso that is solved coordinate by coordinate.

    Yuan, Ho and Lin, An Improved GLMNET for L1-regularized Logistic Regression, JMLR 13, 2012.
    """
    beta = np.zeros(design.shape[1])
    for _ in range(MAX_STEPS):
        expected = expit(design @ beta)
        slope = design.T @ (weights * (expected - target))
        curve = design.T @ (design * (weights * expected * (1 - expected))[:, None])
        found = _lasso(beta, slope, curve, 1 / strength)
        moved, beta = np.abs(found - beta).max(), found
        if moved < CONVERGED:
            break
    return beta


def _lasso(beta: Floats, slope: Floats, curve: Floats, penalty: float) -> Floats:
    """Minimise the quadratic with this slope and curve at beta, and the penalty."""
    found = beta.copy()
    for _ in range(MAX_SWEEPS):
        before = found.copy()
        for place, own in enumerate(np.diag(curve)):
            pull = own * found[place] - slope[place] - curve[place] @ (found - beta)
            found[place] = np.sign(pull) * max(abs(pull) - penalty, 0.0) / own if own > 0 else 0.0
        if np.abs(found - before).max() < CONVERGED:
            break
    return found
