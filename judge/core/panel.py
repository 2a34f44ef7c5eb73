"""Make the judges of a panel one."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

import polars as pl

from judge.core.tally import COUNTS, HALF, finished, side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Parts = Callable[[str], list[pl.Expr]]
    """the columns that hold each judge's share of a folded column"""


class Pooling(StrEnum):
    """How the judges of a panel become one."""

    MEAN = "mean"
    """their credits are averaged"""
    MAJORITY = "majority"
    """in each order of an item, the side that more than half of them are on; a tie where there is none"""


def pool(judges: Sequence[pl.DataFrame], pooling: Pooling) -> pl.DataFrame:
    """Fold the folded items of several judges into one row per item that every judge has.

    Args:
        judges: rows of `FOLDED_SCHEMA` of each, in the panel's order.
        pooling: how their verdicts become one.
    """
    joined = judges[0].lazy()
    for place, other in enumerate(judges[1:], start=1):
        joined = joined.join(other.lazy(), on="item", suffix=f"_{place}")

    def parts(name: str) -> list[pl.Expr]:
        return [pl.col(name), *(pl.col(f"{name}_{place}") for place in range(1, len(judges)))]

    return finished(_pooled(joined, parts, len(judges), pooling).sort("item"))


def _pooled(joined: pl.LazyFrame, parts: Parts, n_judges: int, pooling: Pooling) -> pl.LazyFrame:
    match pooling:
        case Pooling.MEAN:
            means = {name: pl.mean_horizontal(*parts(name)) for name in ("forward", "swapped", "consistent")}
            return joined.select("item", **means, **{name: pl.sum_horizontal(*parts(name)) for name in COUNTS})
        case Pooling.MAJORITY:
            votes = {name: _majority(parts(name), n_judges) for name in ("forward", "swapped")}
            forward, swapped = (pl.col(name) for name in votes)
            first, second = (forward == 1, swapped == 0), (forward == 0, swapped == 1)
            return joined.select("item", **votes).with_columns(
                consistent=(forward == swapped).cast(pl.Float64),
                first_picks=pl.sum_horizontal(*first).cast(pl.Int64),
                decisive=pl.sum_horizontal(*first, *second).cast(pl.Int64),
                n_verdicts=pl.sum_horizontal(forward.is_not_null(), swapped.is_not_null()).cast(pl.Int64),
            )
        case _:
            assert_never(pooling)


def _majority(credits_: Sequence[pl.Expr], n_judges: int) -> pl.Expr:
    """Return 1 or 0 where more than half of the judges are on that side, 1/2 where not, null without verdicts."""
    for_a = pl.sum_horizontal(*(side(credit) > 0 for credit in credits_))
    for_b = pl.sum_horizontal(*(side(credit) < 0 for credit in credits_))
    heard = pl.any_horizontal(*(credit.is_not_null() for credit in credits_))
    vote = pl.when(2 * for_a > n_judges).then(1.0).when(2 * for_b > n_judges).then(0.0).otherwise(HALF)
    return pl.when(heard).then(vote)
