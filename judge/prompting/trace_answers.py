"""The final answers of a run's traces: by our own rules; where these read none, as judges state them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from judge.enums import Stratum, Unplaced
from judge.prompting.correctness import FinalAnswer, final_answer
from judge.prompting.final_text import UnparsedError
from judge.prompting.pairwise_reply import parse_answers
from judge.schema import Item, Judged, Judgment, Order, Pair, Trace

Side = str
"""`a` or `b`"""


class TraceAnswers:
    """The one reading of each trace's final answer in a run.

    Args:
        judgments: of a run whose prompt asks the judges for the answers; of two under one key the later counts.
    """

    def __init__(self, judgments: Iterable[Judgment] = ()) -> None:
        self._said: defaultdict[tuple[str, Side], dict[str, tuple[Order, str]]] = defaultdict(dict)
        self.counts: Counter[str] = Counter()
        """`used_a`, `used_b`: answers that the rules did not read; `compared` and `same`: those that both read;
        `orders_differ`: traces of which the judge says different things"""
        for judgment in judgments:
            self._add(judgment)

    def of(self, item: Item, side: Side, trace: Trace) -> tuple[FinalAnswer, str | None]:
        """Return a trace's answer by the rules, else what the judges state in both orders, and then their words."""
        own, agreed = final_answer(trace, item), self._agreed(item, side)
        if agreed is None or item.answer is None:
            return own, None
        told = final_answer(agreed, item)
        if own.right is None:
            self.counts[f"used_{side}"] += told.right is not None
            return (own, None) if told.right is None else (told, agreed.answer)
        self.counts["compared"] += 1
        self.counts["same"] += told.chosen == own.chosen if told.chosen else told.right == own.right
        return own, None

    def right(self, pair: Pair) -> tuple[bool | None, bool | None]:
        """Return whether the answers of a and of b are right; None where that cannot be read."""
        return self.of(pair.item, "a", pair.a)[0].right, self.of(pair.item, "b", pair.b)[0].right

    def stratum(self, pair: Pair) -> Stratum | Unplaced:
        """Return which of a pair's two final answers are right."""
        if pair.item.answer is None:
            return Unplaced.NO_ANSWER
        match self.right(pair):
            case True, True:
                return Stratum.BOTH_RIGHT
            case True, False:
                return Stratum.ONLY_A_RIGHT
            case False, True:
                return Stratum.ONLY_B_RIGHT
            case False, False:
                return Stratum.BOTH_WRONG
            case _:
                return Unplaced.UNREADABLE

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
        traces = {text.casefold(): Trace(text="", answer=text) for _, text in said}
        if len({final_answer(trace, item).chosen or text for text, trace in traces.items()}) != 1:
            self.counts["orders_differ"] += 1
            return None
        return next(iter(traces.values()))
