"""Count how often a judge prefers a trace to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.core.controls.report import FalsePreference, SelfComparison
from judge.core.counted import Counted, cluster_codes
from judge.core.estimates import Ratio, estimate_rate
from judge.core.facts import judged_fields
from judge.core.ledger import DECISIONS
from judge.core.tally import fold
from judge.schema import Order, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    from judge.core.controls.moving import Heard
    from judge.core.estimates import Basis, Estimate
    from judge.core.facts import ItemFacts

WINNERS = [Verdict.FIRST.value, Verdict.SECOND.value]


def compare_with_itself(
    heard: Heard, criterion: str, exact: Collection[str], facts: ItemFacts | None, basis: Basis
) -> SelfComparison:
    """Count one judge's verdicts on traces that are shown twice.

    Args:
        heard: what the judge said.
        criterion: on which criterion.
        exact: the items whose two texts are the same bytes.
        facts: of the run's items, for their clusters.
        basis: how intervals are made.
    """
    items = judged_fields(facts, _items(heard, criterion))
    counted = Counted(items, cluster_codes(items), basis)
    is_exact = pl.col("item").is_in(list(exact))
    return SelfComparison(
        together=_preference(counted),
        exact=_preference(counted.part(is_exact)),
        rephrased=_preference(counted.part(~is_exact)),
    )


def _items(heard: Heard, criterion: str) -> pl.DataFrame:
    """Return one row an item: its verdicts and those naming a winner, by order, and whether both orders name one."""
    own = heard.verdicts.filter(pl.col("criterion") == criterion, pl.col("verdict").is_in(DECISIONS))
    names_one = pl.col("verdict").is_in(WINNERS)
    counts = own.group_by(pl.col("item").cast(pl.String)).agg(
        first=(pl.col("verdict") == Verdict.FIRST.value).sum(),
        **{f"n_{order}": (pl.col("order") == order.value).sum() for order in Order},
        **{f"named_{order}": (names_one & (pl.col("order") == order.value)).sum() for order in Order},
    )
    folded = fold(own, orders=heard.orders).filter(pl.col("consistent").is_not_null())
    agreed = pl.col("outcome").is_in([Outcome.A.value, Outcome.B.value]).cast(pl.Float64)
    return (
        counts.with_columns(
            named=pl.col("named_forward") + pl.col("named_swapped"), n=pl.col("n_forward") + pl.col("n_swapped")
        )
        .join(folded.select("item", agreed=agreed), on="item", how="left")
        .sort("item")
    )


def _preference(counted: Counted) -> FalsePreference:
    def share(numerator: str, denominator: str) -> Estimate:
        ratio = Ratio(counted.column(numerator), counted.column(denominator))
        return estimate_rate(ratio, counted.codes, counted.basis)

    agreed = counted.column("agreed")
    both_orders = Ratio(np.nan_to_num(agreed), (~np.isnan(agreed)).astype(np.float64))
    return FalsePreference(
        named=share("named", "n"),
        forward=share("named_forward", "n_forward"),
        swapped=share("named_swapped", "n_swapped"),
        consistent=estimate_rate(both_orders, counted.codes, counted.basis),
        first_slot=share("first", "named"),
    )
