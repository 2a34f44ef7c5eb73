"""Units of intervals and tests: items summed over clusters, and collapsed to distinct patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.stats.intervals import Patterns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.stats.intervals import Floats

    Codes = NDArray[np.intp]

HALF = 0.5
"""the credit of a tie"""
FEW_UNITS = 10


def sum_by_cluster(columns: Floats, clusters: Codes | None) -> Floats:
    """Sum item columns to one row a cluster, in the order of the codes; without clusters each item is its own.

    Args:
        columns: shape (items, columns), numerators beside denominators, say.
        clusters: shape (items,), a code from 0 for each item's cluster; codes without items are left out.
    """
    if clusters is None:
        return columns
    used = np.bincount(clusters) > 0
    return np.column_stack([np.bincount(clusters, weights=column)[used] for column in columns.T])


def collapse(numerators: Floats, denominators: Floats, counts: Floats | None = None) -> Patterns:
    """Collapse units to their distinct patterns, in descending order.

    The order depends on the values alone: the same seed gives the same interval however the units were ordered.

    Args:
        numerators: shape (units, rates).
        denominators: shape (units, rates).
        counts: shape (units,), how many units each row stands for; None for one each.
    """
    rates = numerators.shape[1]
    units = pl.DataFrame(np.hstack([numerators, denominators]).astype(np.float64) + 0.0)  # no -0.0
    names = units.columns
    weighted = units.with_columns(count=pl.lit(1.0) if counts is None else pl.Series(counts))
    kinds = weighted.group_by(names).agg(pl.col("count").sum()).sort(names, descending=True)
    rows = kinds.select(names).to_numpy()
    return Patterns(rows[:, :rates], rows[:, rates:], kinds["count"].to_numpy())
