"""What a run may spend: calls and dollars."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from judge.costs.charges import NO_CHARGE, Charge
from judge.costs.cost_words import dollars


@dataclass
class Budget:
    """Counts what a run spends against its limits; a call counts from the moment it begins.

    A call in flight is charged as much as it may cost, by the limit of its output and by how far earlier estimates were
    off, and its true cost once its reply tells it. A call alone need only fit by what is expected of it, and the first
    is alone: so what is spent exceeds a limit in dollars by no more than one call's error of estimate. A reply that
    does not tell its tokens, and a call that was lost and may be paid for, stay charged as expected.
    """

    max_calls: int | None = None
    max_cost: Decimal | None = None
    """US dollars"""
    n_answered: int = 0
    cost: Decimal = Decimal(0)
    """of all calls that have ended, US dollars"""
    n_in_flight: int = 0
    n_lost: int = 0
    """calls without a reply that may have been paid for"""
    more: Callable[[Budget], bool] = lambda _: False
    """raises the limits where they are a part of a run's, and more of it may be had; returns whether it did"""
    reached: str = ""
    """which limit was met, in words, once a call was held back for good"""
    first_came: bool = False
    """whether a call of this session has ended that is paid for, or may be; until then there is one at a time"""
    _high: Decimal = Decimal(0)
    """sum of the high estimates of calls in flight"""
    _told: Decimal = Decimal(0)
    """cost of replies that told theirs"""
    _estimated: Decimal = Decimal(0)
    """what was expected of these"""
    _excess: Decimal = Decimal(1)
    """largest ratio of a cost to its high estimate, at least 1"""
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.max_calls is not None or self.max_cost is not None

    @property
    def n_calls(self) -> int:
        """Calls that are paid for, or may be."""
        return self.n_answered + self.n_in_flight + self.n_lost

    def begin(self, charge: Charge = NO_CHARGE) -> bool:
        """Count a call that begins, or return False where there is no room for it now.

        There may be more where calls in flight turn out to cost less: without any, the limit is reached.
        """
        limit = self.limit_met(charge)
        while limit and self.more(self):
            limit = self.limit_met(charge)
        if limit:
            if not self.n_in_flight:
                self.reached = limit
            return False
        self.take(charge)
        self._wake()
        return True

    def take(self, charge: Charge) -> None:
        """Count a call that has begun, whatever the limits."""
        self.n_in_flight += 1
        self._high += charge.high

    def limit_met(self, charge: Charge) -> str:
        """Say which limit one more call does not fit in; nothing where it does."""
        if self.max_calls is not None and self.n_calls >= self.max_calls:
            return f"{self.n_calls:,} calls, of --max-calls {self.max_calls:,}"
        if self.max_cost is None:
            return ""
        held, needs = self._high * self._excess, charge.high * self._excess
        if not self.n_in_flight:
            needs = self._expected(charge)
        waits_for_first = self.n_in_flight > 0 and not self.first_came
        if self.cost < self.max_cost and self.cost + held + needs <= self.max_cost and not waits_for_first:
            return ""
        return f"{dollars(self.cost)} spent, of --max-cost {self.max_cost}: the next call may exceed it"

    def _expected(self, charge: Charge) -> Decimal:
        """Return what a call is expected to cost, by how far earlier estimates were off together.

        Until a reply of this session tells that, no less than what the replies of earlier ones have cost.
        """
        if self._estimated:
            return charge.expected * self._told / self._estimated
        return max(charge.expected, self.cost / self.n_answered) if self.n_answered else charge.expected

    async def room(self) -> None:
        """Wait until a call has ended, and there may be room for another."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def answered(self, cost: Decimal | None, charge: Charge = NO_CHARGE) -> None:
        """Count the reply to a call in flight.

        Args:
            cost: US dollars; None where the reply does not tell its tokens.
            charge: with which the call began.
        """
        self.n_answered, self.first_came = self.n_answered + 1, True
        if cost is None:
            cost = self._expected(charge)
        else:
            self._told, self._estimated = self._told + cost, self._estimated + charge.expected
            self._excess = max(self._excess, cost / charge.high if charge.high else self._excess)
        self.cost += cost
        self._ended(charge)

    def unanswered(self, charge: Charge = NO_CHARGE, *, maybe_paid: bool) -> None:
        """Count a call in flight that ends without a reply; one that surely cost nothing is given back."""
        if maybe_paid:
            self.n_lost, self.first_came = self.n_lost + 1, True
            self.cost += self._expected(charge)
        self._ended(charge)

    def _ended(self, charge: Charge) -> None:
        self.n_in_flight -= 1
        self._high -= charge.high
        self._wake()

    def _wake(self) -> None:
        """Let the next call that waits for room look for it; all of them where there will be no more."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                if self.n_in_flight:
                    return
