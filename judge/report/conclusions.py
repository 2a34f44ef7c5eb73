"""Tests of each criterion for a preference, and the conclusion drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.outcomes.estimates import rounded_p
from judge.outcomes.interim_looks import Sequential
from judge.schema import Outcome
from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.significance import Conclusion, Distribution, conclude, holm, is_equivalent, sign_test, signs

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems
    from judge.outcomes.interim_looks import Sequential

EQUIVALENCE_LEVEL = 0.9
"""two one-sided tests at 5 % are a 90 % interval within the margin"""


class Tested(NamedTuple):
    """Tests of one criterion and the conclusion from them."""

    p_value: float
    p_method: Distribution
    p_adjusted: float
    sign_test_p: float
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
    are adjusted by Holm's method, and each word follows the adjusted one. In a run that may stop early the overall
    verdict has the test of its looks, and no other.
    """
    tests = {name: preference_test(items) for name, items in counted.items()}
    p_values = [p_value for p_value, _ in tests.values()]
    adjusted = [*holm(np.array(p_values[:-1])).tolist(), *p_values[-1:]]
    tested = {
        name: Tested(
            p_value=rounded_p(tests[name][0]),
            p_method=tests[name][1],
            p_adjusted=rounded_p(p_adjusted),
            sign_test_p=rounded_p(_sign_test(items)),
            verdict=_conclude(items, p_adjusted, margin),
        )
        for (name, items), p_adjusted in zip(counted.items(), adjusted, strict=True)
    }
    if stopped is not None:
        tested[list(counted)[-1]] = _by_looks(stopped)
    return tested


def _by_looks(stopped: Sequential) -> Tested:
    verdict = {"a": Conclusion.BETTER, "b": Conclusion.WORSE, None: Conclusion.INCONCLUSIVE}[stopped.winner]
    p_value = stopped.p_value
    return Tested(p_value, Distribution.SEQUENTIAL, p_adjusted=p_value, sign_test_p=p_value, verdict=verdict)


def _sign_test(counted: CriterionItems) -> float:
    """Test the units that agree on a against those that agree on b."""
    outcome = counted.items["outcome"]
    agreed = ((outcome == Outcome.A.value).cast(pl.Float64) - (outcome == Outcome.B.value).cast(pl.Float64)).to_numpy()
    wins, losses = signs(sum_by_cluster(agreed[:, None], counted.codes)[:, 0])
    return sign_test(wins, losses) if wins + losses else 1.0


def _conclude(counted: CriterionItems, p_value: float, margin: float | None) -> Conclusion:
    credit = counted.column("credit")
    if not len(credit):
        return Conclusion.INCONCLUSIVE
    return conclude(float(credit.mean()), p_value, equivalent=margin is not None and _equivalent(counted, margin))


def _equivalent(counted: CriterionItems, margin: float) -> bool:
    within = counted._replace(basis=counted.basis._replace(level=EQUIVALENCE_LEVEL))
    rate = within.mean("credit", complement=True)
    return rate.low is not None and rate.high is not None and is_equivalent(rate.low, rate.high, margin)


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
