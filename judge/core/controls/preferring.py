"""Count how often a judge prefers a trace to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.core.controls.report import FalsePreference, SelfComparison
from judge.core.counted import Counted, cluster_codes
from judge.core.estimates import Ratio, estimate_rate
from judge.core.facts import judged_fields
from judge.core.ledger import DECISIONS
from judge.core.table import Table, sum_by
from judge.core.tally import DECISIVE, fold
from judge.schema import Order, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    from judge.core.columns import Mask
    from judge.core.controls.moving import Heard
    from judge.core.estimates import Basis, Estimate
    from judge.core.facts import ItemFacts
    from judge.core.stats.intervals import Floats


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
    is_exact = np.array([item in exact for item in items["item"]], dtype=bool)
    return SelfComparison(
        together=_preference(counted),
        exact=_preference(counted.part(is_exact)),
        rephrased=_preference(counted.part(~is_exact)),
    )


def _items(heard: Heard, criterion: str) -> Table:
    """Return one row an item: its verdicts and those naming a winner, by order, and whether both orders name one."""
    said = heard.settled.on(criterion)
    said = said.take(said.is_verdict(*DECISIONS))
    items, of = np.unique(said.rows.item, return_inverse=True)
    names_one = said.is_verdict(*DECISIVE)

    def count(which: Mask) -> Floats:
        return sum_by(of, which, len(items))

    in_order = {order.value: said.is_order(order) for order in Order}
    folded = fold(said, orders=heard.orders)
    folded = folded.take(~np.isnan(folded["consistent"]))
    agreed = np.isin(folded["outcome"], [Outcome.A.value, Outcome.B.value]).astype(np.float64)
    names = said.rows.items[items]
    return Table(
        {
            "item": names,
            "first": count(said.is_verdict(Verdict.FIRST)),
            **{f"n_{order}": count(shown) for order, shown in in_order.items()},
            **{f"named_{order}": count(names_one & shown) for order, shown in in_order.items()},
            "named": count(names_one),
            "n": count(np.ones(len(of), dtype=bool)),
            "agreed": folded.with_columns(agreed=agreed).take(folded.places(names))["agreed"],
        }
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
