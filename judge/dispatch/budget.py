"""What a run may spend: calls and dollars."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass
class Budget:
    """Counts what a run spends against its limits; calls in flight count as if they were answered.

    A call in flight is taken to cost the mean of those answered so far, so that no more are begun than can be paid
    for. Before a first reply its cost is unknown, and counts as nothing.
    """

    max_calls: int | None = None
    max_cost: Decimal | None = None
    """US dollars"""
    n_answered: int = 0
    cost: Decimal = Decimal(0)
    """of all replies so far, US dollars"""
    n_in_flight: int = 0
    n_lost: int = 0
    """calls without a reply that may have been paid for"""
    reached: str = ""
    """which limit was met, in words, once a call was held back"""

    @property
    def n_calls(self) -> int:
        """Calls that are paid for, or may be."""
        return self.n_answered + self.n_in_flight + self.n_lost

    def begin(self) -> bool:
        """Count a call that begins, or return False where there is no room for it."""
        if self.max_calls is not None and self.n_calls >= self.max_calls:
            self.reached = f"{self.n_calls:,} calls, of --max-calls {self.max_calls:,}"
            return False
        if self.max_cost is not None and (self.cost >= self.max_cost or self._expected_cost() > self.max_cost):
            self.reached = f"${self.cost:.2f} spent, of --max-cost {self.max_cost}: the next call may exceed it"
            return False
        self.n_in_flight += 1
        return True

    def _expected_cost(self) -> Decimal:
        """Return the cost once all that is in flight, and one call more, is answered."""
        if not self.n_answered:
            return self.cost
        mean = self.cost / self.n_answered
        return self.cost + mean * (self.n_in_flight + self.n_lost) + mean

    def answered(self, cost: Decimal) -> None:
        """Count the reply to a call in flight."""
        self.n_in_flight -= 1
        self.n_answered += 1
        self.cost += cost

    def unanswered(self, *, maybe_paid: bool) -> None:
        """Count a call in flight that ends without a reply; one that surely cost nothing is given back."""
        self.n_in_flight -= 1
        self.n_lost += maybe_paid
