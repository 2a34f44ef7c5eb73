"""How many calls of one judge may be in flight: found by trial, below a ceiling."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FIRST_LIMIT = 32
GROWTH = 3
"""calls that each reply adds to the limit until the first refusal: four times as many each round"""


class Gate:
    """Lets calls through: as many at once as the provider was seen to bear.

    The limit starts low and grows while replies come. A refusal (429, 529) halves it, once for all calls that were in
    flight together; from then on it grows by one a round (additive increase, multiplicative decrease: Chiu and Jain,
    Computer Networks 17, 1989). While a provider asks for a pause, no call begins.

    Args:
        ceiling: most calls in flight, at least 1.
    """

    def __init__(self, ceiling: int) -> None:
        self.limit = float(min(FIRST_LIMIT, ceiling))
        self.in_flight = 0
        self._ceiling = ceiling
        self._refused_at: float | None = None
        self._paused_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place among the calls in flight, and give it back at the end."""
        while self.in_flight >= int(self.limit):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._wake()

    def pause_left(self, *, now: float) -> float:
        """Return the seconds for which the provider still asks to be left alone."""
        return max(0.0, self._paused_until - now)

    def succeeded(self) -> None:
        """Note a reply: there may be room for more."""
        step = GROWTH if self._refused_at is None else 1 / self.limit
        self.limit = min(self.limit + step, float(self._ceiling))
        self._wake()

    def refused(self, *, started: float, now: float, pause: float | None) -> None:
        """Note that the provider asked to slow down.

        Args:
            started: when the refused call began; calls begun before the last halving do not halve again.
            now: the time, by the same clock.
            pause: seconds that the provider asked to wait, where it did.
        """
        if self._refused_at is None or started > self._refused_at:
            self.limit, self._refused_at = max(1.0, self.limit / 2), now
        if pause is not None:
            self._paused_until = max(self._paused_until, now + pause)

    def _wake(self) -> None:
        free = int(self.limit) - self.in_flight
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1
