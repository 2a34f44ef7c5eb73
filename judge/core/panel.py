"""Make the judges of a panel one."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

import numpy as np

from judge.core.tally import COUNTS, HALF, finished, side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.core.stats.intervals import Floats
    from judge.core.table import Table


class Pooling(StrEnum):
    """How the judges of a panel become one."""

    MEAN = "mean"
    """their credits are averaged"""
    MAJORITY = "majority"
    """in each order of an item, the side that more than half of them are on; a tie where there is none"""


def pool(judges: Sequence[Table], pooling: Pooling) -> Table:
    """Fold the folded items of several judges into one row per item that every judge has.

    Args:
        judges: columns `FOLDED` of each, in the panel's order.
        pooling: how their verdicts become one.
    """
    items = judges[0]["item"]
    places = [np.arange(len(items)), *(other.places(items) for other in judges[1:])]
    shared = np.logical_and.reduce([place >= 0 for place in places])
    rows = [judge.take(place[shared]) for judge, place in zip(judges, places, strict=True)]

    def parts(name: str) -> Floats:
        return np.array([row[name] for row in rows])

    match pooling:
        case Pooling.MEAN:
            means = {name: _mean(parts(name)) for name in ("forward", "swapped", "consistent")}
            counts = {name: parts(name).sum(axis=0) for name in COUNTS}
        case Pooling.MAJORITY:
            forward, swapped = _majority(parts("forward")), _majority(parts("swapped"))
            neither = np.isnan(forward + swapped)
            means = {"forward": forward, "swapped": swapped}
            means["consistent"] = np.where(neither, np.nan, forward == swapped)
            first_picks = (forward == 1).astype(np.float64) + (swapped == 0)
            counts = {
                "first_picks": first_picks,
                "decisive": first_picks + (forward == 0) + (swapped == 1),
                "n_verdicts": (~np.isnan(forward)).astype(np.float64) + ~np.isnan(swapped),
            }
        case _:
            assert_never(pooling)
    return finished({"item": rows[0]["item"], **means, **counts})


def _mean(values: Floats) -> Floats:
    """Return the mean of what the judges have; NaN where none has any.

    Args:
        values: shape (judges, items).
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(values, axis=0) / (~np.isnan(values)).sum(axis=0))


def _majority(credits_: Floats) -> Floats:
    """Return 1 or 0 where more than half of the judges are on that side, 1/2 where not, NaN without verdicts.

    Args:
        credits_: shape (judges, items).
    """
    on = side(credits_)
    for_a, for_b = (2 * (on == one).sum(axis=0) > len(credits_) for one in (1, -1))
    vote = np.where(for_a, 1.0, np.where(for_b, 0.0, HALF))
    return np.where(np.isnan(credits_).all(axis=0), np.nan, vote)
