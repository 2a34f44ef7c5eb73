"""Divide a run's rate limits and its budget among its shards, so that together they keep them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

BLOCKS = 2
"""into so many blocks for each shard what is left of a budget is cut: small enough that none holds back much"""


class Grant(NamedTuple):
    """What a shard may have spent at most, what it spent before included; None: there is no limit."""

    calls: int | None
    cost: Decimal | None
    """US dollars"""


@dataclass
class Leases:
    """Who works, and who was granted what; one object for all shards, and asked by one at a time.

    Args:
        max_calls: of the whole run; None: no limit.
        max_cost: of the whole run, US dollars; None: no limit.
    """

    max_calls: int | None = None
    max_cost: Decimal | None = None
    working: set[int] = field(default_factory=set)
    calls: dict[int, int] = field(default_factory=dict)
    """granted to each shard; of one that has ended: what it spent"""
    cost: dict[int, Decimal] = field(default_factory=dict)

    def begin(self, shard: int) -> None:
        """Count a shard among those that work; one that begins anew keeps what it was granted."""
        self.working.add(shard)

    def end(self, shard: int, calls: int, cost: Decimal) -> None:
        """Take back what a shard did not spend."""
        self.working.discard(shard)
        self.calls[shard], self.cost[shard] = calls, cost

    def spent(self) -> tuple[int, Decimal]:
        """Return calls and US dollars that shards have spent, or hold."""
        return sum(self.calls.values()), sum(self.cost.values(), Decimal(0))

    def has_left(self) -> bool:
        """Tell whether anything may still be granted."""
        calls, cost = self.spent()
        return (self.max_calls is None or calls < self.max_calls) and (self.max_cost is None or cost < self.max_cost)

    def share(self) -> float:
        """Return each working shard's share of the rate limits."""
        return 1 / max(1, len(self.working))

    def more(self, shard: int, calls: int, cost: Decimal) -> Grant:
        """Grant a shard a further block of what is left.

        Args:
            shard: which.
            calls: what it has spent, and has in flight.
            cost: the same, US dollars.
        """
        parts = BLOCKS * max(1, len(self.working))
        own_calls, own_cost = max(calls, self.calls.get(shard, 0)), max(cost, self.cost.get(shard, Decimal(0)))
        self.calls[shard], self.cost[shard] = own_calls, own_cost
        if self.max_calls is not None:
            left = max(0, self.max_calls - sum(self.calls.values()))
            self.calls[shard] = own_calls + min(left, max(1, left // parts))
        if self.max_cost is not None:
            rest = max(Decimal(0), self.max_cost - sum(self.cost.values(), Decimal(0)))
            self.cost[shard] = own_cost + (rest / parts if rest > self.max_cost / 1000 else rest)
        return Grant(
            None if self.max_calls is None else self.calls[shard], None if self.max_cost is None else self.cost[shard]
        )
