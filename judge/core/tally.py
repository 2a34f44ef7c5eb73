"""Fold verdicts into outcomes and credits, one row an item and criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.core.planning import Orders
from judge.schema import Failed, Judged, Judgment, Order, Outcome, Usage, Verdict, Winner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERDICTS_SCHEMA = pl.Schema(
    {
        "item": pl.String,
        "judge": pl.String,
        "sample": pl.Int32,
        "order": pl.String,
        "criterion": pl.String,
        "verdict": pl.String,
        "failure": pl.String,
    }
)
"""One row a request and criterion: a verdict, or the kind of failure."""

HALF = 0.5
CREDITS = {Winner.A: 1.0, Winner.TIE: HALF, Winner.B: 0.0, Winner.CANNOT_JUDGE: None}
"""What a verdict is worth to model a; None is no verdict on the criterion."""


def winner(verdict: Verdict, order: Order) -> Winner:
    """Undo the order of a verdict: the one place where slot words become model words."""
    if verdict is Verdict.FIRST:
        return Winner.A if order is Order.FORWARD else Winner.B
    if verdict is Verdict.SECOND:
        return Winner.B if order is Order.FORWARD else Winner.A
    return Winner.TIE if verdict is Verdict.TIE else Winner.CANNOT_JUDGE


class Settled(NamedTuple):
    """One judgment per key, its reply left out, and what all replies were billed for."""

    judgments: tuple[Judgment, ...]
    usage: dict[str, Usage]


def settle(judgments: Iterable[Judgment]) -> Settled:
    """Keep, of all judgments with the same key, the last that has verdicts, else the last failure."""
    latest: dict[str, Judgment] = {}
    usage: dict[str, Usage] = {}
    for judgment in judgments:
        for reply in judgment.replies:
            usage[judgment.judge] = usage.get(judgment.judge, Usage()) + reply.usage
        if counts_before(judgment, latest.get(judgment.key)):
            latest[judgment.key] = judgment.model_copy(update={"reply": None, "attempts": ()})
    return Settled(tuple(latest.values()), dict(sorted(usage.items())))


def counts_before(judgment: Judgment, known: Judgment | None) -> bool:
    """Tell whether a judgment takes the place of an earlier one with the same key: unless only that has verdicts."""
    return known is None or isinstance(judgment.result, Judged) or not isinstance(known.result, Judged)


def verdict_rows(judgments: Iterable[Judgment], criteria: Sequence[str]) -> pl.DataFrame:
    """Return one row of `VERDICTS_SCHEMA` per judgment and criterion; a failure is a null verdict."""
    rows: list[tuple[str, str, int, str, str, str | None, str | None]] = []
    for judgment in judgments:
        asked = (judgment.item, judgment.judge, judgment.sample, judgment.order.value)
        match judgment.result:
            case Judged(verdicts=verdicts):
                rows += [(*asked, criterion, verdict.value, None) for criterion, verdict in verdicts.items()]
            case Failed(criterion=criterion, failure=failure):
                rows += [(*asked, name, None, failure.value) for name in ([criterion] if criterion else criteria)]
    return pl.DataFrame(rows, schema=VERDICTS_SCHEMA, orient="row")


def fold(verdicts: pl.DataFrame, *, judges: Sequence[str], orders: Orders) -> pl.DataFrame:
    """Fold verdicts to one row per criterion and item that has what its rate needs.

    A judge's sample of an item is complete when every planned order has a verdict. Complete samples are averaged per
    judge, judges with equal weight; an item is in the result when every judge has a complete sample, else it is
    missing.

    Args:
        verdicts: rows of `VERDICTS_SCHEMA`, in any order.
        judges: the panel.
        orders: in which orders each item was to be judged.

    Returns:
        Columns criterion, item, forward and swapped (mean credit of a in that order, null where not judged), credit,
        outcome, consistent (share of complete samples whose orders agree, null with one order), first_picks, decisive
        and n_verdicts (counts of verdicts), sorted by criterion and item.
    """
    samples = _samples(verdicts, orders)
    credits_ = ["forward", "swapped", "consistent"]
    counts = ["first_picks", "decisive", "n_verdicts"]
    per_judge = samples.group_by("criterion", "item", "judge").agg(pl.col(credits_).mean(), pl.col(counts).sum())
    per_item = (
        per_judge.sort("criterion", "item", "judge")
        .group_by("criterion", "item", maintain_order=True)
        .agg(pl.col(credits_).mean(), pl.col(counts).sum(), judges=pl.len())
        .filter(pl.col("judges") == len(judges))
        .with_columns(credit=pl.mean_horizontal("forward", "swapped"))
    )
    return per_item.with_columns(outcome=_outcome()).drop("judges")


def identical_items(count: int) -> pl.DataFrame:
    """Return folded rows of items whose traces are the same bytes: ties that no judge was asked about."""
    tie = {"credit": HALF, "outcome": Outcome.TIE.value, "first_picks": 0, "decisive": 0, "n_verdicts": 0}
    unjudged = dict.fromkeys(["forward", "swapped", "consistent"])
    schema = {"credit": pl.Float64, "outcome": pl.String, "forward": pl.Float64, "swapped": pl.Float64}
    schema |= {"consistent": pl.Float64, "first_picks": pl.Int64, "decisive": pl.Int64, "n_verdicts": pl.Int64}
    return pl.DataFrame([{**tie, **unjudged}] * count, schema=schema)


def _samples(verdicts: pl.DataFrame, orders: Orders) -> pl.DataFrame:
    """Return one row per complete sample of a judge on an item and criterion."""
    crossing = pl.DataFrame(
        [(o.value, v.value, CREDITS[winner(v, o)]) for o in Order for v in Verdict],
        schema={"order": pl.String, "verdict": pl.String, "credit": pl.Float64},
        orient="row",
    )
    in_order = {order: pl.col("credit").filter(pl.col("order") == order.value).first() for order in Order}
    complete = pl.col("forward").is_not_null() & pl.col("swapped").is_not_null()
    if orders is Orders.ONE:
        complete = pl.col("forward").is_not_null() | pl.col("swapped").is_not_null()
    side_agrees = side(pl.col("forward")) == side(pl.col("swapped"))
    return (
        verdicts.join(crossing, on=["order", "verdict"], how="left")
        .group_by("criterion", "item", "judge", "sample")
        .agg(
            forward=in_order[Order.FORWARD],
            swapped=in_order[Order.SWAPPED],
            first_picks=(pl.col("verdict") == Verdict.FIRST.value).sum().cast(pl.Int64),
            decisive=pl.col("verdict").is_in([Verdict.FIRST.value, Verdict.SECOND.value]).sum().cast(pl.Int64),
            n_verdicts=pl.len().cast(pl.Int64),
        )
        .filter(complete)
        .with_columns(consistent=side_agrees.cast(pl.Float64))
    )


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
