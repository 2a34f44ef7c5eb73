"""Hold a control's verdicts against the run's own, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.core.controls.report import MARGIN, Effect, Moved
from judge.core.conclusions import EQUIVALENCE_LEVEL
from judge.core.counted import Counted, cluster_codes
from judge.core.estimates import DIGITS, Estimate, Figure, Ratio, estimate_rate, rounded_p
from judge.core.facts import judged_fields
from judge.core.stats.clusters import sum_by_cluster
from judge.core.stats.sign_flip import sign_flip
from judge.core.stats.significance import ALPHA, holm
from judge.core.tally import fold, identical_items
from judge.schema import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.core.estimates import Basis
    from judge.core.facts import ItemFacts
    from judge.core.planning import Orders
    from judge.core.stats.sign_flip import SignFlip

CANNOT_JUDGE = Verdict.CANNOT_JUDGE.value


class Heard(NamedTuple):
    """What one judge said in a run or a control."""

    verdicts: pl.DataFrame
    """rows of `VERDICTS_SCHEMA`"""
    orders: Orders
    identical: Sequence[str] = ()
    """items whose traces look the same: ties that were not asked"""

    def of(self, judge: str) -> Heard:
        """Return what one judge said."""
        return self._replace(verdicts=self.verdicts.filter(pl.col("judge") == judge))


def states(heard: Heard, criterion: str) -> pl.DataFrame:
    """Return one row an item on which the judge said something: columns item, state and credit.

    The state is the outcome, or `cannot_judge` (without a credit) where the judge said so and no call failed.
    """
    own = heard.verdicts.filter(pl.col("criterion") == criterion)
    outcomes = pl.concat([fold(own, orders=heard.orders), identical_items(sorted(heard.identical))])
    known = outcomes.select("item", "credit", state="outcome")
    undecided = (
        own.group_by(pl.col("item").cast(pl.String))
        .agg(undecided=(pl.col("verdict") == CANNOT_JUDGE).any(), failed=pl.col("failure").is_not_null().any())
        .filter("undecided", ~pl.col("failed"))
        .join(known, on="item", how="anti")
        .select("item", credit=pl.lit(None, dtype=pl.Float64), state=pl.lit(CANNOT_JUDGE))
    )
    return pl.concat([known, undecided]).select("item", "state", "credit").sort("item")


def compare_judge(
    run: Heard,
    control: Heard,
    repeat: Heard | None,
    criteria: Sequence[str],
    facts: ItemFacts | None,
    basis: Basis,
) -> dict[str, Moved]:
    """Compare what one judge said in the run and in a control, criterion by criterion.

    Args:
        run: with no more than the items of the control.
        control: the changed prompts.
        repeat: the run's own prompts asked again; None: the control is this very one.
        criteria: of the rubric.
        facts: of the run's items, for their clusters.
        basis: how intervals are made.
    """
    joined = {
        name: _join(states(run, name), states(control, name), None if repeat is None else states(repeat, name))
        for name in criteria
    }
    counted = {name: _counted(items, facts, basis) for name, items in joined.items()}
    tests = {name: _test(items) for name, items in counted.items()}
    adjusted = holm(np.array([test.p_value for test in tests.values()]))
    return {
        name: _moved(counted[name], tests[name], float(p_adjusted), is_repeat=repeat is None)
        for name, p_adjusted in zip(criteria, adjusted, strict=True)
    }


def _join(run: pl.DataFrame, control: pl.DataFrame, repeat: pl.DataFrame | None) -> pl.DataFrame:
    """Return one row an item that is in the run and the control, with what differs; null where it cannot be known."""
    again = run.clear() if repeat is None else repeat
    return (
        run.join(control, on="item", suffix="_control")
        .join(again.select("item", state_again="state"), on="item", how="left")
        .select(
            "item",
            changed=(pl.col("state") != pl.col("state_control")).cast(pl.Float64),
            repeated=(pl.col("state") != pl.col("state_again")).cast(pl.Float64),
            withdrawn=(pl.col("state") != CANNOT_JUDGE) & (pl.col("state_control") == CANNOT_JUDGE),
            shift=pl.col("credit_control") - pl.col("credit"),
        )
        .with_columns(excess=pl.col("changed") - pl.col("repeated"))
        .sort("item")
    )


def _counted(items: pl.DataFrame, facts: ItemFacts | None, basis: Basis) -> Counted:
    known = judged_fields(facts, items)
    return Counted(known, cluster_codes(known), basis)


def _test(counted: Counted) -> SignFlip:
    """Test that the control shifts no credit."""
    shifts = np.nan_to_num(counted.column("shift"))
    return sign_flip(sum_by_cluster(shifts[:, None], counted.codes)[:, 0], seed=counted.basis.seed)


def _moved(counted: Counted, test: SignFlip, p_adjusted: float, *, is_repeat: bool) -> Moved:
    return Moved(
        n=len(counted.items),
        changed=_share(counted, "changed"),
        withdrawn=int(counted.items["withdrawn"].sum()),
        repeated=None if is_repeat else _share(counted, "repeated"),
        excess=None if is_repeat else difference(counted, "excess"),
        shift=difference(counted, "shift", of_a=True),
        p_value=rounded_p(test.p_value),
        p_method=test.distribution,
        p_adjusted=rounded_p(p_adjusted),
        effect=None if is_repeat else _effect(counted, p_adjusted),
    )


def _share(counted: Counted, name: str) -> Estimate:
    values = counted.column(name)
    return estimate_rate(
        Ratio(np.nan_to_num(values), (~np.isnan(values)).astype(np.float64)), counted.codes, counted.basis
    )


def difference(counted: Counted, name: str, *, of_a: bool = False) -> Figure:
    """Return the mean of a column of differences in [-1, 1], with its interval: that of the rate (1 + d) / 2, stretched.

    So a difference that is 0 on every item keeps an interval, as narrow as that many items allow.

    Args:
        counted: the items.
        name: of the column.
        of_a: its sign is turned when the models are exchanged.
    """
    values = counted.column(name)
    there = (~np.isnan(values)).astype(np.float64)
    ratio = Ratio((1 + np.nan_to_num(values)) / 2 * there, there, complement=of_a)
    rate = estimate_rate(ratio, counted.codes, counted.basis)
    ends = {end: getattr(rate, end) for end in Figure.model_fields}
    return Figure(**{end: None if value is None else round(2 * value - 1, DIGITS) for end, value in ends.items()})


def _effect(counted: Counted, p_adjusted: float) -> Effect:
    """Say whether a criterion moves; what cannot be shown to move, or to stand still within the margin, is unclear.

    As in `core.conclusions`, the margin goes before the p-value.
    """
    within = counted._replace(basis=counted.basis._replace(level=EQUIVALENCE_LEVEL))
    excess, shift = difference(within, "excess"), difference(within, "shift", of_a=True)
    if None not in {excess.high, shift.low, shift.high} and _is_small(excess, shift):
        return Effect.STILL
    beyond = difference(counted, "excess").low
    if (beyond is not None and beyond > 0) or p_adjusted <= ALPHA:
        return Effect.MOVES
    return Effect.UNCLEAR


def _is_small(excess: Figure, shift: Figure) -> bool:
    """Tell whether hardly more items change than by themselves, and the win rate stays where it was."""
    assert excess.high is not None and shift.low is not None and shift.high is not None  # noqa: PT018, S101 - asked before
    return excess.high < MARGIN and -MARGIN < shift.low and shift.high < MARGIN
