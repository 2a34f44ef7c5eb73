"""Tests of each criterion for a preference, and the conclusion drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.outcomes.rates import rounded_p
from judge.schema import Outcome
from judge.stats.bounded_mean import equivalence_p_value
from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.significance import ALPHA, Conclusion, Distribution, conclude, holm, sign_test, signs

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems
    from judge.outcomes.interim_looks import Sequential


class Tested(NamedTuple):
    """Tests of one criterion and the conclusion from them."""

    p_value: float
    p_method: Distribution
    p_adjusted: float
    sign_test_p: float
    equivalence_p: float | None
    verdict: Conclusion


def preference_test(counted: CriterionItems) -> tuple[float, Distribution]:
    """Test that neither model is preferred, by exact sign-flip over units."""
    tested = counted.sign_flip(counted.column("credit") - HALF)
    return tested.p_value, tested.distribution


def conclude_all(
    counted: Mapping[str, CriterionItems], margin: float | None, stopped: Sequential | None = None
) -> dict[str, Tested]:
    """Test every criterion.

    The last one, the overall verdict, is the primary one, declared beforehand: its p-value stands as it is. The others'
    are adjusted by Holm's method, and each word follows the adjusted one; so it is with the tests of equivalence. In a
    run that may stop early the overall verdict has the test of its looks, and no other.
    """
    tests = {name: preference_test(items) for name, items in counted.items()}
    adjusted = _adjusted([p_value for p_value, _ in tests.values()])
    within = [None] * len(counted) if margin is None else _adjusted([_outside(c, margin) for c in counted.values()])
    tested = {
        name: Tested(
            p_value=rounded_p(tests[name][0]),
            p_method=tests[name][1],
            p_adjusted=rounded_p(p_adjusted),
            sign_test_p=rounded_p(_sign_test(items)),
            equivalence_p=None if equivalence_p is None else rounded_p(equivalence_p),
            verdict=_conclude(items, p_adjusted, equivalence_p),
        )
        for (name, items), p_adjusted, equivalence_p in zip(counted.items(), adjusted, within, strict=True)
    }
    if stopped is not None:
        verdict = {"a": Conclusion.BETTER, "b": Conclusion.WORSE, None: Conclusion.INCONCLUSIVE}[stopped.winner]
        p, overall = stopped.p_value, list(counted)[-1]
        tested[overall] = Tested(
            p, Distribution.SEQUENTIAL, p_adjusted=p, sign_test_p=p, equivalence_p=None, verdict=verdict
        )
    return tested


def _adjusted(p_values: Sequence[float]) -> list[float]:
    """Adjust all but the last p-value, that of the primary criterion."""
    return [*holm(np.array(p_values[:-1])).tolist(), *p_values[-1:]]


def _sign_test(counted: CriterionItems) -> float:
    """Test the units that agree on a against those that agree on b."""
    outcome = counted.items["outcome"]
    agreed = ((outcome == Outcome.A.value).cast(pl.Float64) - (outcome == Outcome.B.value).cast(pl.Float64)).to_numpy()
    wins, losses = signs(sum_by_cluster(agreed[:, None], counted.codes)[:, 0])
    return sign_test(wins, losses) if wins + losses else 1.0


def _conclude(counted: CriterionItems, p_value: float, equivalence_p: float | None) -> Conclusion:
    credit = counted.column("credit")
    if not len(credit):
        return Conclusion.INCONCLUSIVE
    return conclude(float(credit.mean()), p_value, equivalent=equivalence_p is not None and equivalence_p <= ALPHA)


def _outside(counted: CriterionItems, margin: float) -> float:
    """Return the p-value of the hypothesis that the win rate lies outside the margin."""
    excess, sizes = counted.unit_sums(counted.column("credit") - HALF)
    return equivalence_p_value(excess, sizes, margin)


def stopping_warnings(found: Sequential, overall: str, margin: float | None) -> list[str]:
    """Return the warnings about a run that may stop early."""
    texts = []
    if found.decided:
        texts.append(
            f"This run stopped when {overall} was decided: its win rate is biased away from 50 %, and the rates, "
            "intervals and tests of other criteria and of subgroups are of a sample that was stopped: descriptive only."
        )
    if margin is not None:
        texts.append(f"Equivalence on {overall} is not tested in a run that may stop early.")
    return texts
