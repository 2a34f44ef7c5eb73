"""When a failed call is made again, by tenacity, and after how long a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

import typer
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random, wait_random_exponential

from judge.errors import RetryableError

T = TypeVar("T")
LONGEST_PAUSE = 600.0
"""seconds; a provider that asks to be left alone for longer is not waited for"""
MOST_TOLD = 1
"""whole replies that hold an error in place of an answer after which a call is made again: each may be paid for"""
MOST_JITTER = 1.0
"""seconds that are added at most to a pause that the provider named"""


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed call is made again, and after how long a pause; the SDKs' own retries are off."""

    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one call, to the last byte.")] = 600.0
    attempts: Annotated[int, typer.Option(min=1, help="Attempts at a call that fails in passing.")] = 8
    first_wait: float = 0.5
    """seconds, doubled with each attempt"""
    longest_wait: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def call(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        before_sleep: Callable[[RetryableError, float], None] = lambda *_: None,
        is_endless: Callable[[RetryableError], bool] = lambda _: False,
    ) -> T:
        """Make a call until it is answered, or fails for good: its last error is raised as it is.

        Args:
            call: makes it once.
            sleep: waits in place of the policy's own.
            before_sleep: is told how the call failed, and for how many seconds it now waits.
            is_endless: tells of a failure whether more attempts than are allowed cost nothing and may help; where one
                attempt is allowed, there is only one.
        """
        n_told = 0

        # Making a retrying object for each call would take a tenth of a judgment's processor time: few calls need one.
        try:
            return await call()
        except RetryableError as error:
            failed: RetryableError | None = error

        async def call_again() -> T:
            """Fail as the first call did, then call anew."""
            nonlocal failed
            if failed is not None:
                first, failed = failed, None
                raise first
            return await call()

        def is_last(state: RetryCallState) -> bool:
            nonlocal n_told
            n_told += _error_of(state).has_begun and _error_of(state).status is not None
            return n_told > MOST_TOLD or (
                state.attempt_number >= self.attempts and not (self.attempts > 1 and is_endless(_error_of(state)))
            )

        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            stop=is_last,
            wait=self._wait,
            before_sleep=lambda state: before_sleep(_error_of(state), state.upcoming_sleep),
            sleep=sleep or self.sleep,
            reraise=True,
        )
        return cast("T", await retrying(call_again))

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
