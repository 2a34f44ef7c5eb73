"""The questions about a group, and what their verdicts are worth to its responses (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from judge.schema import Chances, Item, JudgeSpec, Order, Pair, Verdict
from judge.service.book import QuestionResult, Verdicts
from judge.service.designs import HALF, Against, Comparison, Credit, GroupDesign, orders_of
from judge.service.group_requests import AskedPair, pair_of


class Question(NamedTuple):
    """A comparison in one order, asked of one judge."""

    comparison: Comparison
    order: Order
    """`forward`: i of the comparison was shown first"""
    judge: JudgeSpec
    pair: Pair
    asked: Order
    """the same of the pair, whose a may be j"""


def questions_about(
    design: GroupDesign, texts: Sequence[str], item: Item, judges: Sequence[JudgeSpec]
) -> Iterator[Question]:
    """Yield every question about a group, but on responses that are the same text."""
    for comparison in design.comparisons(len(texts)):
        a, b = texts[comparison.i], texts[comparison.j]
        if a == b:
            continue
        # In both orders, two texts are one pair whichever was sent first: else it would be asked twice.
        flipped = design.against is Against.LATER and a > b
        pair = pair_of(item, b, a) if flipped else pair_of(item, a, b)
        for judge in judges:
            for order in orders_of(design.against):
                other = Order.SWAPPED if order is Order.FORWARD else Order.FORWARD
                yield Question(comparison, order, judge, pair, other if flipped else order)


def _credit(question: Question, said: Chances | None) -> float | None:
    """Return what a verdict is worth to i: of a soft one the expected credit."""
    if said is None:
        return None
    for_first = (said.p_first - said.p_second) / 2
    return HALF + (for_first if question.order is Order.FORWARD else -for_first)


def pooled(judged: Sequence[tuple[Question, Verdicts]], criteria: Sequence[int]) -> Iterator[Credit]:
    """Yield the credit of each question, the mean over those of some criteria that it decides."""
    for question, verdicts in judged:
        own = [credit for k in criteria if (credit := _credit(question, verdicts[k])) is not None]
        if own:
            yield Credit(question.comparison, fmean(own))


def asked_pair(question: Question, said: QuestionResult) -> AskedPair:
    """Return a question with what came of it, as it is answered."""
    verdict = p = None
    if said.verdicts is not None:
        last = said.verdicts[-1]
        verdict, p = (Verdict.CANNOT_JUDGE if last is None else last.likeliest), _credit(question, last)
    return AskedPair(*question.comparison, question.order, question.judge.name, verdict, p, said.why_not)
