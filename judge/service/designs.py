"""Which pairs of a group are asked, in which order, and what rewards come of the verdicts (pure).

Of G responses with a judge that leans to a slot, rewards follow quality best where each response is shown first as
often as second (docs/library.md has the simulated figures): all designs here are balanced so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import combinations
from math import sqrt
from typing import NamedTuple

from judge.enums import Orders
from judge.errors import InputError
from judge.schema import Order

DEFAULT_DESIGN = "strides:2"
_FORM = re.compile(r"cyclic|all|both|anchor|strides:(?P<strides>[1-9][0-9]{0,2})")
HALF = 0.5


class Against(StrEnum):
    """What the two traces of a pair are: of each kind there is a run, as their win rates differ in meaning."""

    FIRST = "first"
    """the one shown first against the one shown second: one order a pair"""
    LATER = "later"
    """the one that was sent first against one sent later: both orders"""
    ANCHOR = "anchor"
    """a response against a stored trace of its item: both orders"""

    @property
    def orders(self) -> Orders:
        """In which orders such pairs are judged."""
        return Orders.ONE if self is Against.FIRST else Orders.BOTH


class Comparison(NamedTuple):
    """Two responses of a group, by their places; in one order, `i` is shown first."""

    i: int
    j: int


class GroupDesign(NamedTuple):
    """A design as it is named."""

    name: str
    strides: int = 0

    @classmethod
    def parse(cls, text: str, where: str = "--design") -> GroupDesign:
        """Read a design; InputError, which names where it was given, if there is none of that name."""
        found = _FORM.fullmatch(text)
        if found is None:
            known = "cyclic, strides:K, anchor, all, both"
            raise InputError(where, f"{text!r} is no design", f"there are {known}")
        return cls(text, int(found["strides"] or 1))

    @property
    def against(self) -> Against:
        """What its pairs are."""
        return {"anchor": Against.ANCHOR, "both": Against.LATER}.get(self.name, Against.FIRST)

    def comparisons(self, n: int) -> list[Comparison]:
        """Return what is asked of a group of n; with `anchor`, its last is the trace that all others meet.

        `strides:K` compares each response with the K after it, around the group: each is K times first and K times
        second. `cyclic` is `strides:1`. `all` shows of every pair one order, so that each response is first as often as
        second, or once more or less; `both` shows both orders of every pair.
        """
        if self.name == "anchor":
            return [Comparison(i, n - 1) for i in range(n - 1)]
        if self.name == "both":
            return [Comparison(i, j) for i, j in combinations(range(n), 2)]
        strides = (n - 1) // 2 if self.name == "all" else min(self.strides, n - 1)
        found = [Comparison(i, (i + stride) % n) for stride in range(1, strides + 1) for i in range(n)]
        if self.name == "all" and n % 2 == 0:
            opposite = [(i, i + n // 2) for i in range(n // 2)]
            found += [Comparison(*pair) if pair[0] % 2 == 0 else Comparison(*pair[::-1]) for pair in opposite]
        return found


def orders_of(against: Against) -> tuple[Order, ...]:
    """Return the orders in which each comparison is asked."""
    return (Order.FORWARD,) if against is Against.FIRST else (Order.FORWARD, Order.SWAPPED)


class Credit(NamedTuple):
    """What one verdict is worth to the first response of its comparison."""

    comparison: Comparison
    credit: float
    """in [0, 1]"""


class Reward(NamedTuple):
    """The mean credit of a response; without a verdict there is none."""

    mean: float | None
    """in [0, 1]"""
    se: float | None
    """its standard deviation given the credits, above 0: that of the Beta posterior under Jeffreys' prior (Brown, Cai
    and DasGupta, Statistical Science 16, 2001)"""


def rewards(n: int, credits_: Iterable[Credit]) -> list[Reward]:
    """Fold the credits of a group of n into a reward for each response."""
    own: list[list[float]] = [[] for _ in range(n)]
    for (i, j), credit in credits_:
        own[i].append(credit)
        own[j].append(1 - credit)
    return [_reward(each) for each in own]


def _reward(own: Sequence[float]) -> Reward:
    if not own:
        return Reward(None, None)
    won, lost = sum(own) + HALF, len(own) - sum(own) + HALF
    return Reward(sum(own) / len(own), sqrt(won * lost / ((won + lost) ** 2 * (won + lost + 1))))
