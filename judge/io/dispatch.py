"""Ask many requests: bounded concurrency, retries, a deadline a call, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import tenacity

from judge.errors import OmrJudgeError, ProviderError, RetryableError, StopRunError
from judge.schema import Attempt, Failed, FailureKind, Judged, Judgment, Reply, Request, Result

if TYPE_CHECKING:
    from judge.io.judges.base import Judge

REJECTED_LIMIT = 10
"""when a judge's first so many requests are all called invalid, it is the settings that are wrong: stop"""


@dataclass(frozen=True)
class Policy:
    """How patiently one request is asked; the SDKs' own retries are off."""

    attempts: int = 8
    timeout: float = 600.0
    """seconds from a call's start to the last byte of its reply"""
    first_wait: float = 0.5
    longest_wait: float = 60.0
    longest_told_wait: float = 600.0
    """a provider that asks for a longer pause than this has failed"""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Events(Protocol):
    """Who is told what happens, as it happens: the progress display."""

    def started(self) -> None:
        """A request is in flight."""
        ...

    def retried(self, attempt: Attempt) -> None:
        """A request failed in passing and waits to be asked again."""
        ...

    def recorded(self, judgment: Judgment) -> None:
        """A judgment is on disk."""
        ...


@dataclass
class Lane:
    """One judge with its requests, drawn lazily, and what became of the first of them."""

    judge: Judge
    requests: Iterator[Request]
    concurrency: int
    interpret: Callable[[Reply], Result]
    n_judged: int = 0
    n_rejected: int = 0

    def count(self, result: Result) -> None:
        """Count a result; StopRunError when nothing but invalid requests came back."""
        if isinstance(result, Judged):
            self.n_judged += 1
        elif result.failure is FailureKind.REJECTED:
            self.n_rejected += 1
            if not self.n_judged and self.n_rejected >= REJECTED_LIMIT:
                first = f"the first {REJECTED_LIMIT} requests were all called invalid: {result.detail}"
                raise StopRunError(FailureKind.REJECTED, first)


@dataclass
class Stop:
    """Whether and why no new request is started."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    error: StopRunError | None = None


async def dispatch(
    lanes: list[Lane], *, policy: Policy, record: Callable[[Judgment], None], events: Events, stop: Stop
) -> None:
    """Ask every lane's requests, recording each judgment as it comes.

    Workers draw requests one at a time, so that memory does not grow with the run. When `stop` is set, those in flight
    are waited for. Cancelling this coroutine gives them up at once.

    Args:
        lanes: the judges and their requests.
        policy: retries and deadlines.
        record: puts a judgment on disk; what it raises ends the run.
        events: is told of a judgment after `record` returned.
        stop: set from outside to stop asking, or here when every further call would fail.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                for _ in range(lane.concurrency):
                    group.create_task(_work(lane, policy=policy, record=record, events=events, stop=stop))
    except* OmrJudgeError as errors:
        raise errors.exceptions[0] from None


async def _work(lane: Lane, *, policy: Policy, record: Callable[[Judgment], None], events: Events, stop: Stop) -> None:
    while not stop.asked.is_set() and (request := next(lane.requests, None)) is not None:
        events.started()
        try:
            judgment = await ask(lane.judge, request, policy=policy, interpret=lane.interpret, events=events)
            record(judgment)
            events.recorded(judgment)
            lane.count(judgment.result)
        except StopRunError as error:
            stop.error = stop.error or error
            stop.asked.set()


async def ask(
    judge: Judge, request: Request, *, policy: Policy, interpret: Callable[[Reply], Result], events: Events
) -> Judgment:
    """Ask one request until there is a reply or no more patience; a failure is a judgment too.

    Raises:
        StopRunError: every further call to this judge would fail too.
    """
    attempts: list[Attempt] = []

    def note(state: tenacity.RetryCallState) -> None:
        attempts.append(_attempt(state))
        events.retried(attempts[-1])

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: _worth_retrying(error, policy)),
        wait=lambda state: _wait(state, policy),
        stop=tenacity.stop_after_attempt(policy.attempts),
        before_sleep=note,
        sleep=policy.sleep,
        reraise=True,
    )
    reply, started = None, time.monotonic()
    try:
        async for attempt in retrying:
            with attempt:
                started = time.monotonic()
                async with _deadline(policy.timeout):
                    reply = await judge.ask(request)
        result = interpret(reply) if reply else Failed(failure=FailureKind.TRANSPORT)
    except StopRunError:
        raise
    except ProviderError as error:
        result = Failed(failure=error.kind, detail=error.message)
    return Judgment(
        key=request.key,
        item=request.item,
        order=request.order,
        judge=request.judge,
        sample=request.sample,
        result=result,
        reply=reply,
        attempts=tuple(attempts),
        latency_s=round(time.monotonic() - started, 3),
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    """Limit a whole call: a read timeout alone lets a reply drip in for ever."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise RetryableError(FailureKind.TIMEOUT, f"no whole reply in {seconds:g} s", maybe_paid=True) from error


def _worth_retrying(error: BaseException, policy: Policy) -> bool:
    return isinstance(error, RetryableError) and (error.retry_after or 0.0) <= policy.longest_told_wait


def _wait(state: tenacity.RetryCallState, policy: Policy) -> float:
    """Wait as told, else exponentially longer; with jitter, so that many workers do not come back together."""
    error = state.outcome.exception() if state.outcome else None
    told = error.retry_after if isinstance(error, RetryableError) else None
    if told is not None:
        return told + tenacity.wait_random(0, 0.25 * min(told, 4.0))(state)
    return tenacity.wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)(state)


def _attempt(state: tenacity.RetryCallState) -> Attempt:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, RetryableError):  # only these are retried
        raise TypeError(error)
    waited = round(state.next_action.sleep, 3) if state.next_action else 0.0
    return Attempt(problem=error.message, status=error.status, waited_s=waited, maybe_paid=error.maybe_paid)
