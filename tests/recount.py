"""Count outcomes from what a server was asked and answered, by other code than the program's."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provider_server import Answer, Call, Script, traces_of

SHARES = {"first": 1.0, "tie": 0.5, "second": 0.0}
Answered = tuple[Call, Answer]


class Recording:
    """A script that keeps each call with its answer."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.answered: list[Answered] = []

    def __call__(self, call: Call) -> Answer:
        answer = self.script(call)
        self.answered.append((call, answer))
        return answer

    def of_judge(self, model: str) -> list[Answered]:
        """Return what one judge's model was asked and answered."""
        return [(call, answer) for call, answer in self.answered if call.body["model"] == model]


@dataclass
class Count:
    """What the verdicts on one criterion come to."""

    shares: dict[str, dict[str, float]]
    """item to order to a's share"""
    first: int = 0
    second: int = 0

    def expected(self, *, identical: int = 0) -> dict[str, Any]:
        """Return what a report must say of items that were each judged once in both orders."""
        both = [(orders["forward"], orders["swapped"]) for orders in self.shares.values()]
        credit = sum(sum(pair) / 2 for pair in both) + identical / 2
        decided = self.first + self.second
        return {
            "wins_a": both.count((1.0, 1.0)),
            "wins_b": both.count((0.0, 0.0)),
            "ties": both.count((0.5, 0.5)) + identical,
            "splits": sum(forward != swapped for forward, swapped in both),
            "missing": 0,
            "identical": identical,
            "win_rate": (round(credit / (len(both) + identical), 6), len(both) + identical),
            "consistency": (round(sum(forward == swapped for forward, swapped in both) / len(both), 6), len(both)),
            "first_slot": (round(self.first / decided, 6) if decided else None, decided),
        }


def recount(answered: Iterable[Answered], pairs: Mapping[str, tuple[str, str]]) -> dict[str, Count]:
    """Count the verdicts on each criterion.

    Args:
        answered: calls with their answers, of one judge.
        pairs: the traces of a and b by item.
    """
    placed = {(a, b): (item, "forward") for item, (a, b) in pairs.items()}
    placed |= {(b, a): (item, "swapped") for item, (a, b) in pairs.items()}
    counts: dict[str, Count] = defaultdict(lambda: Count(defaultdict(dict)))
    for call, answer in answered:
        item, order = placed[traces_of(call)]
        for criterion, given in json.loads(answer.text).items():
            count, share = counts[criterion], SHARES[given["verdict"]]
            assert order not in count.shares[item], f"item {item} was asked twice, {order}"
            count.shares[item][order] = share if order == "forward" else 1 - share
            count.first += share == 1.0
            count.second += share == 0.0
    return dict(counts)


def reported(criterion: Mapping[str, Any]) -> dict[str, Any]:
    """Return of one criterion's report what `Count.expected` returns."""
    counts = {name: criterion[name] for name in ("wins_a", "wins_b", "ties", "splits", "missing", "identical")}
    rates = {
        name: (criterion[name]["estimate"], criterion[name]["n"]) for name in ("win_rate", "consistency", "first_slot")
    }
    return counts | rates
