"""Fold verdicts into outcomes and credits, one row an item and criterion."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from judge.enums import Orders
from judge.schema import Order, Outcome, Verdict, Winner

HALF = 0.5
CREDITS = {Winner.A: 1.0, Winner.TIE: HALF, Winner.B: 0.0, Winner.CANNOT_JUDGE: None}
"""What a verdict is worth to model a; None is no verdict on the criterion."""
ORDERS = ("forward", "swapped")
SIDED = ("on_forward", "on_swapped")
MEANS = (*ORDERS, *SIDED, "consistent")
COUNTS = ("first_picks", "decisive", "n_verdicts")
FOLDED = ("item", *ORDERS, *SIDED, "credit", "outcome", "consistent", *COUNTS)
"""One row an item: `forward` and `swapped` are the mean credits of a in that order, null where not judged; `on_forward`
and `on_swapped` are the same of the most probable verdicts, from which sides and outcomes follow; `consistent` is the
share of complete samples whose orders agree, null with one order; the last three count verdicts. Of soft verdicts, the
last four are expected values: of two verdicts drawn by the probabilities of either order."""
DECISIONS = (Verdict.FIRST, Verdict.SECOND, Verdict.TIE)
OUTCOMES = pl.Enum(Outcome)


def winner(verdict: Verdict, order: Order) -> Winner:
    """Translate a verdict on slots into one on models; `with_credits` does so with probabilities, and nothing else."""
    if verdict is Verdict.FIRST:
        return Winner.A if order is Order.FORWARD else Winner.B
    if verdict is Verdict.SECOND:
        return Winner.B if order is Order.FORWARD else Winner.A
    return Winner.TIE if verdict is Verdict.TIE else Winner.CANNOT_JUDGE


def with_credits(said: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `LatestJudgments.on` that decide, with a's credits.

    A hard verdict is the soft one with probability 1: `p_first`, `p_tie` and `p_second` are there in all rows. Added
    are `on`, a's credit by the most probable verdict, and `worth`, by the probabilities: a's and half of a tie's.
    """
    # Not made on import: the threads that polars starts for it would be missing in a process forked later.
    on = pl.DataFrame(
        [(order, verdict, CREDITS[winner(verdict, order)]) for order in Order for verdict in DECISIONS],
        schema={"order": pl.Enum(Order), "verdict": pl.Enum(Verdict), "on": pl.Float64()},
        orient="row",
    )
    hard = {f"p_{verdict}": (pl.col("verdict") == verdict).cast(pl.Float64) for verdict in DECISIONS}
    for_first = (pl.col("p_first") - pl.col("p_second")) / 2  # exchanging the models changes no more than its sign
    return (
        said.join(on, on=["order", "verdict"], maintain_order="left")
        .with_columns(**{name: pl.coalesce(name, own) for name, own in hard.items()})
        .with_columns(worth=HALF + pl.when(pl.col("order") == Order.FORWARD).then(for_first).otherwise(-for_first))
    )


def fold(said: pl.DataFrame, *, orders: Orders, by: Sequence[str] = ("judge",)) -> pl.DataFrame:
    """Fold each judge's verdicts on one criterion to one row per item with a complete sample.

    A sample of an item is complete when every planned order has a verdict. Complete samples are averaged; an item
    without one is missing. The orders of a sample agree with the probability that verdicts drawn from both are the
    same: with d the difference of a's and b's probabilities in an order, and s their sum, (s s' + d d') / 2 for the
    same model and (1 - s)(1 - s') for a tie.

    Args:
        said: rows of `LatestJudgments.on`.
        orders: in which orders each item was to be judged.
        by: what is folded apart: each judge, or with `sample` each judge's each sample.

    Returns:
        Columns `by` and `FOLDED`, sorted by `by` and item.
    """
    parts = {"": "worth", "on_": "on", "decisive_": "decisive"}
    by_order = {
        f"{part}{order}": pl.when(pl.col("order") == order).then(column)
        for part, column in parts.items()
        for order in Order
    }
    judged = [pl.col(order).is_not_null() for order in ORDERS]
    d, d_swapped = (2 * pl.col(order) - 1 for order in ORDERS)
    s, s_swapped = (pl.col(f"decisive_{order}") for order in ORDERS)
    samples = (
        with_credits(said)
        .with_columns(first_picks="p_first", decisive=pl.col("p_first") + pl.col("p_second"))
        .with_columns(**by_order)
        .group_by("judge", "sample", "item")
        .agg(pl.col(*by_order).mean(), pl.col("first_picks", "decisive").sum(), n_verdicts=pl.len())
        .filter(pl.all_horizontal(judged) if orders is Orders.BOTH else pl.any_horizontal(judged))
        .with_columns(consistent=(s * s_swapped + d * d_swapped) / 2 + (1 - s) * (1 - s_swapped))
        .sort("sample")
    )
    return with_outcomes(
        samples.group_by(*by, "item").agg(pl.col(MEANS).mean(), pl.col(COUNTS).sum()).sort(*by, "item")
    )


def with_outcomes(folded: pl.DataFrame) -> pl.DataFrame:
    """Add credit and outcome to rows of `item`, `MEANS` and `COUNTS`; an item without verdicts is a tie.

    The outcome is the side on which both orders' most probable verdicts lie in the mean, else a split.
    """
    (forward, swapped), (on, on_swapped) = (
        (pl.coalesce(one, other, pl.lit(HALF)), pl.coalesce(other, one, pl.lit(HALF))) for one, other in (ORDERS, SIDED)
    )
    outcome = (
        pl.when(side(on) != side(on_swapped))
        .then(pl.lit(Outcome.SPLIT.value))
        .when(side(on) > 0)
        .then(pl.lit(Outcome.A.value))
        .when(side(on) < 0)
        .then(pl.lit(Outcome.B.value))
        .otherwise(pl.lit(Outcome.TIE.value))
    )
    others = [name for name in folded.columns if name not in FOLDED]
    return folded.with_columns(
        pl.col("n_verdicts").cast(pl.Int32),
        pl.col("first_picks", "decisive").cast(pl.Float64),
        credit=(forward + swapped) / 2,
        outcome=outcome.cast(OUTCOMES),
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
