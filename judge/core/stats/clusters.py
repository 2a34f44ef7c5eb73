"""Turn items into the units that intervals and tests are made over: whole clusters, collapsed to their patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.core.stats.intervals import Patterns, Rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.core.stats.intervals import Floats

    Codes = NDArray[np.intp]

HALF = 0.5
"""the credit of a tie"""
FEW_UNITS = 10


class Guarded(NamedTuple):
    """Rates as they may be shown, and what to say about them (None where there is nothing to say)."""

    rates: Rates
    words: str | None


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


def collapse_fast(numerators: Floats, denominators: Floats) -> Patterns:
    """Collapse units to their distinct patterns as `intervals.collapse` does, by hashing instead of sorting.

    A frame of folded items is collapsed faster still before it becomes numpy: `frame.group_by(columns).len()`.

    Args:
        numerators: shape (units, rates).
        denominators: shape (units, rates).
    """
    rates = numerators.shape[1]
    columns = enumerate([*numerators.T, *denominators.T])
    units = pl.DataFrame({str(index): np.ascontiguousarray(column) for index, column in columns})
    rows = units.group_by(pl.all()).agg(pl.len().alias("count")).sort(units.columns, descending=True)
    counts = rows["count"].cast(pl.Float64).to_numpy()
    values = rows.select(units.columns).to_numpy()
    return Patterns(values[:, :rates], values[:, rates:], counts)


def guarded(rates: Rates, n_units: int, noun: str = "clusters") -> Guarded:
    """Take the interval away where there is a single unit, and warn in words where there are fewer than ten.

    Args:
        rates: any estimates with intervals.
        n_units: how many units they are over.
        noun: what the units are called.
    """
    if n_units >= FEW_UNITS:
        return Guarded(rates, None)
    if n_units > 1:
        return Guarded(rates, f"only {n_units} {noun}: too few for a reliable interval")
    nothing = np.full_like(rates.estimate, np.nan)
    words = f"a single unit of {noun}: no interval" if n_units else f"no {noun}: no estimate"
    return Guarded(Rates(rates.estimate, nothing, nothing), words)
