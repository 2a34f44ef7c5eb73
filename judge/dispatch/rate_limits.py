"""How many calls of one judge may be in flight, how many may begin a minute, and when a failed one is made again."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast

import typer
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random, wait_random_exponential

from judge.errors import RetryableError

MINUTE = 60.0
LONGEST_PAUSE = 600.0
"""seconds; a provider that asks to be left alone for longer is not waited for"""
MOST_JITTER = 1.0
"""seconds that are added at most to a pause that the provider named"""


class AdaptiveConcurrency:
    """A context for each call that lets through as many at once as were asked for and the provider bears.

    The limit starts at the ceiling. A refusal (429, 529, a time-out) halves it, once for all calls that were in flight
    together; each round of replies then raises it by one (additive increase, multiplicative decrease: Chiu and Jain,
    Computer Networks 17, 1989). While a provider asks for a pause, no call begins.

    Args:
        ceiling: most calls in flight, at least 1.
    """

    def __init__(self, ceiling: int) -> None:
        self.limit = float(ceiling)
        self.in_flight = 0
        self.ceiling = ceiling
        self._refused_at = -math.inf
        self._paused_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        """Wait for a place among the calls in flight."""
        while self.in_flight >= int(self.limit):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self.in_flight += 1

    async def __aexit__(self, *_: object) -> None:
        """Give a place back."""
        self.in_flight -= 1
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
        free = int(self.limit) - self.in_flight
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1


class RateLimiter:
    """Spreads calls, or their tokens, evenly over time, so that no minute sees more than it may.

    Each amount taken moves the time of the next by its share of a minute (virtual scheduling, the generic cell rate
    algorithm of ITU-T I.371). Time that passed unused is not saved up.

    Args:
        per_minute: what may be taken in a minute, above 0; None: any amount.
    """

    def __init__(self, per_minute: float | None = None) -> None:
        self._seconds_each = 0.0 if per_minute is None else MINUTE / per_minute
        self._next = 0.0

    def take(self, amount: float, *, now: float) -> float:
        """Take an amount and return the seconds to wait before it may be used."""
        start = max(self._next, now)
        self._next = start + amount * self._seconds_each
        return start - now

    def correct(self, difference: float) -> None:
        """Note that an amount taken before was larger by so much than was thought, or smaller."""
        self._next += difference * self._seconds_each


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed call is made again, and after how long a pause; the SDKs' own retries are off."""

    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one call, to the last byte.")] = 600.0
    attempts: Annotated[int, typer.Option(min=1, help="Attempts at a call that fails in passing.")] = 8
    first_wait: float = 0.5
    """seconds, doubled with each attempt"""
    longest_wait: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def retrying(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        before_sleep: Callable[[RetryableError, float], None] = lambda *_: None,
        is_endless: Callable[[RetryableError], bool] = lambda _: False,
    ) -> AsyncRetrying:
        """Return what makes one call until it is answered, or fails for good: its last error is raised as it is.

        Args:
            sleep: waits in place of the policy's own.
            before_sleep: is told how the call failed, and for how many seconds it now waits.
            is_endless: tells of a failure whether more attempts than are allowed cost nothing and may help; where one
                attempt is allowed, there is only one.
        """

        def is_last(state: RetryCallState) -> bool:
            return state.attempt_number >= self.attempts and not (self.attempts > 1 and is_endless(_error_of(state)))

        return AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            stop=is_last,
            wait=self._wait,
            before_sleep=lambda state: before_sleep(_error_of(state), state.upcoming_sleep),
            sleep=sleep or self.sleep,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        """Return the seconds to wait: Retry-After with jitter, else exponential backoff with full jitter.

        A Retry-After of 0 counts as none: it is no help to a server in trouble.
        """
        if told := _error_of(state).retry_after:
            return told + wait_random(0, min(MOST_JITTER, told / 4))(state)
        return wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)(state)


def _may_pass(error: BaseException) -> bool:
    """Whether a failed call may be retried after a pause of at most `LONGEST_PAUSE`."""
    return isinstance(error, RetryableError) and (error.retry_after or 0.0) <= LONGEST_PAUSE


def _error_of(state: RetryCallState) -> RetryableError:
    """Return the error of the last attempt, which `_may_pass`."""
    return cast("RetryableError", state.outcome and state.outcome.exception())
