"""Effects of a control: its verdicts against the run's own, item by item."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.enums import Method
from judge.outcomes.counted_items import CriterionItems
from judge.outcomes.rates import DIGITS, Estimate, Figure, Ratio, estimate_rate, rounded_p
from judge.outcomes.tally import FOLDED, fold, identical_items, with_credits
from judge.report.control_report import MARGIN, ControlEffect, Effect, FalsePreference, SelfComparison
from judge.schema import Order, Outcome, Verdict
from judge.stats.bounded_mean import equivalence_p_value, mean_p_value
from judge.stats.significance import ALPHA, holm

if TYPE_CHECKING:
    from judge.enums import Orders
    from judge.outcomes.item_features import ItemFeatures
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.outcomes.rates import Basis
    from judge.stats.significance import Distribution

CANNOT_JUDGE = Verdict.CANNOT_JUDGE.value


class JudgeVerdicts(NamedTuple):
    """Verdicts of the judges in a run or a control."""

    latest: LatestJudgments
    orders: Orders
    identical: Sequence[str] = ()
    """items whose traces look the same: ties that were not asked"""

    def of(self, judge: str) -> JudgeVerdicts:
        """Return the verdicts of one judge."""
        return self._replace(latest=self.latest.of(judge))

    def about(self, items: Collection[str]) -> JudgeVerdicts:
        """Return the verdicts on some items."""
        return self._replace(latest=self.latest.about(items), identical=[i for i in self.identical if i in items])


def item_states(verdicts: JudgeVerdicts, criterion: str) -> pl.DataFrame:
    """Return item, state and credit of each item that one judge has judged, sorted by item.

    The state is the outcome, or `cannot_judge` (without a credit) where the judge said so and no call failed.
    """
    said = verdicts.latest.on(criterion)
    folded = pl.concat(
        [fold(said, orders=verdicts.orders).select(FOLDED), identical_items(sorted(verdicts.identical))]
    ).select("item", "credit", state=pl.col("outcome").cast(pl.String))
    undecided = (pl.col("verdict") == Verdict.CANNOT_JUDGE).any() & pl.col("failure").is_null().all()
    withheld = (
        said.join(folded, on="item", how="anti")
        .group_by("item")
        .agg(undecided=undecided)
        .filter("undecided")
        .select("item", credit=pl.lit(None, dtype=pl.Float64), state=pl.lit(CANNOT_JUDGE))
    )
    return pl.concat([folded, withheld]).sort("item", maintain_order=True)


class Trial(NamedTuple):
    """Verdicts on the same items in the run, the control and its repetition."""

    run: JudgeVerdicts
    """with no more than the items of the control"""
    control: JudgeVerdicts
    repeat: JudgeVerdicts | None
    """the run's own prompts asked again; None: the control is this very one"""

    def of(self, judge: str) -> Trial:
        """Return the verdicts of one judge."""
        return Trial(self.run.of(judge), self.control.of(judge), None if self.repeat is None else self.repeat.of(judge))


class ChangeTest(NamedTuple):
    """The sign-flip test that a difference between run and control is 0 on average."""

    p_value: float
    p_method: Distribution
    p_adjusted: float
    """after Holm over both differences of all criteria"""


def compare_judge(
    trial: Trial, criteria: Sequence[str], features: ItemFeatures | None, basis: Basis
) -> dict[str, ControlEffect]:
    """Compare one judge's verdicts in the run and in a control, criterion by criterion.

    Args:
        trial: what that judge said.
        criteria: of the rubric.
        features: of the run's items, for their clusters.
        basis: how intervals are made.
    """
    counted = {name: CriterionItems.of(_differences(trial, name), features, basis) for name in criteria}
    tests = {
        (name, column): items.sign_flip(np.nan_to_num(items.column(column)))
        for column in ("shift", "excess")
        for name, items in counted.items()
        if not items.items[column].is_null().all()
    }
    adjusted = dict(zip(tests, holm(np.array([test.p_value for test in tests.values()])).tolist(), strict=True))

    def tested(name: str, column: str) -> ChangeTest | None:
        test = tests.get((name, column))
        return test and ChangeTest(test.p_value, test.distribution, adjusted[name, column])

    return {
        name: _effect_on(items, tested(name, "shift"), tested(name, "excess"), is_repeat=trial.repeat is None)
        for name, items in counted.items()
    }


def _differences(trial: Trial, criterion: str) -> pl.DataFrame:
    """Return the differences between run and control, one row an item in both; null where undefined."""
    run, control = item_states(trial.run, criterion), item_states(trial.control, criterion)
    repeat = run.clear() if trial.repeat is None else item_states(trial.repeat, criterion)
    changed, repeated = (
        (pl.col("state") != pl.col(f"state_{other}")).cast(pl.Float64) for other in ("control", "repeat")
    )
    return (
        run.join(control, on="item", suffix="_control", maintain_order="left")
        .join(repeat, on="item", how="left", suffix="_repeat", maintain_order="left")
        .select(
            "item",
            changed=changed,
            repeated=repeated,
            withdrawn=(pl.col("state") != CANNOT_JUDGE) & (pl.col("state_control") == CANNOT_JUDGE),
            shift=pl.col("credit_control") - pl.col("credit"),
            excess=changed - repeated,
        )
    )


def _effect_on(
    counted: CriterionItems, shift: ChangeTest | None, excess: ChangeTest | None, *, is_repeat: bool
) -> ControlEffect:
    return ControlEffect(
        n=len(counted.items),
        changed=counted.mean("changed"),
        withdrawn=int(counted.items["withdrawn"].sum()),
        repeated=None if is_repeat else counted.mean("repeated"),
        excess=None if is_repeat else difference(counted, "excess"),
        shift=difference(counted, "shift", of_a=True),
        p_value=None if shift is None else rounded_p(shift.p_value),
        p_method=None if shift is None else shift.p_method,
        p_adjusted=None if shift is None else rounded_p(shift.p_adjusted),
        excess_p=None if excess is None else rounded_p(excess.p_value),
        excess_p_adjusted=None if excess is None else rounded_p(excess.p_adjusted),
        effect=None if is_repeat else _effect(counted, shift, excess),
    )


def difference(counted: CriterionItems, name: str, *, of_a: bool = False) -> Figure:
    """Return the mean of a column of differences in [-1, 1], with its interval.

    The interval is that of the rate (1 + d) / 2, stretched, by the Jeffreys bootstrap whatever the report's method: a
    difference that is 0 on every item keeps one, as narrow as that many items allow. (At a rate of 1/2 the percentile
    bootstrap would collapse to a point, and Wilson's interval would take it for that of a coin.)

    Args:
        counted: the items.
        name: of the column.
        of_a: its sign is turned when the models are exchanged.
    """
    credit = Ratio.over_known((1 + counted.column(name)) / 2, complement=of_a)
    rate = estimate_rate(credit, counted.codes, counted.basis._replace(method=Method.JEFFREYS))
    ends = {"estimate": rate.estimate, "low": rate.low, "high": rate.high}
    stretched = {end: None if value is None else round(2 * value - 1, DIGITS) for end, value in ends.items()}
    return Figure(**stretched, se=None if rate.se is None else round(2 * rate.se, DIGITS))


def _effect(counted: CriterionItems, shift: ChangeTest | None, excess: ChangeTest | None) -> Effect:
    """Conclude whether a control moves a criterion: yes, no within the margin, or unclear.

    As in `report.conclusions`, the margin goes before the p-value.
    """
    if _outside(counted) <= ALPHA:
        return Effect.NO_EFFECT
    changes_more = excess is not None and np.nanmean(counted.column("excess")) > 0
    if (shift and shift.p_adjusted <= ALPHA) or (excess and changes_more and excess.p_adjusted <= ALPHA):
        return Effect.MOVES
    return Effect.UNCLEAR


def _outside(counted: CriterionItems) -> float:
    """Return the p-value of the hypothesis that `excess` reaches the margin, or `shift` lies outside of it."""
    excess, sizes = counted.unit_sums(counted.column("excess"))
    shift, shifted = counted.unit_sums(counted.column("shift"))
    if not len(excess):
        return 1.0
    reaches = mean_p_value(MARGIN * sizes - excess, (1 - MARGIN) * float(sizes.max()))
    return max(reaches, equivalence_p_value(shift / 2, shifted, MARGIN / 2))


def compare_with_itself(
    verdicts: JudgeVerdicts, criterion: str, exact: Collection[str], features: ItemFeatures | None, basis: Basis
) -> SelfComparison:
    """Count one judge's verdicts on traces that are shown twice.

    Args:
        verdicts: what the judge said.
        criterion: on which criterion.
        exact: the items whose two texts are the same bytes.
        features: of the run's items, for their clusters.
        basis: how intervals are made.
    """
    counted = CriterionItems.of(_own_preferences(verdicts, criterion), features, basis)
    is_exact = pl.col("item").is_in(list(exact))
    return SelfComparison(
        together=_preference(counted),
        exact=_preference(counted.where(is_exact)),
        rephrased=_preference(counted.where(~is_exact)),
    )


def _own_preferences(verdicts: JudgeVerdicts, criterion: str) -> pl.DataFrame:
    """Return one row an item: its verdicts and those naming a winner, by order, and whether both orders name one."""
    said = with_credits(verdicts.latest.on(criterion))
    names_one = pl.col("p_first") + pl.col("p_second")
    shown = {order.value: pl.col("order") == order for order in Order}
    agreed = (
        fold(said.drop("on", "worth"), orders=verdicts.orders)
        .filter(pl.col("consistent").is_not_null())
        .select("item", agreed=pl.col("outcome").is_in([Outcome.A, Outcome.B]).cast(pl.Float64))
    )
    counts = said.group_by("item").agg(
        first=pl.col("p_first").sum(),
        **{f"n_{order}": is_shown.sum() for order, is_shown in shown.items()},
        **{f"named_{order}": names_one.filter(is_shown).sum() for order, is_shown in shown.items()},
        named=names_one.sum(),
        n=pl.len(),
    )
    return counts.join(agreed, on="item", how="left").sort("item")


def _preference(counted: CriterionItems) -> FalsePreference:
    def share(numerator: str, denominator: str) -> Estimate:
        ratio = Ratio(counted.column(numerator), counted.column(denominator))
        return estimate_rate(ratio, counted.codes, counted.basis)

    return FalsePreference(
        named=share("named", "n"),
        forward=share("named_forward", "n_forward"),
        swapped=share("named_swapped", "n_swapped"),
        consistent=counted.mean("agreed"),
        first_slot=share("first", "named"),
    )
