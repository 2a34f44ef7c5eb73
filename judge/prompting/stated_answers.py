"""Final answers that judges state of the traces: used where our own rules read none, and compared where they do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from judge.prompting.correctness import chosen_options, is_right
from judge.prompting.final_text import UnparsedError
from judge.prompting.pairwise_reply import parse_answers
from judge.schema import Item, Judged, Judgment, Order, Trace

Side = str
"""`a` or `b`"""


class StatedAnswers:
    """What judges state of each trace, in both orders.

    Args:
        judgments: of a run whose prompt asks for the answers; of two under one key the later counts.
    """

    def __init__(self, judgments: Iterable[Judgment]) -> None:
        self._said: defaultdict[tuple[str, Side], dict[str, tuple[Order, str]]] = defaultdict(dict)
        self.counts: Counter[str] = Counter()
        """`used_a`, `used_b`: answers that the rules did not read; `compared` and `same`: those that both read;
        `orders_differ`: traces of which the judge says different things"""
        for judgment in judgments:
            self._add(judgment)

    def right(self, item: Item, side: Side, trace: Trace) -> bool | None:
        """Return whether a trace's answer is right: by the rules, else by what the judge states in both orders."""
        own = is_right(trace, item)
        stated = self._agreed(item, side)
        if stated is None or item.answer is None:
            return own
        if own is None:
            found = is_right(stated, item)
            self.counts[f"used_{side}"] += found is not None
            return found
        self.counts["compared"] += 1
        chosen = chosen_options(stated, item)
        same = chosen == chosen_options(trace, item) if chosen else is_right(stated, item) == own
        self.counts["same"] += same
        return own

    def _add(self, judgment: Judgment) -> None:
        if not isinstance(judgment.result, Judged) or judgment.reply is None:
            return
        try:
            stated = parse_answers(judgment.reply.text)
        except UnparsedError:
            return
        sides = "ab" if judgment.order is Order.FORWARD else "ba"
        for side, text in zip(sides, stated or (), strict=False):
            self._said[judgment.item, side][judgment.key] = (judgment.order, text.strip())

    def _agreed(self, item: Item, side: Side) -> Trace | None:
        """Return what is stated in both orders alike, as a trace that ends with it; None where there is no such."""
        said = self._said.get((item.id, side), {}).values()
        if {order for order, _ in said} != {*Order} or not any(text for _, text in said):
            return None
        traces = [Trace(text="", answer=text) for _, text in said]
        read = {chosen_options(trace, item) or trace.answer.casefold() for trace in traces if trace.answer is not None}
        if len(read) != 1:
            self.counts["orders_differ"] += 1
            return None
        return traces[0]
