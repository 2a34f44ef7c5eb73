"""Report one criterion after the other: rates, counts, tests and whether the judge shows a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.core.answer_strata import Strata, stratify
from judge.core.conclusions import Tested, conclude_all
from judge.core.counted import Counted, Subject
from judge.core.estimates import DIGITS, Estimate, Ratio, estimate_rates
from judge.core.ledger import Bounds, Ledger, bounds, take_stock
from judge.core.stats.sign_flip import Distribution
from judge.core.stats.significance import Conclusion
from judge.core.tally import HALF
from judge.enums import Orders
from judge.schema import Frozen, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge.core.columns import Settled
    from judge.core.table import Table

NEARLY_ALWAYS = 0.9
"""a judge that picks one slot in this share of its decisions, or more, is called out"""


class Shares(Frozen):
    """The outcomes as shares of the items in the rate."""

    wins_a: Estimate
    wins_b: Estimate
    ties: Estimate
    splits: Estimate


class OrderRates(Frozen):
    """The win rate of a in each order."""

    forward: Estimate
    swapped: Estimate


class CriterionReport(Frozen):
    """One criterion: wins_a + wins_b + ties + splits + missing = the report's n_items."""

    win_rate: Estimate
    """mean credit of a; a tie or a split counts half"""
    consistent_only: Estimate
    """wins of a in both orders, with ties and splits counted half"""
    consistency: Estimate
    """share of items whose two orders agree; identical traces, never judged, are left out"""
    first_slot: Estimate
    """share of decisive verdicts that picked the trace shown first"""
    wins_a: int
    wins_b: int
    ties: int
    splits: int
    missing: int
    identical: int
    """among the ties: items with byte-identical traces, which needed no call"""
    cannot_judge: int
    """among the missing: items where a judge said that it cannot judge, and no call failed"""
    ledger: Ledger
    bounds: Bounds
    shares: Shares
    by_order: OrderRates
    chance_consistency: float | None
    """consistency of a judge with the same verdicts by slot that ignores what the traces say"""
    signal: bool | None
    """false: these verdicts cannot be told from those of a judge that ignores the traces"""
    p_value: float
    """of the sign-flip test over units that neither model is preferred"""
    p_method: Distribution
    p_adjusted: float
    """the same after Holm over the criteria; the overall one, declared as primary, keeps its own"""
    sign_test_p: float
    """of the units that agree on a against those that agree on b"""
    verdict: Conclusion
    strata: Strata | None
    """null where the items have no answers"""


def report_counted(
    counted: Mapping[str, Counted], settled: Settled, subject: Subject, *, margin: float | None
) -> dict[str, CriterionReport]:
    """Report each criterion from its counted items."""
    tested = conclude_all(counted, margin)
    return {
        name: _criterion(items, take_stock(items, settled.on(name), subject), tested[name], subject)
        for name, items in counted.items()
    }


def _criterion(counted: Counted, ledger: Ledger, tested: Tested, subject: Subject) -> CriterionReport:
    rates = _rates(counted)
    chance = _chance_consistency(counted.items.take(counted.is_judged), subject.orders)
    return CriterionReport(
        win_rate=rates["win_rate"],
        consistent_only=rates["consistent_only"],
        consistency=rates["consistency"],
        first_slot=rates["first_slot"],
        wins_a=ledger.agreed_a,
        wins_b=ledger.agreed_b,
        ties=ledger.agreed_tie + ledger.identical,
        splits=ledger.split_to_first + ledger.split_to_second,
        missing=subject.n_items - len(counted.items),
        identical=ledger.identical,
        cannot_judge=ledger.cannot_judge,
        ledger=ledger,
        bounds=bounds(counted, subject.n_items),
        shares=Shares(**{name: rates[name] for name in Shares.model_fields}),
        by_order=OrderRates(forward=rates["forward"], swapped=rates["swapped"]),
        chance_consistency=chance,
        signal=_signal(rates["consistency"], rates["first_slot"], chance),
        **tested._asdict(),
        strata=stratify(counted, subject.facts),
    )


def _rates(counted: Counted) -> dict[str, Estimate]:
    """Estimate every rate of a criterion from one pass of weights; sorted patterns follow the order given here."""
    codes, (counted, counts) = counted.codes, counted.distinct() if counted.codes is None else (counted, None)
    outcome, one = counted.items["outcome"], np.ones(len(counted.items))
    is_outcome = {which: (outcome == which.value).astype(np.float64) for which in Outcome}
    agreed = HALF + (is_outcome[Outcome.A] - is_outcome[Outcome.B]) / 2

    def ratio(name: str, *, complement: bool = False, mirror: str | None = None) -> Ratio:
        values = counted.column(name)
        return Ratio(np.nan_to_num(values), (~np.isnan(values)).astype(np.float64), complement, mirror)

    ratios = {
        "forward": ratio("forward", complement=True, mirror="swapped"),
        "swapped": ratio("swapped", complement=True, mirror="forward"),
        "win_rate": Ratio(counted.column("credit"), one, complement=True),
        "consistent_only": Ratio(agreed, one, complement=True),
        "consistency": ratio("consistent"),
        "first_slot": Ratio(counted.column("first_picks"), counted.column("decisive")),
        "wins_a": Ratio(is_outcome[Outcome.A], one, mirror="wins_b"),
        "wins_b": Ratio(is_outcome[Outcome.B], one, mirror="wins_a"),
        "ties": Ratio(is_outcome[Outcome.TIE], one),
        "splits": Ratio(is_outcome[Outcome.SPLIT], one),
    }
    return estimate_rates(ratios, codes, counted.basis, counts)


def _chance_consistency(items: Table, orders: Orders) -> float | None:
    """Return how often two orders agree by chance when verdicts depend on the slot alone.

    With shares f, s and t of first, second and tie among the verdicts, the orders agree when one says first and the
    other second, or both say tie: 2 f s + t t.
    """
    if orders is Orders.ONE or not len(items):
        return None
    first, decisive = int(items["first_picks"].sum()), int(items["decisive"].sum())
    total = int(items["n_verdicts"].sum())
    f, s, t = first / total, (decisive - first) / total, (total - decisive) / total
    return round(2 * f * s + t * t, DIGITS)


def _signal(consistency: Estimate, first_slot: Estimate, chance: float | None) -> bool | None:
    """Tell whether the orders agree more than a judge that ignores the traces would make them agree.

    With one order, the slots alone can tell that they do not; nothing can tell that they do.
    """
    if first_slot.estimate is not None and not 1 - NEARLY_ALWAYS < first_slot.estimate < NEARLY_ALWAYS:
        return False
    if chance is None or consistency.low is None:
        return None
    return consistency.low > chance


def signal_warnings(reports: Mapping[str, CriterionReport], judge: str) -> list[str]:
    """Say in words, criterion by criterion, where a judge shows no signal."""
    silent = [name for name, report in reports.items() if report.signal is False]
    if not silent:
        return []
    text = (
        f"Judge {judge} shows no signal on {', '.join(silent)}: its verdicts cannot be told from those of a judge that "
        "ignores what the traces say (orders agree no more than by chance, or one slot is nearly always picked). "
        "Draw no conclusion about the models from these rates."
    )
    return [text]
