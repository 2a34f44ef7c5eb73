"""The win rate within groups of items by whose final answer is right, and what the answers alone would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.core.estimates import Estimate, Ratio, estimate_rate
from judge.core.stats.strata import answer_rates
from judge.enums import Stratum
from judge.schema import Frozen

if TYPE_CHECKING:
    from judge.core.counted import Counted
    from judge.core.facts import ItemFacts
    from judge.core.table import Table


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


def stratify(counted: Counted, facts: ItemFacts | None) -> Strata | None:
    """Report a criterion's win rate by whose answer is right; None where no item has an answer."""
    answered = None if facts is None else facts.table.take(facts.table["has_answer"])
    if answered is None or not len(answered):
        return None
    rates = answer_rates(*(counted.column(name) for name in ("credit", "right_a", "right_b")))
    estimates = [
        estimate_rate(Ratio(numerators, denominators, complement=True), counted.codes, counted.basis)
        for numerators, denominators in zip(rates.numerators.T, rates.denominators.T, strict=True)
    ]
    strata = {
        stratum.value: StratumReport(n=_size(answered, stratum), win_rate=estimate)
        for stratum, estimate in zip(Stratum, estimates, strict=False)
    }
    lost = [np.isnan(answered[name]) for name in ("right_a", "right_b")]
    unreadable = Unreadable(a=int(lost[0].sum()), b=int(lost[1].sum()), items=int((lost[0] | lost[1]).sum()))
    return Strata.model_validate({**strata, "answer_only": estimates[-1], "unreadable": unreadable})


def _size(answered: Table, stratum: Stratum) -> int:
    a = 1 if stratum in {Stratum.BOTH_RIGHT, Stratum.ONLY_A_RIGHT} else 0
    b = 1 if stratum in {Stratum.BOTH_RIGHT, Stratum.ONLY_B_RIGHT} else 0
    return int(((answered["right_a"] == a) & (answered["right_b"] == b)).sum())
