"""Turn items into the units that intervals and tests are made over: whole clusters, collapsed to their patterns."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.stats.intervals import Patterns, Rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from judge.stats.intervals import Floats

    Codes = NDArray[np.intp]

HALF = 0.5
"""the credit of a tie"""
FEW_UNITS = 10
BLOCK = 1 << 12
"""units whose patterns are held as bytes at once"""


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


def collapse(numerators: Floats, denominators: Floats, counts: Floats | None = None) -> Patterns:
    """Collapse units to their distinct patterns, in descending order.

    The order depends on the values alone: the same seed gives the same interval however the units were ordered.

    Args:
        numerators: shape (units, rates).
        denominators: shape (units, rates).
        counts: shape (units,), how many units each row stands for; None for one each.
    """
    rates = numerators.shape[1]
    rows, of_unit = distinct_kinds([numerators, denominators])
    together = np.bincount(of_unit, weights=counts, minlength=len(rows)).astype(np.float64)
    descending = np.lexsort(rows.T[::-1])[::-1]
    rows, together = rows[descending], together[descending]
    return Patterns(rows[:, :rates], rows[:, rates:], together)


def distinct_kinds(parts: Sequence[Floats]) -> tuple[Floats, NDArray[np.int32]]:
    """Return the distinct rows of columns side by side, and the place among them of each row; NaN equals itself.

    Args:
        parts: shape (rows,) or (rows, columns) each.

    Returns:
        Shape (kinds, all columns), in the order in which they come first; shape (rows,).
    """
    place: defaultdict[bytes, int] = defaultdict()
    place.default_factory = place.__len__
    of_row = np.empty(len(parts[0]), dtype=np.int32)
    for start in range(0, len(of_row), BLOCK):
        of_block = slice(start, start + BLOCK)
        rows = np.column_stack([part[of_block] for part in parts]).astype(np.float64) + 0.0  # no -0.0
        patterns = rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()
        of_row[of_block] = [place[pattern] for pattern in patterns]
    width = sum(1 if part.ndim == 1 else part.shape[1] for part in parts)
    return np.frombuffer(b"".join(place), dtype=np.float64).reshape(-1, width), of_row


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
