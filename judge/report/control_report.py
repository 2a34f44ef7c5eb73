"""Results of a control by judge and criterion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from judge.costs.spending import JudgeCost, Usd
from judge.outcomes.rates import Estimate, Figure
from judge.schema import Frozen, Group
from judge.stats.significance import Distribution

MARGIN = 0.1
"""of items, and of the win rate: what moves less than this is said not to move"""


class Effect(StrEnum):
    """What a control may be said to do to a criterion."""

    MOVES = "moves"
    NO_EFFECT = "does not move"
    UNCLEAR = "unclear"


class ControlEffect(Frozen):
    """How far a criterion moves between a run and its control."""

    n: int
    """items with an outcome, or the word that they cannot be judged, in both"""
    changed: Estimate
    """share of them that have another outcome; `cannot_judge` is one, a failed call is none"""
    withdrawn: int
    """among the changed: items with an outcome in the run that the judge now says it cannot judge"""
    repeated: Estimate | None
    """share that has another outcome when the run's own prompt is asked again, over the items that were; null for
    `repeat` itself"""
    excess: Figure | None
    """changed minus repeated, over the same items"""
    shift: Figure
    """the win rate of a in the control minus that in the run, over items that are in both rates"""
    p_value: float | None = None
    """of the sign-flip test over units that the control shifts nothing; null where no item is in both rates"""
    p_method: Distribution | None = None
    """as in the report of a criterion"""
    p_adjusted: float | None = None
    """after Holm over the tests of `shift` and `excess` on all criteria of the judge"""
    excess_p: Annotated[float | None, Field(exclude_if=lambda p: p is None)] = None
    """of the sign-flip test over units that the control changes no more outcomes than the repetition; absent without
    `excess`"""
    excess_p_adjusted: Annotated[float | None, Field(exclude_if=lambda p: p is None)] = None
    """the same, adjusted as `p_adjusted`"""
    effect: Effect | None
    """null for `repeat`"""


class FalsePreference(Frozen):
    """How often a judge prefers a trace to itself."""

    named: Estimate
    """share of verdicts that name a winner; its `n` counts verdicts"""
    forward: Estimate
    """of the forward order"""
    swapped: Estimate
    """of the swapped order"""
    consistent: Estimate
    """share of items on which both orders name the same one: what the slot cannot explain"""
    first_slot: Estimate
    """share of the verdicts naming a winner that name the trace shown first"""


class SelfComparison(Frozen):
    """A criterion of the control `identical`."""

    together: FalsePreference
    """of all items"""
    exact: FalsePreference
    """the same bytes twice"""
    rephrased: FalsePreference
    """the same words with other line breaks, list markers and spaces"""


class ControlReport(Frozen):
    """What a control shows, judge by judge; the run's own figures know nothing of it."""

    n_items: int
    """items asked about"""
    n_judgments: int
    """requests that have a judgment"""
    n_failed: int
    """among them: without verdicts"""
    n_not_asked: int
    """requests that have no judgment yet"""
    costs: dict[str, JudgeCost]
    """by judge, beside the run's own"""
    usd: Usd | None
    """null where a price is unknown"""
    moved: dict[str, dict[str, ControlEffect]]
    """by judge and criterion; empty for `identical`"""
    false_preference: dict[str, dict[str, SelfComparison]]
    """by judge and criterion; of `identical` alone"""


WITHOUT = {"no-image": "without the image", "wrong-image": "with another item's image"}


def control_warnings(controls: Mapping[str, ControlReport]) -> Iterator[str]:
    """Yield the warnings that a control gives about a judge."""
    for kind, without in WITHOUT.items():
        for judge, criteria in controls[kind].moved.items() if kind in controls else ():
            found = criteria.get(Group.PERCEPTION)
            if found is not None and found.effect is Effect.NO_EFFECT:
                yield (
                    f"Judge {judge}: perception does not move {without}: it does not measure what is seen. "
                    "Draw no conclusion about the models' perception from it."
                )
    for control in controls.values():
        for judge, compared in control.false_preference.items():
            biased = [
                name
                for name, own in compared.items()
                if own.together.named.low is not None and own.together.named.low > MARGIN
            ]
            if biased:
                yield f"Judge {judge} often prefers a trace to itself on {', '.join(biased)}."
