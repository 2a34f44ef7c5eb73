"""The report of each criterion: rates, counts, tests, and whether the judge shows a signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl
from pydantic import Field

from judge.enums import Stratum
from judge.outcomes.counted_items import CriterionItems, Subject
from judge.outcomes.rates import Estimate, Ratio, estimate_rate, estimate_rates
from judge.outcomes.tally import HALF
from judge.report.conclusions import Tested, conclude_all
from judge.report.judge_signal import Signal, chance_consistency, has_both_orders, mean_chance, state_signal
from judge.report.ledger import Bounds, Ledger, bounds, count_ledger
from judge.schema import Frozen, Outcome
from judge.stats.significance import Conclusion, Distribution
from judge.stats.strata import answer_rates

if TYPE_CHECKING:
    from judge.outcomes.interim_looks import Sequential
    from judge.outcomes.item_features import ItemFeatures
    from judge.outcomes.latest_judgments import LatestJudgments

NOTHING = Estimate(estimate=None, low=None, high=None, n=0)


class Shares(Frozen):
    """The outcomes as shares of the items in the rate."""

    wins_a: Estimate
    """share of items won by a"""
    wins_b: Estimate
    """share of items won by b"""
    ties: Estimate
    """share of ties"""
    splits: Estimate
    """share of items whose two orders disagree"""


class OrderRates(Frozen):
    """The win rate of a in each order."""

    forward: Estimate
    """when it was shown first"""
    swapped: Estimate
    """when it was shown second"""


class StratumReport(Frozen):
    """Items with the same model or models right."""

    n: int
    """items compared; `win_rate.n` of them are in the rate"""
    win_rate: Estimate
    """of a, over those of them that are not missing"""


class Unreadable(Frozen):
    """Items that have an answer, and where whether a model's answer is right cannot be read."""

    a: int
    """items where a's cannot be read"""
    b: int
    """items where b's cannot be read"""
    items: int
    """items where either cannot be read: in none of the strata"""


class Strata(Frozen):
    """The strata and the unreadable items add up to the items with an answer."""

    both_right: StratumReport
    """items that both models answer right"""
    only_a_right: StratumReport
    """items that only a answers right"""
    only_b_right: StratumReport
    """items that only b answers right"""
    both_wrong: StratumReport
    """items that neither answers right"""
    answer_only: Estimate
    """the win rate of a if the judge looked at nothing but the answers: right beats wrong, else 1/2"""
    unreadable: Unreadable
    """items in no stratum"""


class CriterionReport(Frozen):
    """One criterion: wins_a + wins_b + ties + splits + missing = the report's n_items."""

    win_rate: Estimate
    """mean credit of a: 1 for a win in both orders, 1/2 for a tie or a win of each, 1/4 or 3/4 for a win in one order
    and a tie in the other"""
    consistent_only: Estimate
    """the same with every split counted half: only wins in both orders count"""
    consistency: Estimate
    """share of items whose two orders agree; identical traces, never judged, are left out"""
    first_slot: Estimate
    """share of decisive verdicts that picked the trace shown first; its `n` counts verdicts, all others count items;
    null with verdicts of one order alone, where the first slot is one of the models"""
    wins_a: int
    """items won by a: both orders agree on it"""
    wins_b: int
    """items won by b"""
    ties: int
    """items that are ties"""
    splits: int
    """items whose two orders disagree"""
    missing: int
    """items that lack a verdict in either order: out of every rate"""
    identical: int
    """among the ties: items with byte-identical traces, which needed no call"""
    cannot_judge: int
    """among the missing: items where a judge said that it cannot judge, and no call failed"""
    n_verdicts: int
    """verdicts of the items in the rate: of both orders, and all judges and samples"""
    ledger: Ledger
    """where every item went"""
    bounds: Bounds
    """what the missing items leave open"""
    shares: Shares
    """the outcomes as shares of the items that are not missing"""
    by_order: OrderRates
    """win rate of a in each order"""
    chance_consistency: float | None
    """consistency of a judge with the same verdicts by slot that ignores what the traces say; of a panel whose credits
    are averaged, the mean of its judges'"""
    signal: Signal | None
    """whether the verdicts follow what the traces say; null without verdicts, or with those of one order alone"""
    p_value: float
    """two-sided, of the sign-flip test over units that neither model is preferred; six significant digits"""
    p_method: Distribution
    """`Monte-Carlo` (10,000 flips) and `normal approximation` (over 10,000 units) only where `exact` is out of reach"""
    p_adjusted: float
    """the same after Holm over the criteria; the last of the rubric, declared as primary, keeps its own"""
    sign_test_p: float
    """exact sign test (McNemar) of the units that agree on a against those that agree on b"""
    equivalence_p: Annotated[float | None, Field(exclude_if=lambda p: p is None)]
    """of the two one-sided tests that the win rate lies outside the margin of `--equivalence`, after Holm likewise;
    absent without a margin"""
    verdict: Conclusion
    """of a against b, by the adjusted p-value; `equivalent` only within the margin of `--equivalence`"""
    strata: Strata | None
    """the win rate by whose final answer is right; null where the items have no answers"""

    @property
    def credit(self) -> float | None:
        """The sum of a's credits."""
        return self.win_rate.numerator


def report_criteria(
    counted: Mapping[str, CriterionItems],
    latest: LatestJudgments,
    subject: Subject,
    *,
    margin: float | None,
    stopped: Sequential | None = None,
    by_judge: Mapping[str, Mapping[str, CriterionReport]] = MappingProxyType({}),
    measured: Mapping[str, CriterionReport] = MappingProxyType({}),
) -> dict[str, CriterionReport]:
    """Report each criterion.

    Args:
        counted: its folded items.
        latest: the judgments that they are of.
        subject: what was planned.
        margin: around 1/2, within which the models are called equivalent; None: no word says so.
        stopped: what the looks of a run that may stop early show on the last criterion, the overall one.
        by_judge: of a panel whose credits are averaged: what its judges alone show.
        measured: of a judge whose doubtful items another one judged: what it shows over all items. Whether it can be
            believed is read there, for where its orders disagree it does not speak here.
    """
    tested = conclude_all(counted, margin, stopped)
    return {
        name: _criterion(
            items,
            count_ledger(items, latest.on(name), subject),
            tested[name],
            subject,
            judges=[own[name] for own in by_judge.values()],
            measured=measured.get(name),
        )
        for name, items in counted.items()
    }


def _criterion(
    counted: CriterionItems,
    ledger: Ledger,
    tested: Tested,
    subject: Subject,
    judges: Sequence[CriterionReport],
    measured: CriterionReport | None,
) -> CriterionReport:
    rates, of_models, judged = criterion_rates(counted), counted.basis.of_models, counted.judged
    first_slot = rates["first_slot"] if has_both_orders(judged) else NOTHING
    chance = mean_chance(judges) if judges else chance_consistency(judged)
    signal = state_signal(judged, rates["consistency"], first_slot, chance, tested, judges)
    if measured is not None:
        rates["consistency"], first_slot = measured.consistency, measured.first_slot
        chance, signal = measured.chance_consistency, measured.signal
    if signal is Signal.NO_SIGNAL and tested.verdict is Conclusion.EQUIVALENT:
        # A judge that cannot tell traces apart finds any two models equivalent.
        tested = tested._replace(verdict=Conclusion.INCONCLUSIVE)
    return CriterionReport(
        win_rate=of_models(rates["win_rate"]),
        consistent_only=of_models(rates["consistent_only"]),
        consistency=rates["consistency"],
        first_slot=first_slot,
        wins_a=ledger.agreed_a,
        wins_b=ledger.agreed_b,
        ties=ledger.agreed_tie + ledger.identical,
        splits=ledger.split_to_first + ledger.split_to_second,
        missing=subject.n_items - len(counted.items),
        identical=ledger.identical,
        cannot_judge=ledger.cannot_judge,
        n_verdicts=int(judged.items["n_verdicts"].sum()),
        ledger=ledger,
        bounds=bounds(counted, subject.n_items, tested.p_value),
        shares=Shares(**{name: of_models(rates[name]) for name in Shares.model_fields}),
        by_order=OrderRates(**{name: of_models(rates[name]) for name in OrderRates.model_fields}),
        chance_consistency=chance,
        signal=signal,
        **tested._asdict(),
        strata=_stratify(counted, subject.features),
    )


def criterion_rates(counted: CriterionItems) -> dict[str, Estimate]:
    """Estimate every rate of a criterion from one pass of weights; sorted patterns follow the order given here."""
    codes, (counted, counts) = counted.codes, counted.distinct() if counted.codes is None else (counted, None)
    outcome, one = counted.items["outcome"], np.ones(len(counted.items))
    is_outcome = {which: (outcome == which.value).cast(pl.Float64).to_numpy() for which in Outcome}
    agreed = HALF + (is_outcome[Outcome.A] - is_outcome[Outcome.B]) / 2
    ratios = {
        "forward": Ratio.over_known(counted.column("forward"), complement=True, mirror="swapped"),
        "swapped": Ratio.over_known(counted.column("swapped"), complement=True, mirror="forward"),
        "win_rate": Ratio(counted.column("credit"), one, complement=True),
        "consistent_only": Ratio(agreed, one, complement=True),
        "consistency": Ratio.over_known(counted.column("consistent")),
        "first_slot": Ratio(counted.column("first_picks"), counted.column("decisive")),
        "wins_a": Ratio(is_outcome[Outcome.A], one, mirror="wins_b"),
        "wins_b": Ratio(is_outcome[Outcome.B], one, mirror="wins_a"),
        "ties": Ratio(is_outcome[Outcome.TIE], one),
        "splits": Ratio(is_outcome[Outcome.SPLIT], one),
    }
    return estimate_rates(ratios, codes, counted.basis, counts)


def _stratify(counted: CriterionItems, features: ItemFeatures | None) -> Strata | None:
    """Report a criterion's win rate by whose answer is right; None where no item has an answer."""
    answered = None if features is None else features.items.filter("has_answer")
    if answered is None or answered.is_empty():
        return None
    rates = answer_rates(*(counted.column(name) for name in ("credit", "right_a", "right_b")))
    estimates = [
        counted.basis.of_models(
            estimate_rate(Ratio(numerators, denominators, complement=True), counted.codes, counted.basis)
        )
        for numerators, denominators in zip(rates.numerators.T, rates.denominators.T, strict=True)
    ]
    strata = {
        stratum.value: StratumReport(n=_size(answered, stratum), win_rate=estimate)
        for stratum, estimate in zip(Stratum, estimates, strict=False)
    }
    lost = answered.select(a=pl.col("right_a").is_null(), b=pl.col("right_b").is_null())
    counts = {"a": lost["a"], "b": lost["b"], "items": lost["a"] | lost["b"]}
    unreadable = Unreadable(**{name: int(unread.sum()) for name, unread in counts.items()})
    return Strata.model_validate({**strata, "answer_only": estimates[-1], "unreadable": unreadable})


def _size(answered: pl.DataFrame, stratum: Stratum) -> int:
    a = 1 if stratum in {Stratum.BOTH_RIGHT, Stratum.ONLY_A_RIGHT} else 0
    b = 1 if stratum in {Stratum.BOTH_RIGHT, Stratum.ONLY_B_RIGHT} else 0
    return len(answered.filter(right_a=a, right_b=b))
