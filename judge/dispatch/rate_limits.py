"""How many calls of one judge may be in flight, and how many may begin a minute."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

MINUTE = 60.0
PROBE = 16
"""calls in flight until a first verdict has come"""


class AdaptiveConcurrency:
    """A context for each call that lets through as many at once as were asked for and the provider bears.

    The limit starts at the ceiling. A refusal (429, 529, a time-out) halves it, once for all calls that were in flight
    together; each round of replies then raises it by one (additive increase, multiplicative decrease: Chiu and Jain,
    Computer Networks 17, 1989). While a provider asks for a pause, no call begins. Until a first verdict shows that its
    replies can be read, no more than `PROBE` are in flight: a run that cannot succeed is not paid for.

    Args:
        ceiling: most calls in flight, at least 1.
    """

    def __init__(self, ceiling: int) -> None:
        self.limit = float(ceiling)
        self.probe = False
        """whether no verdict has come yet"""
        self.in_flight = 0
        self.ceiling = ceiling
        self._refused_at = -math.inf
        self._paused_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        """Wait for a place among the calls in flight: whoever came first has it first."""
        if self.in_flight < self._room and not self._waiting:
            self.in_flight += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place  # whoever gives the place has counted it
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self._wake()

    @property
    def _room(self) -> int:
        """Most calls in flight now."""
        return int(min(self.limit, PROBE) if self.probe else self.limit)

    def judged(self) -> None:
        """Note a verdict: the judge's replies can be read."""
        if self.probe:
            self.probe = False
            self._wake()

    def pause_left(self, *, now: float) -> float:
        """Return the seconds for which the provider still asks to be left alone."""
        return max(0.0, self._paused_until - now)

    def pause(self, seconds: float, *, now: float) -> None:
        """Note that the provider asks to be left alone for so long."""
        self._paused_until = max(self._paused_until, now + seconds)

    def succeeded(self) -> None:
        """Note a reply: there may be room for more."""
        if self.limit < self.ceiling:
            self.limit = min(self.limit + 1 / self.limit, float(self.ceiling))
            self._wake()

    def refused(self, *, started: float, now: float) -> None:
        """Note that the provider asked to slow down.

        Args:
            started: when the refused call began; calls begun before the last halving do not halve again.
            now: the time, by the same clock.
        """
        if started > self._refused_at:
            self.limit, self._refused_at = max(1.0, self.limit / 2), now

    def _wake(self) -> None:
        while self.in_flight < self._room and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                self.in_flight += 1
                place.set_result(None)


class RateLimiter:
    """Spreads calls, or their tokens, evenly over time, so that no minute sees more than it may.

    Each amount taken moves the time of the next by its share of a minute (virtual scheduling, the generic cell rate
    algorithm of ITU-T I.371). Time that passed unused is not saved up.

    Args:
        per_minute: what may be taken in a minute, above 0; None: any amount.
        share: tells which share of that may be taken here, as others take the rest.
    """

    def __init__(self, per_minute: float | None = None, share: Callable[[], float] = lambda: 1.0) -> None:
        self._full_seconds_each = 0.0 if per_minute is None else MINUTE / per_minute
        self._share, self._next = share, 0.0

    @property
    def _seconds_each(self) -> float:
        return self._full_seconds_each / self._share() if self._full_seconds_each else 0.0

    def take(self, amount: float, *, now: float) -> float:
        """Take an amount and return the seconds to wait before it may be used."""
        start = max(self._next, now)
        self._next = start + amount * self._seconds_each
        return start - now

    def correct(self, difference: float) -> None:
        """Note that an amount taken before was larger by so much than was thought, or smaller."""
        self._next += difference * self._seconds_each
