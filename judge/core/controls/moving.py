"""Hold a control's verdicts against the run's own, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.core.conclusions import EQUIVALENCE_LEVEL
from judge.core.controls.report import MARGIN, Effect, Moved
from judge.core.counted import Counted, cluster_codes
from judge.core.estimates import DIGITS, Estimate, Figure, Ratio, estimate_rate, rounded_p
from judge.core.facts import judged_fields
from judge.core.stats.clusters import sum_by_cluster
from judge.core.stats.sign_flip import sign_flip
from judge.core.stats.significance import ALPHA, holm
from judge.core.table import Table, stack, texts
from judge.core.tally import fold, identical_items
from judge.enums import Method
from judge.schema import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from judge.core.columns import Settled
    from judge.core.estimates import Basis
    from judge.core.facts import ItemFacts
    from judge.core.stats.sign_flip import Distribution, SignFlip
    from judge.enums import Orders

CANNOT_JUDGE = Verdict.CANNOT_JUDGE.value


class Heard(NamedTuple):
    """What one judge said in a run or a control."""

    settled: Settled
    orders: Orders
    identical: Sequence[str] = ()
    """items whose traces look the same: ties that were not asked"""

    def of(self, judge: str) -> Heard:
        """Return what one judge said."""
        return self._replace(settled=self.settled.of(judge))

    def on(self, items: Collection[str]) -> Heard:
        """Return what was said of some items."""
        return self._replace(settled=self.settled.about(items), identical=[i for i in self.identical if i in items])


def states(heard: Heard, criterion: str) -> Table:
    """Return one row an item on which the judge said something: columns item, state and credit, sorted by item.

    The state is the outcome, or `cannot_judge` (without a credit) where the judge said so and no call failed.
    """
    said = heard.settled.on(criterion)
    outcomes = stack([fold(said, orders=heard.orders), identical_items(sorted(heard.identical))])
    undecided, failed = (
        set(said.rows.items[said.rows.item[which]])
        for which in (said.is_verdict(Verdict.CANNOT_JUDGE), said.failure >= 0)
    )
    withheld = sorted(undecided - failed - set(outcomes["item"]))
    known = {"item": outcomes["item"], "state": outcomes["outcome"], "credit": outcomes["credit"]}
    nothing = {"item": texts(withheld), "state": texts([CANNOT_JUDGE] * len(withheld))}
    together = stack([Table(known), Table({**nothing, "credit": np.full(len(withheld), np.nan)})])
    return together.take(np.argsort(together["item"], kind="stable"))


class Trial(NamedTuple):
    """What was said of the same items when they were asked in several ways."""

    run: Heard
    """with no more than the items of the control"""
    control: Heard
    repeat: Heard | None
    """the run's own prompts asked again; None: the control is this very one"""

    def of(self, judge: str) -> Trial:
        """Return what one judge said."""
        return Trial(self.run.of(judge), self.control.of(judge), None if self.repeat is None else self.repeat.of(judge))


def compare_judge(trial: Trial, criteria: Sequence[str], facts: ItemFacts | None, basis: Basis) -> dict[str, Moved]:
    """Compare what one judge said in the run and in a control, criterion by criterion.

    Args:
        trial: what that judge said.
        criteria: of the rubric.
        facts: of the run's items, for their clusters.
        basis: how intervals are made.
    """
    run, control, repeat = trial
    joined = {
        name: _join(states(run, name), states(control, name), None if repeat is None else states(repeat, name))
        for name in criteria
    }
    counted = {name: _counted(items, facts, basis) for name, items in joined.items()}
    tests = {name: _test(items) for name, items in counted.items() if not np.isnan(items.items["shift"]).all()}
    adjusted = holm(np.array([test.p_value for test in tests.values()], dtype=np.float64))
    tested = {
        name: _Tested(rounded_p(test.p_value), test.distribution, rounded_p(float(p_adjusted)))
        for (name, test), p_adjusted in zip(tests.items(), adjusted, strict=True)
    }
    return {
        name: _moved(items, tested.get(name, _UNTESTED), is_repeat=repeat is None) for name, items in counted.items()
    }


class _Tested(NamedTuple):
    """The fields of `Moved` that a test fills."""

    p_value: float | None
    p_method: Distribution | None
    p_adjusted: float | None


_UNTESTED = _Tested(None, None, None)


def _join(run: Table, control: Table, repeat: Table | None) -> Table:
    """Return one row an item that is in the run and the control, with what differs; NaN where it cannot be known."""
    places = control.places(run["item"])
    own, other = run.take(places >= 0), control.take(places[places >= 0])
    changed = (own["state"] != other["state"]).astype(np.float64)
    repeated = np.full(len(own), np.nan)
    if repeat is not None:
        again = repeat.places(own["item"])
        repeated = np.where(again >= 0, own["state"] != repeat.take(again)["state"], np.nan)
    return Table(
        {
            "item": own["item"],
            "changed": changed,
            "repeated": repeated,
            "withdrawn": (own["state"] != CANNOT_JUDGE) & (other["state"] == CANNOT_JUDGE),
            "shift": other["credit"] - own["credit"],
            "excess": changed - repeated,
        }
    )


def _counted(items: Table, facts: ItemFacts | None, basis: Basis) -> Counted:
    known = judged_fields(facts, items)
    return Counted(known, cluster_codes(known), basis)


def _test(counted: Counted) -> SignFlip:
    """Test that the control shifts no credit."""
    shifts = np.nan_to_num(counted.column("shift"))
    return sign_flip(sum_by_cluster(shifts[:, None], counted.codes)[:, 0], seed=counted.basis.seed)


def _moved(counted: Counted, tested: _Tested, *, is_repeat: bool) -> Moved:
    return Moved(
        n=len(counted.items),
        changed=_share(counted, "changed"),
        withdrawn=int(counted.items["withdrawn"].sum()),
        repeated=None if is_repeat else _share(counted, "repeated"),
        excess=None if is_repeat else difference(counted, "excess"),
        shift=difference(counted, "shift", of_a=True),
        **tested._asdict(),
        effect=None if is_repeat else _effect(counted, tested.p_adjusted),
    )


def _share(counted: Counted, name: str) -> Estimate:
    values = counted.column(name)
    return estimate_rate(
        Ratio(np.nan_to_num(values), (~np.isnan(values)).astype(np.float64)), counted.codes, counted.basis
    )


def difference(counted: Counted, name: str, *, of_a: bool = False) -> Figure:
    """Return the mean of a column of differences in [-1, 1], with its interval.

    The interval is that of the rate (1 + d) / 2, stretched, by the Jeffreys bootstrap whatever the report's method: a
    difference that is 0 on every item keeps one, as narrow as that many items allow. (At a rate of 1/2 the percentile
    bootstrap would collapse to a point, and Wilson's interval would take it for that of a coin.)

    Args:
        counted: the items.
        name: of the column.
        of_a: its sign is turned when the models are exchanged.
    """
    values = counted.column(name)
    there = (~np.isnan(values)).astype(np.float64)
    ratio = Ratio((1 + np.nan_to_num(values)) / 2 * there, there, complement=of_a)
    rate = estimate_rate(ratio, counted.codes, counted.basis._replace(method=Method.JEFFREYS))
    ends = {end: getattr(rate, end) for end in Figure.model_fields}
    return Figure(**{end: None if value is None else round(2 * value - 1, DIGITS) for end, value in ends.items()})


def _effect(counted: Counted, p_adjusted: float | None) -> Effect:
    """Say whether a criterion moves; what cannot be shown to move, or to stand still within the margin, is unclear.

    As in `core.conclusions`, the margin goes before the p-value.
    """
    within = counted._replace(basis=counted.basis._replace(level=EQUIVALENCE_LEVEL))
    excess, shift = difference(within, "excess"), difference(within, "shift", of_a=True)
    if _below(excess.high) and _below(shift.high) and _below(None if shift.low is None else -shift.low):
        return Effect.STILL
    beyond = difference(counted, "excess").low
    if (beyond is not None and beyond > 0) or (p_adjusted is not None and p_adjusted <= ALPHA):
        return Effect.MOVES
    return Effect.UNCLEAR


def _below(end: float | None) -> bool:
    """Tell whether the end of an interval is known, and below the margin."""
    return end is not None and end < MARGIN
