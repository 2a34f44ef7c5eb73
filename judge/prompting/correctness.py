"""Tell whether a model's final answer is right, by rules that leave unclear answers unread."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from judge.prompting.answer_letters import Labels
from judge.prompting.embedded_options import options_of
from judge.prompting.option_texts import CLOSE, OPEN, core, undressed
from judge.prompting.read_answer import read_answer
from judge.prompting.right_answer import free_answers, right_options
from judge.prompting.thinking import part_thinking
from judge.schema import Item, Trace

_STATED = re.compile(
    rf"{OPEN}(?P<boxed>[^{CLOSE}]*){CLOSE}|\banswer\b\s*(?:is|:|=)\s*(?P<said>(?:[^.\n]|\.(?=\S))+)", re.IGNORECASE
)


class FinalAnswer(NamedTuple):
    """What a trace answers."""

    chosen: tuple[str, ...]
    """labels of the options, in the item's order; empty where it cannot be read, or the item has none"""
    right: bool | None
    """None: the item has no right answer, or either cannot be read"""


def final_answer(trace: Trace, item: Item) -> FinalAnswer:
    """Read the answer that a trace ends with, and whether it is the item's.

    The stated answer goes first; without one, the text after the thinking, where a record has both; else the trace.
    """
    options = options_of(item)
    if _is_cut_off(trace) or (trace.final == "" and trace.answer is None):
        return FinalAnswer((), None)
    stated = _stated(trace)
    if not options:
        same = None if stated is None or item.answer is None else _is_same(stated, item.answer)
        return FinalAnswer((), same)
    right = _right(item)
    text = trace.text if stated is None else stated
    chosen = read_answer(text, options, several=right is None or len(right) > 1)
    return FinalAnswer(
        tuple(label for label in options if chosen and label in chosen), chosen == right if right and chosen else None
    )


def chosen_options(trace: Trace, item: Item) -> tuple[str, ...]:
    """Return the labels of the options that a trace ends with (see `final_answer`)."""
    return final_answer(trace, item).chosen


def right_labels(item: Item) -> tuple[str, ...]:
    """Return the labels of an item's right options, in its order; empty where it has none or they cannot be read."""
    right = _right(item)
    return tuple(label for label in options_of(item) if right and label in right)


def right_answer_key(item: Item) -> dict[str, object]:
    """Return an item's right answer under the way in which it is read, for comparing; empty where it has none."""
    if item.answer is None:
        return {}
    if right := right_labels(item):
        return {"labels": right}
    return {} if options_of(item) else {"texts": sorted({core(one) for one in free_answers(item.answer)})}


def is_right(trace: Trace, item: Item) -> bool | None:
    """Tell whether a trace's final answer is the item's; None where either is absent or cannot be read."""
    return final_answer(trace, item).right


def _right(item: Item) -> Labels | None:
    return None if item.answer is None else _right_of(item.answer, tuple(options_of(item).items()))


@lru_cache(maxsize=64)  # an item's right answer is compared with both traces'
def _right_of(answer: str, options: tuple[tuple[str, str], ...]) -> Labels | None:
    return right_options(answer, dict(options)) if options else None


def _stated(trace: Trace) -> str | None:
    """Return the answer that a record states, else the text after the thinking; None where it has neither."""
    after = trace.final or trace.meta.get("after_think")  # the latter in runs made before there was a final text
    return after if trace.answer is None and isinstance(after, str) and after.strip() else trace.answer


def _is_cut_off(trace: Trace) -> bool:
    """Tell whether an output was cut before its answer was certain: the next words might have taken it back."""
    return bool(trace.cut) and (trace.answer is None or trace.answer == trace.final)


def _is_same(stated: str, answer: str) -> bool | None:
    """Compare answers in free words: the same text or number is right; one that holds the right one may be."""
    text = undressed(part_thinking(stated).final or "")
    found = list(_STATED.finditer(text))
    said = core((found[-1]["boxed"] or found[-1]["said"] or "") if found else text)
    rights = [core(one) for one in free_answers(answer)]
    if any(said == right or _equal_numbers(said, right) for right in rights):
        return True
    return None if any(right and right in said for right in rights) or "\n" in text.strip() else False


def _equal_numbers(one: str, other: str) -> bool:
    try:
        return float(one.replace(",", "")) == float(other.replace(",", ""))
    except ValueError:
        return False
