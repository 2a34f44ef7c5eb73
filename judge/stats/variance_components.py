"""Variance components of credits over items, judges, orders and samples, and the standard errors they predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

NAN = float("nan")


class Cells(NamedTuple):
    """What each judge says of each item, one row an item and judge that has verdicts; other cells are missing."""

    items: Codes
    """shape (cells,), the item's code"""
    judges: Codes
    """shape (cells,), the judge's code"""
    means: Floats
    """shape (cells, orders), the mean credit over samples in each order, in [0, 1] or less any constant"""
    squares: Floats
    """shape (cells,), the sum over orders and samples of squared deviations from these means"""
    counts: Floats
    """shape (cells,), samples; each has every order"""


class Components(NamedTuple):
    """Parts of the variance of one verdict's credit, none below 0; NaN where the design does not tell."""

    item: float
    """between items; with one judge, that judge's leanings on single items are in it"""
    judge: float
    """between judges; NaN with one"""
    item_judge: float
    """what judges say of an item beyond their usual difference, and with one sample its noise; NaN with one judge"""
    slot: float
    """of which order a pair is shown in, and with one sample the noise; NaN with one order a pair"""
    noise: float
    """between samples of one judge, item and order; NaN with one sample"""


class Design(NamedTuple):
    """How many items, judges and samples a mean credit is over."""

    n_items: int
    n_judges: int
    n_orders: int
    inverse_samples: float
    """the mean of 1 / samples over items and judges"""


class ErrorParts(NamedTuple):
    """What the squared standard error of a mean credit is made of, at the design it was found in."""

    item: float
    item_judge: float
    noise: float
    judge: float
    """what it has besides were the judges drawn at random; NaN with one"""


def variance_components(cells: Cells) -> Components:
    """Estimate variance components by moments, from the mean squared differences of pairs of cells.

    Half the mean squared difference of two cells of one item estimates judge + rest, of one judge item + rest, of
    neither all three: Koch, Technometrics 10, 1968. In a balanced design these are the estimators of the two-way
    analysis of variance (Searle, Casella and McCulloch, Variance Components, 1992, section 4.3); missing cells leave
    them unbiased. Noise is the pooled variance within cells; what it adds to the others, at the mean of 1 / samples, is
    subtracted. Estimates below 0 are 0.

    Args:
        cells: with fewer than two items all but slot and noise are NaN, without any all are.
    """
    n_orders = cells.means.shape[1]
    if not len(cells.counts):
        return Components(NAN, NAN, NAN, NAN, NAN)
    df = n_orders * float((cells.counts - 1).sum())
    noise = float(cells.squares.sum()) / df if df > 0 else NAN
    known = float(np.nan_to_num(noise)) * float((1 / cells.counts).mean()) / n_orders
    slot = NAN
    if n_orders > 1:
        slot = float(((cells.means[:, 0] - cells.means[:, 1]) ** 2).mean()) / 4 - known
    credit = cells.means.mean(axis=1)
    everywhere = np.zeros_like(cells.items)
    of_item, of_judge, of_all = (_squared_pairs(credit, codes) for codes in (cells.items, cells.judges, everywhere))
    same_item, same_judge = _half_mean(of_item), _half_mean(of_judge)
    if not of_item[1]:
        return Components(*_not_negative(same_judge - known, NAN, NAN, slot, noise))
    neither = _half_mean((of_all[0] - of_item[0] - of_judge[0], of_all[1] - of_item[1] - of_judge[1]))
    rest = same_item + same_judge - neither - known
    return Components(*_not_negative(neither - same_item, neither - same_judge, rest, slot, noise))


def sample_variance(credit: Floats, codes: Codes) -> tuple[float, float]:
    """Return the variance of credits between groups, and that within them; NaN where a design tells neither.

    By moments from pairs, as in `variance_components`: of an item's samples (generator seeds) the latter is that of
    the seed, and of what else differs from one pair of traces to the next.

    Args:
        credit: shape (pairs,), the mean credit of each pair of traces.
        codes: shape (pairs,), the item of each.
    """
    within, together = _squared_pairs(credit, codes), _squared_pairs(credit, np.zeros_like(codes))
    apart = _half_mean((together[0] - within[0], together[1] - within[1]))
    same = _half_mean(within)
    between, seed = _not_negative(apart - same, same)
    return between, seed


def parts_of_error(variance: float, found: Components, design: Design) -> ErrorParts:
    """Split the squared standard error of a mean credit into what items, judges' leanings and noise make of it.

    item_judge / (n J) and noise / (n J S orders) are bounded by what there is; the rest, with what clusters add, is the
    items'. The slot is in none: both orders of a pair cancel it, and with one order a pair it is the item's.

    Args:
        variance: the squared standard error over items (or clusters), the judges being fixed.
        found: the components.
        design: in which both were found.
    """
    n_cells = design.n_items * design.n_judges
    noise = float(np.nan_to_num(found.noise)) * design.inverse_samples / (n_cells * design.n_orders)
    noise = min(noise, variance)
    item_judge = min(float(np.nan_to_num(found.item_judge)) / n_cells, variance - noise)
    return ErrorParts(variance - noise - item_judge, item_judge, noise, found.judge / design.n_judges)


def predicted_error(found: ErrorParts, before: Design, after: Design) -> tuple[float, float]:
    """Predict the standard error of the mean credit in another design.

    Returns:
        Over items as before and these judges; and were the judges drawn at random too (NaN with one).
    """
    items, judges = before.n_items / after.n_items, before.n_judges / after.n_judges
    samples = after.inverse_samples / before.inverse_samples
    fixed = items * (found.item + judges * (found.item_judge + samples * found.noise))
    return fixed**0.5, (fixed + judges * found.judge) ** 0.5


def _squared_pairs(values: Floats, codes: Codes) -> tuple[float, float]:
    """Return the sum of squared differences over pairs with the same code, and how many such pairs there are."""
    sizes = np.bincount(codes).astype(np.float64)
    sums, squares = np.bincount(codes, weights=values), np.bincount(codes, weights=values**2)
    return float((sizes * squares - sums**2).sum()), float((sizes * (sizes - 1)).sum()) / 2


def _half_mean(pairs: tuple[float, float]) -> float:
    total, number = pairs
    return total / number / 2 if number else NAN


def _not_negative(*values: float) -> tuple[float, ...]:
    return tuple(value if np.isnan(value) else max(value, 0.0) for value in values)
