"""Fold verdicts into outcomes and credits, one row an item and criterion."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from judge.enums import Orders
from judge.schema import Order, Outcome, Verdict, Winner

HALF = 0.5
CREDITS = {Winner.A: 1.0, Winner.TIE: HALF, Winner.B: 0.0, Winner.CANNOT_JUDGE: None}
"""What a verdict is worth to model a; None is no verdict on the criterion."""
FOLDED = ("item", "forward", "swapped", "credit", "outcome", "consistent", "first_picks", "decisive", "n_verdicts")
"""One row an item: `forward` and `swapped` are the mean credits of a in that order, null where not judged; `consistent`
is the share of complete samples whose orders agree, null with one order; the last three count verdicts."""
MEANS = ("forward", "swapped", "consistent")
COUNTS = ("first_picks", "decisive", "n_verdicts")
DECISIVE = (Verdict.FIRST, Verdict.SECOND)
DECISIONS = (*DECISIVE, Verdict.TIE)
OUTCOMES = pl.Enum(Outcome)


def winner(verdict: Verdict, order: Order) -> Winner:
    """Translate a verdict on slots into one on models (the only place that does)."""
    if verdict is Verdict.FIRST:
        return Winner.A if order is Order.FORWARD else Winner.B
    if verdict is Verdict.SECOND:
        return Winner.B if order is Order.FORWARD else Winner.A
    return Winner.TIE if verdict is Verdict.TIE else Winner.CANNOT_JUDGE


def with_credits(said: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `LatestJudgments.on` that decide, with `worth`: a's credit by each verdict."""
    # Not made on import: the threads that polars starts for it would be missing in a process forked later.
    worth = pl.DataFrame(
        [(order, verdict, CREDITS[winner(verdict, order)]) for order in Order for verdict in DECISIONS],
        schema={"order": pl.Enum(Order), "verdict": pl.Enum(Verdict), "worth": pl.Float64()},
        orient="row",
    )
    return said.join(worth, on=["order", "verdict"], maintain_order="left")


def fold(said: pl.DataFrame, *, orders: Orders, by: Sequence[str] = ("judge",)) -> pl.DataFrame:
    """Fold each judge's verdicts on one criterion to one row per item with a complete sample.

    A sample of an item is complete when every planned order has a verdict. Complete samples are averaged; an item
    without one is missing.

    Args:
        said: rows of `LatestJudgments.on`.
        orders: in which orders each item was to be judged.
        by: what is folded apart: each judge, or with `sample` each judge's each sample.

    Returns:
        Columns `by` and `FOLDED`, sorted by `by` and item.
    """
    verdict, decisive = pl.col("verdict"), pl.col("verdict") != Verdict.TIE
    by_order = {order.value: pl.when(pl.col("order") == order).then("worth") for order in Order}
    judged = [pl.col(order.value).is_not_null() for order in Order]
    samples = (
        with_credits(said)
        .with_columns(**by_order, first_picks=verdict == Verdict.FIRST, decisive=decisive)
        .group_by("judge", "sample", "item")
        .agg(pl.col(*by_order).mean(), pl.col("first_picks", "decisive").sum(), n_verdicts=pl.len())
        .filter(pl.all_horizontal(judged) if orders is Orders.BOTH else pl.any_horizontal(judged))
        .with_columns(consistent=(side("forward") == side("swapped")).cast(pl.Float64))
        .sort("sample")
    )
    return with_outcomes(
        samples.group_by(*by, "item").agg(pl.col(MEANS).mean(), pl.col(COUNTS).sum()).sort(*by, "item")
    )


def with_outcomes(folded: pl.DataFrame) -> pl.DataFrame:
    """Add credit and outcome to rows of `item`, `MEANS` and `COUNTS`; an item without verdicts is a tie.

    The outcome is the side on which both orders' mean credits lie, else a split.
    """
    forward = pl.coalesce("forward", "swapped", pl.lit(HALF))
    swapped = pl.coalesce("swapped", "forward", pl.lit(HALF))
    outcome = (
        pl.when(side(forward) != side(swapped))
        .then(pl.lit(Outcome.SPLIT.value))
        .when(side(forward) > 0)
        .then(pl.lit(Outcome.A.value))
        .when(side(forward) < 0)
        .then(pl.lit(Outcome.B.value))
        .otherwise(pl.lit(Outcome.TIE.value))
    )
    others = [name for name in folded.columns if name not in FOLDED]
    return folded.with_columns(
        pl.col(COUNTS).cast(pl.Int32), credit=(forward + swapped) / 2, outcome=outcome.cast(OUTCOMES)
    ).select(*others, *FOLDED)


def identical_items(ids: Sequence[str | None]) -> pl.DataFrame:
    """Return folded rows of items whose traces are the same bytes: ties that no judge was asked about.

    Args:
        ids: one each, None where it is not known.
    """
    items = pl.DataFrame({"item": ids}, schema={"item": pl.String})
    means = {name: pl.lit(None, dtype=pl.Float64) for name in MEANS}
    return with_outcomes(items.with_columns(**means, **dict.fromkeys(COUNTS, pl.lit(0))))


def side(credit: str | pl.Expr) -> pl.Expr:
    """Return 1 where a credit is a's, -1 where it is b's, 0 where it is half but for the rounding of thirds."""
    return ((pl.col(credit) if isinstance(credit, str) else credit) - HALF).round(9).sign()
