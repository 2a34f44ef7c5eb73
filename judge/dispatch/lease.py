"""What a run that is judged in several places at once may use of its limits, here and now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from judge.dispatch.budget import Budget


class Lease(Protocol):
    """A part of a run's limits, which grows and shrinks as other places come and go."""

    def share(self) -> float:
        """Return the share of the rate limits, above 0 and at most 1."""
        ...

    def more(self, budget: Budget) -> bool:
        """Raise the limits of a budget that is spent; return whether they were."""
        ...
