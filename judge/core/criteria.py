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
    """share of decisive verdicts that picked the trace shown first; its `n` counts verdicts, all others count items"""
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
    ledger: Ledger
    """where every item went"""
    bounds: Bounds
    """what the missing items leave open"""
    shares: Shares
    """the outcomes as shares of the items that are not missing"""
    by_order: OrderRates
    """win rate of a in each order"""
    chance_consistency: float | None
    """consistency of a judge with the same verdicts by slot that ignores what the traces say"""
    signal: bool | None
    """false: these verdicts cannot be told from those of a judge that ignores the traces"""
    p_value: float
    """two-sided, of the sign-flip test over units that neither model is preferred; six significant digits"""
    p_method: Distribution
    """`Monte-Carlo` (10,000 flips) and `normal approximation` (over 10,000 units) only where `exact` is out of reach"""
    p_adjusted: float
    """the same after Holm over the criteria; the last of the rubric, declared as primary, keeps its own"""
    sign_test_p: float
    """exact sign test (McNemar) of the units that agree on a against those that agree on b"""
    verdict: Conclusion
    """of a against b, by the adjusted p-value; `equivalent` only within the margin of `--equivalence`"""
    strata: Strata | None
    """the win rate by whose final answer is right; null where the items have no answers"""


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
