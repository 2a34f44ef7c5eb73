"""How far the criteria of a rubric say the same thing, and what each adds to the overall verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from judge.stats.intervals import Floats


class Explained(NamedTuple):
    """Shares of the variance of the overall credits; all in [0, 1]."""

    together: float
    """by all criteria: R^2 of the least-squares fit"""
    alone: Floats
    """by each criterion on its own: its squared correlation with the overall credits"""
    added: Floats
    """by each criterion beyond the others: R^2 with it minus R^2 without it"""


def correlations(credits_: Floats) -> Floats:
    """Return the Pearson correlation of each pair of criteria over items; NaN where a criterion does not vary.

    Args:
        credits_: shape (items, criteria), of a, in [0, 1]; only items with a credit on every criterion.
    """
    centered = credits_ - credits_.mean(axis=0)
    spread = np.sqrt((centered**2).sum(axis=0))
    spread = np.where(spread > 1e-9, spread, np.nan)  # noqa: PLR2004 - the rest is rounding
    return np.asarray(np.clip(centered.T @ centered / np.outer(spread, spread), -1.0, 1.0))


def explained_variance(overall: Floats, credits_: Floats) -> Explained | None:
    """Return what the criteria explain of the overall verdict, together, alone and each beyond the others.

    Coefficients of determination and their increments (Cohen et al., Applied Multiple Regression, 2003, section 3.3).
    Criteria that go together share what they explain, so the increments do not add up. None where the overall credits
    do not vary.

    Args:
        overall: shape (items,), the overall credits of a.
        credits_: shape (items, criteria), of a, on the other criteria.
    """
    if np.ptp(overall) == 0:
        return None
    together = _r_squared(overall, credits_)
    criteria = range(credits_.shape[1])
    alone = np.array([_r_squared(overall, credits_[:, [index]]) for index in criteria])
    without = np.array([_r_squared(overall, np.delete(credits_, index, axis=1)) for index in criteria])
    return Explained(together, alone, np.maximum(together - without, 0.0))


def _r_squared(target: Floats, predictors: Floats) -> float:
    """Return 1 - residual / total sum of squares of the least-squares fit with a constant."""
    centered = target - target.mean()
    design = predictors - predictors.mean(axis=0)
    fitted = design @ np.linalg.lstsq(design, centered)[0]
    return max(0.0, float(1 - ((centered - fitted) ** 2).sum() / (centered**2).sum()))
