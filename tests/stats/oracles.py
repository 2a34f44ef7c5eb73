"""Libraries that the numbers are checked against, and the worked examples that several tests share."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from judge.stats.clusters import collapse
from judge.stats.intervals import Patterns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def oracle(module: str) -> Any:  # noqa: ANN401 - libraries without types
    """Import a library that may warn while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(module)


def units(*scores_and_counts: tuple[float, int]) -> Patterns:
    """Collapse so many items of each score, every item a unit of size one."""
    scores = np.array([score for score, _ in scores_and_counts], dtype=np.float64)
    counts = np.array([count for _, count in scores_and_counts])
    return one_each(np.repeat(scores, counts))


def one_each(credit: Floats) -> Patterns:
    """Collapse items that are their own units."""
    return collapse(credit[:, None], np.ones((len(credit), 1)))


def worked_example() -> tuple[Floats, Floats]:
    """Return the credits of a in both orders of the 200 items of the worked example."""
    table = np.array([[120, 6, 30], [4, 10, 5], [3, 2, 20]]).ravel()
    credit = np.array([1.0, 0.5, 0.0])
    return np.repeat(np.repeat(credit, 3), table), np.repeat(np.tile(credit, 3), table)


def both_orders(n: int, first_wins: int, second_wins: int, both: int) -> tuple[Floats, Floats]:
    """Return binary credits of n items: how many a wins when first, when second, and in both orders."""
    only_first, only_second = first_wins - both, second_wins - both
    rest = n - both - only_first - only_second
    forward = np.repeat([1.0, 1.0, 0.0, 0.0], [both, only_first, only_second, rest])
    swapped = np.repeat([1.0, 0.0, 1.0, 0.0], [both, only_first, only_second, rest])
    return forward, swapped
