"""Whether a judge's verdicts follow the traces: the one owner of that statement, in a word and in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from judge.outcomes.rates import DIGITS
from judge.stats.clusters import FEW_UNITS, HALF
from judge.stats.position import balanced_win_rate
from judge.stats.significance import Conclusion

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems
    from judge.outcomes.rates import Estimate
    from judge.report.conclusions import Tested
    from judge.report.criterion import CriterionReport

NEARLY_ALWAYS = 0.9
"""a judge that picks one slot in this share of its decisions, or more, is called out"""
SIGNAL_ALPHA = 0.025
"""of the sign-flip test; the interval of position consistency errs upwards in another 2.5 %: a judge that guesses shows
a signal in 5 % at most"""


class Signal(StrEnum):
    """Statement on whether verdicts follow what the traces say."""

    SIGNAL = "signal"
    """shown: position consistency is above chance, or the models differ by the sign-flip test"""
    NO_SIGNAL = "no signal"
    """position consistency is at or below chance, or one slot is nearly always picked, and no model is preferred"""
    TOO_FEW = "too few to tell"
    """neither can be shown"""


def has_both_orders(judged: CriterionItems) -> bool:
    """Return whether some verdicts show a first and some show b first; else a slot cannot be told from a model."""
    return all(judged.items[order].is_not_null().any() for order in ("forward", "swapped"))


def chance_consistency(judged: CriterionItems) -> float | None:
    """Return the position consistency expected of verdicts that depend on the slot alone; None with one order.

    With shares f, s and t of first, second and tie among the verdicts, the orders agree when one says first and the
    other second, or both say tie: 2 f s + t t.
    """
    items = judged.items
    if items["consistent"].is_null().all():
        return None
    first, decisive = float(items["first_picks"].sum()), float(items["decisive"].sum())
    total = int(items["n_verdicts"].sum())
    f, s, t = first / total, (decisive - first) / total, (total - decisive) / total
    return round(2 * f * s + t * t, DIGITS)


def mean_chance(judges: Sequence[CriterionReport]) -> float | None:
    """Return the consistency expected of a panel whose credits are averaged, were each judge to follow slots alone."""
    chances = [own.chance_consistency for own in judges if own.chance_consistency is not None]
    return round(float(np.mean(chances)), DIGITS) if len(chances) == len(judges) else None


def state_signal(
    judged: CriterionItems,
    consistency: Estimate,
    first_slot: Estimate,
    chance: float | None,
    tested: Tested,
    judges: Sequence[CriterionReport] = (),
) -> Signal | None:
    """State whether the verdicts on a criterion follow the traces.

    The sign-flip test holds whatever the slots do, so a small p-value refutes that the traces were ignored. Where a
    test has decided for a model there is no "no signal".

    Args:
        judged: the items with verdicts.
        consistency: position consistency.
        first_slot: share of decisive verdicts that picked the first slot.
        chance: consistency of a judge that ignores the traces; None with one order.
        tested: the criterion's tests.
        judges: of a panel whose credits are averaged: what each alone shows. One that leans to the first slot and one
            that leans to the second look like one without a lean together.

    Returns:
        None where there are no verdicts, or those of one order alone: there the slot is the model.
    """
    if not has_both_orders(judged):
        return None
    preferred = tested.p_value <= SIGNAL_ALPHA and (chance is not None or _is_preferred_net_of_slot(judged))
    consistent = chance is not None and consistency.low is not None and consistency.low > chance
    if preferred or consistent:
        return Signal.SIGNAL
    if tested.p_value <= SIGNAL_ALPHA or tested.verdict in {Conclusion.BETTER, Conclusion.WORSE}:
        return Signal.TOO_FEW
    by_chance = chance is not None and consistency.high is not None and consistency.high <= chance
    if judges:
        silent = by_chance or all(own.signal is Signal.NO_SIGNAL for own in judges)
    else:
        silent = by_chance or (judged.n_units >= FEW_UNITS and _is_one_sided(first_slot))
    return Signal.NO_SIGNAL if silent else Signal.TOO_FEW


def _is_preferred_net_of_slot(judged: CriterionItems) -> bool:
    """Return whether items that were each judged in one order prefer a model beyond what the slots explain."""
    net = balanced_win_rate(judged.column("credit"), ~np.isnan(judged.column("forward")), judged.codes)
    return net is not None and bool(net.low > HALF or net.high < HALF)


def _is_one_sided(first_slot: Estimate) -> bool:
    return first_slot.estimate is not None and not 1 - NEARLY_ALWAYS < first_slot.estimate < NEARLY_ALWAYS


def signal_warnings(reports: Mapping[str, CriterionReport], judge: str) -> list[str]:
    """Return the warnings that a judge shows no signal on some criteria, or has too few items on others."""
    silent = [name for name, report in reports.items() if report.signal is Signal.NO_SIGNAL]
    open_ = {name: own for name, own in reports.items() if own.signal is Signal.TOO_FEW and own.consistency.n}
    by_reason = {
        "the interval of its position consistency holds what chance would give": [
            name for name, own in open_.items() if _holds_chance(own)
        ],
        "its position consistency is not above chance, or has no interval": [
            name for name, own in open_.items() if not _holds_chance(own)
        ],
    }
    texts = []
    if silent:
        texts.append(
            f"Judge {judge} shows no signal on {', '.join(silent)}: its verdicts cannot be told from those of a judge "
            "that ignores what the traces say (orders agree no more than by chance, or one slot is nearly always "
            "picked). Draw no conclusion about the models from these rates."
        )
    texts += [
        f"Too few items to tell whether judge {judge} follows the traces on {', '.join(names)}: {reason}."
        for reason, names in by_reason.items()
        if names
    ]
    return texts


def _holds_chance(row: CriterionReport) -> bool:
    low, high, chance = row.consistency.low, row.consistency.high, row.chance_consistency
    return low is not None and high is not None and chance is not None and low <= chance <= high


def signal_clause(row: CriterionReport) -> str:
    """Return what the sentence to quote must add about the judge; empty where nothing qualifies it."""
    decided = row.verdict in {Conclusion.BETTER, Conclusion.WORSE}
    match row.signal:
        case Signal.NO_SIGNAL:
            return "the judge shows no signal: no conclusion about the models"
        case Signal.TOO_FEW if decided:
            return "that the judge follows the traces is shown by nothing but this test"
        case Signal.TOO_FEW if row.consistency.n:
            return "too few items to tell whether the judge follows the traces"
        case Signal.SIGNAL if decided:
            found = [text for text in (_lean(row.first_slot), _agreement_by_chance(row)) if text]
            return f"the judge {' and '.join(found)}" if found else ""
        case _:
            return ""


def _lean(first_slot: Estimate) -> str:
    if first_slot.estimate is None or first_slot.low is None or first_slot.high is None:
        return ""
    if first_slot.low <= HALF <= first_slot.high:
        return ""
    slot, share = ("first", first_slot.estimate) if first_slot.low > HALF else ("second", 1 - first_slot.estimate)
    return f"leans to the {slot} slot all the same ({100 * share:.1f} % of its decisive verdicts)"


def _agreement_by_chance(row: CriterionReport) -> str:
    low, chance = row.consistency.low, row.chance_consistency
    if low is None or chance is None or low > chance:
        return ""
    return "is not shown to agree with itself over both orders beyond chance"
