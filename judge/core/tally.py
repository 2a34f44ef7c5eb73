"""Fold verdicts into outcomes and credits, one row an item and criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from judge.core.planning import Orders
from judge.schema import Order, Outcome, Verdict, Winner

if TYPE_CHECKING:
    from collections.abc import Sequence

HALF = 0.5
CREDITS = {Winner.A: 1.0, Winner.TIE: HALF, Winner.B: 0.0, Winner.CANNOT_JUDGE: None}
"""What a verdict is worth to model a; None is no verdict on the criterion."""
FOLDED_SCHEMA = pl.Schema(
    {
        "item": pl.String,
        "forward": pl.Float64,
        "swapped": pl.Float64,
        "credit": pl.Float64,
        "outcome": pl.String,
        "consistent": pl.Float64,
        "first_picks": pl.Int64,
        "decisive": pl.Int64,
        "n_verdicts": pl.Int64,
    }
)
"""One row an item: `forward` and `swapped` are the mean credits of a in that order, null where not judged; `consistent`
is the share of complete samples whose orders agree, null with one order; the last three count verdicts."""
COUNTS = ["first_picks", "decisive", "n_verdicts"]


def winner(verdict: Verdict, order: Order) -> Winner:
    """Undo the order of a verdict: the one place where slot words become model words."""
    if verdict is Verdict.FIRST:
        return Winner.A if order is Order.FORWARD else Winner.B
    if verdict is Verdict.SECOND:
        return Winner.B if order is Order.FORWARD else Winner.A
    return Winner.TIE if verdict is Verdict.TIE else Winner.CANNOT_JUDGE


def fold(verdicts: pl.DataFrame, *, orders: Orders) -> pl.DataFrame:
    """Fold the verdicts of one judge on one criterion to one row per item that has what its rate needs.

    A sample of an item is complete when every planned order has a verdict. Complete samples are averaged; an item
    without one is missing.

    Args:
        verdicts: rows of `VERDICTS_SCHEMA`, in any order.
        orders: in which orders each item was to be judged.

    Returns:
        Columns of `FOLDED_SCHEMA`, sorted by item.
    """
    both = pl.col("n_forward").cast(pl.Boolean) & pl.col("n_swapped").cast(pl.Boolean)
    either = pl.col("n_forward").cast(pl.Boolean) | pl.col("n_swapped").cast(pl.Boolean)
    credits_ = {order: pl.col(order) / pl.col(f"n_{order}") / 2 for order in Order}
    means = {order: pl.when(pl.col(f"n_{order}") > 0).then(credit) for order, credit in credits_.items()}
    folded = (
        _samples(verdicts)
        .filter(both if orders is Orders.BOTH else either)
        .with_columns(**means)
        .with_columns(consistent=(side(pl.col("forward")) == side(pl.col("swapped"))).cast(pl.Float64))
        .group_by("item")
        .agg(pl.col("forward", "swapped", "consistent").mean(), pl.col(COUNTS).sum().cast(pl.Int64))
        .with_columns(pl.col("item").cast(pl.String))
        .sort("item")
    )
    return finished(folded)


def _samples(verdicts: pl.DataFrame) -> pl.LazyFrame:
    """Return one row an item and sample: by order, credits in halves and the number of verdicts; and counts."""
    halves = {(o, v): CREDITS[winner(v, o)] for o in Order for v in Verdict}
    codes = {list(Order).index(o) * len(Verdict) + list(Verdict).index(v): c for (o, v), c in halves.items()}
    known = {code: round(2 * credit) for code, credit in codes.items() if credit is not None}
    code = pl.col("order").cat.physical() * len(Verdict) + pl.col("verdict").cat.physical()
    worth = code.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int8)
    in_order = {order: pl.when(pl.col("order") == order.value).then("worth") for order in Order}
    decisive = pl.col("verdict").is_in([Verdict.FIRST.value, Verdict.SECOND.value])
    return (
        verdicts.lazy()
        .with_columns(worth=worth)
        .select("item", "sample", **in_order, first_picks=pl.col("verdict") == Verdict.FIRST.value, decisive=decisive)
        .group_by("item", "sample")
        .agg(
            pl.col(list(Order)).sum(),
            pl.col("first_picks", "decisive").sum(),
            **{f"n_{order}": pl.col(order).count() for order in Order},
        )
        .with_columns(n_verdicts=pl.col("n_forward") + pl.col("n_swapped"))
    )


def finished(folded: pl.LazyFrame) -> pl.DataFrame:
    """Add credit and outcome to rows that have the other columns of `FOLDED_SCHEMA`."""
    rows = folded.with_columns(credit=pl.mean_horizontal("forward", "swapped")).with_columns(outcome=_outcome())
    return rows.select(FOLDED_SCHEMA.names()).collect(engine="streaming")


def identical_items(ids: Sequence[str | None]) -> pl.DataFrame:
    """Return folded rows of items whose traces are the same bytes: ties that no judge was asked about.

    Args:
        ids: one each, None where it is not known.
    """
    tie = {"credit": HALF, "outcome": Outcome.TIE.value, **dict.fromkeys(COUNTS, 0)}
    unjudged = dict.fromkeys(["forward", "swapped", "consistent"])
    return pl.DataFrame([{"item": item, **tie, **unjudged} for item in ids], schema=FOLDED_SCHEMA)


def side(credit: pl.Expr) -> pl.Expr:
    """Return 1 where a credit is a's, -1 where it is b's, 0 where it is half but for the rounding of thirds."""
    return (credit - HALF).round(9).sign()


def _outcome() -> pl.Expr:
    """Return the outcome of an item: the side on which both orders' mean credits lie, else a split."""
    forward = side(pl.col("forward").fill_null(pl.col("swapped")))
    swapped = side(pl.col("swapped").fill_null(pl.col("forward")))
    return (
        pl.when(forward != swapped)
        .then(pl.lit(Outcome.SPLIT.value))
        .when(forward > 0)
        .then(pl.lit(Outcome.A.value))
        .when(forward < 0)
        .then(pl.lit(Outcome.B.value))
        .otherwise(pl.lit(Outcome.TIE.value))
    )
