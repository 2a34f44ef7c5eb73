"""Fold verdicts into outcomes and credits, one row an item and criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.core.columns import ORDERS, VERDICTS, Spoken
from judge.core.stats.clusters import distinct_kinds
from judge.core.table import Kinds, Table, sum_by, texts
from judge.enums import Orders
from judge.schema import Order, Outcome, Verdict, Winner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from judge.core.stats.intervals import Floats
    from judge.core.table import Column

HALF = 0.5
CREDITS = {Winner.A: 1.0, Winner.TIE: HALF, Winner.B: 0.0, Winner.CANNOT_JUDGE: None}
"""What a verdict is worth to model a; None is no verdict on the criterion."""
FOLDED = ("item", "forward", "swapped", "credit", "outcome", "consistent", "first_picks", "decisive", "n_verdicts")
"""One row an item: `forward` and `swapped` are the mean credits of a in that order, NaN where not judged; `consistent`
is the share of complete samples whose orders agree, NaN with one order; the last three count verdicts."""
COUNTS = ("first_picks", "decisive", "n_verdicts")
VERDICT_COLUMNS = ("forward", "swapped", "consistent", *COUNTS)
"""what the others follow from"""
COUNT_TYPE = np.int32
DECISIVE = (Verdict.FIRST, Verdict.SECOND)


def winner(verdict: Verdict, order: Order) -> Winner:
    """Undo the order of a verdict: the one place where slot words become model words."""
    if verdict is Verdict.FIRST:
        return Winner.A if order is Order.FORWARD else Winner.B
    if verdict is Verdict.SECOND:
        return Winner.B if order is Order.FORWARD else Winner.A
    return Winner.TIE if verdict is Verdict.TIE else Winner.CANNOT_JUDGE


_WORTH = np.array([[CREDITS[winner(verdict, order)] for verdict in VERDICTS] for order in ORDERS], dtype=np.float64)
"""by the codes of order and verdict; NaN where it is no verdict"""


def fold(said: Spoken, *, orders: Orders) -> Table:
    """Fold what one judge says on one criterion to one row per item that has what its rate needs.

    A sample of an item is complete when every planned order has a verdict. Complete samples are averaged; an item
    without one is missing.

    Args:
        said: of one judge, in any order.
        orders: in which orders each item was to be judged.

    Returns:
        Columns `FOLDED`, sorted by item.
    """
    samples = _samples(said)
    judged = [samples[f"n_{order}"] > 0 for order in Order]
    complete = samples.take((np.logical_and if orders is Orders.BOTH else np.logical_or).reduce(judged))
    items, of = np.unique(complete["item"], return_inverse=True)
    forward, swapped = complete["forward"], complete["swapped"]
    consistent = np.where(np.isnan(forward + swapped), np.nan, side(forward) == side(swapped))
    means = {"forward": forward, "swapped": swapped, "consistent": consistent}
    named = said.rows.items
    return finished(
        {
            "item": named if len(items) == len(named) else named[items],  # held once for all criteria
            **{name: _mean(of, values, len(items)) for name, values in means.items()},
            **{name: sum_by(of, complete[name], len(items)) for name in COUNTS},
        }
    )


def _samples(said: Spoken) -> Table:
    """Return one row an item and sample that has a verdict: by order, mean credits and verdicts; and counts."""
    said = said.take(said.is_verdict(*DECISIVE, Verdict.TIE))
    rows = said.rows
    samples, sample = np.unique(rows.sample, return_inverse=True)
    pairs, of = np.unique(rows.item.astype(np.int64) * max(1, len(samples)) + sample, return_inverse=True)

    def count(values: Column) -> Floats:
        return sum_by(of, values, len(pairs))

    worth = _WORTH[rows.order, said.verdict]
    numbers = {order: count(said.is_order(order)) for order in Order}
    with np.errstate(invalid="ignore"):
        credits_ = {order.value: count(worth * said.is_order(order)) / numbers[order] for order in Order}
    return Table(
        {
            "item": pairs // max(1, len(samples)),
            **credits_,
            **{f"n_{order}": number for order, number in numbers.items()},
            "first_picks": count(said.is_verdict(Verdict.FIRST)),
            "decisive": count(said.is_verdict(*DECISIVE)),
            "n_verdicts": numbers[Order.FORWARD] + numbers[Order.SWAPPED],
        }
    )


def _mean(of: Column, values: Floats, n: int) -> Floats:
    """Return the mean of the known values of each of n groups; NaN where none is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return sum_by(of[known], values[known], n) / np.bincount(of[known], minlength=n)


def finished(columns: Mapping[str, Column]) -> Table:
    """Add credit and outcome to `VERDICT_COLUMNS` and `item`; without either order it is a tie.

    Returns:
        Columns `FOLDED`, all but `item` held once a kind of item.
    """
    rows, of_row = distinct_kinds([columns[name] for name in VERDICT_COLUMNS])
    kinds = dict(zip(VERDICT_COLUMNS, rows.T, strict=True))
    kinds |= {name: kinds[name].astype(COUNT_TYPE) for name in COUNTS}
    forward, swapped = kinds["forward"], kinds["swapped"]
    forward, swapped = _first_known(forward, swapped), _first_known(swapped, forward)
    kinds |= {"credit": (forward + swapped) / 2, "outcome": _outcomes(forward, swapped)}
    return Table({"item": columns["item"]}, Kinds(Table(kinds).select(*FOLDED[1:]), of_row))


def _first_known(credit: Floats, other: Floats) -> Floats:
    """Return a credit where it is known, else the other, else that of a tie."""
    return np.where(np.isnan(credit), np.where(np.isnan(other), HALF, other), credit)


def identical_items(ids: Sequence[str | None]) -> Table:
    """Return folded rows of items whose traces are the same bytes: ties that no judge was asked about.

    Args:
        ids: one each, None where it is not known.
    """
    values = {name: 0.0 if name in COUNTS else np.nan for name in VERDICT_COLUMNS}
    return finished({"item": texts(ids), **{name: np.full(len(ids), value) for name, value in values.items()}})


def side(credit: Floats) -> Floats:
    """Return 1 where a credit is a's, -1 where it is b's, 0 where it is half but for the rounding of thirds."""
    return np.asarray(np.sign((credit - HALF).round(9)))


def _outcomes(forward: Floats, swapped: Floats) -> Floats:
    """Return the outcome of each item: the side on which both orders' mean credits lie, else a split."""
    by_side = texts([Outcome.TIE.value, Outcome.A.value, Outcome.B.value, Outcome.SPLIT.value])
    agreed = side(forward).astype(np.int8)  # -1 stands for b from the end
    codes = np.where(agreed < 0, 2, agreed)
    return by_side[np.where(side(forward) == side(swapped), codes, 3)]
