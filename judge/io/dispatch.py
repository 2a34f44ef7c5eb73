"""Ask many requests: bounded concurrency, retries, a deadline a call, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

import tenacity

from judge.errors import OmrJudgeError, ProviderError, RetryableError, StopRunError
from judge.io.limits import Gate
from judge.schema import Attempt, Failed, FailureKind, Judged, Judgment, Reply, Request, Result

if TYPE_CHECKING:
    from judge.io.judges.base import Judge

SLOW_DOWN = {429, 529}
UNREACHED_LIMIT = 20
"""when so many attempts in a row meet nobody, and nothing was ever answered, the address is wrong: stop"""
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
    """Who is told what happens, as it happens: the record of what is in flight, and the progress display."""

    def started(self, request: Request) -> None:
        """A request is about to be sent."""
        ...

    def retried(self, attempt: Attempt) -> None:
        """A request failed in passing and waits to be asked again."""
        ...

    def recorded(self, judgment: Judgment) -> None:
        """A judgment is on disk."""
        ...

    def given_up(self, request: Request) -> None:
        """A request that was in flight stays unasked, because the run stops."""
        ...


@dataclass
class Lane:
    """One judge with its requests, drawn lazily, and what became of the first of them."""

    judge: Judge
    requests: Iterator[Request]
    concurrency: int
    interpret: Callable[[Reply], Result]
    gate: Gate = field(init=False)
    n_judged: int = 0
    n_rejected: int = 0
    n_unreached: int = 0

    def __post_init__(self) -> None:
        self.gate = Gate(self.concurrency)

    def note(self, attempt: Attempt) -> None:
        """Count an attempt that failed in passing; StopRunError when nothing ever answered."""
        never_sent = attempt.status is None and not attempt.maybe_paid
        self.n_unreached = self.n_unreached + 1 if never_sent else 0
        if not self.n_judged and self.n_unreached >= UNREACHED_LIMIT:
            raise StopRunError(FailureKind.TRANSPORT, f"{self.judge.spec.name} cannot be reached: {attempt.problem}")

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
    error: OmrJudgeError | None = None

    def because(self, error: OmrJudgeError) -> None:
        """Stop, for the first reason that comes up."""
        self.error = self.error or error
        self.asked.set()


class _UnaskedError(Exception):
    """The run stopped while a request waited to be asked again."""


async def dispatch(
    lanes: list[Lane], *, policy: Policy, record: Callable[[Judgment], None], events: Events, stop: Stop
) -> None:
    """Ask every lane's requests, recording each judgment as it comes.

    Workers draw requests one at a time, so that memory does not grow with the run. When `stop` is set, those in flight
    are waited for, and those that wait to be asked again stay unasked. Cancelling this coroutine gives all up at once.

    Args:
        lanes: the judges and their requests.
        policy: retries and deadlines.
        record: puts a judgment on disk.
        events: is told of a judgment after `record` returned.
        stop: set from outside to stop asking, or here when every further call would fail.

    Raises:
        RunError, InputError: a request cannot be made or a judgment not recorded; what else was in flight is recorded.
    """
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            for _ in range(lane.concurrency):
                group.create_task(_work(lane, policy=policy, record=record, events=events, stop=stop))
    if stop.error is not None and not isinstance(stop.error, StopRunError):
        raise stop.error


async def _work(lane: Lane, *, policy: Policy, record: Callable[[Judgment], None], events: Events, stop: Stop) -> None:
    while not stop.asked.is_set():
        async with lane.gate.place():
            try:
                if stop.asked.is_set() or (request := next(lane.requests, None)) is None:
                    return
                if (pause := lane.gate.pause_left(now=time.monotonic())) > 0:
                    await _pause(policy.sleep(pause), stop.asked)
                judgment = await _judge(lane, request, policy=policy, record=record, events=events, stop=stop)
                lane.count(judgment.result)
            except OmrJudgeError as error:
                stop.because(error)
            except _UnaskedError:
                return


async def _judge(
    lane: Lane, request: Request, *, policy: Policy, record: Callable[[Judgment], None], events: Events, stop: Stop
) -> Judgment:
    """Ask one request and record its judgment, telling the events how it ends."""
    events.started(request)
    try:
        judgment = await _ask(lane, request, policy=policy, events=events, stop=stop)
        record(judgment)
    except (OmrJudgeError, _UnaskedError):
        events.given_up(request)
        raise
    events.recorded(judgment)
    return judgment


class _Timed(NamedTuple):
    """A reply and the seconds from the start of its attempt."""

    reply: Reply
    seconds: float


async def _ask(lane: Lane, request: Request, *, policy: Policy, events: Events, stop: Stop) -> Judgment:
    """Ask one request until there is a reply or no more patience; a failure is a judgment too.

    Raises:
        StopRunError: every further call to this judge would fail too.
        _UnaskedError: the run stopped while the request waited to be asked again.
    """
    attempts: list[Attempt] = []

    def note(state: tenacity.RetryCallState) -> None:
        attempts.append(_attempt(state))
        events.retried(attempts[-1])
        lane.note(attempts[-1])

    timed: _Timed | None = None
    try:
        answered: _Timed = await _retrying(policy, stop, note)(_ask_once, lane, request, policy)
        timed, result = answered, lane.interpret(answered.reply)
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
        reply=timed and timed.reply,
        attempts=tuple(attempts),
        latency_s=timed and round(timed.seconds, 3),
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def _retrying(policy: Policy, stop: Stop, note: Callable[[tenacity.RetryCallState], None]) -> tenacity.AsyncRetrying:
    """Return the one retry policy, which tells `note` of every attempt that is made again."""
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: _worth_retrying(error, policy)),
        wait=lambda state: _wait(state, policy),
        stop=tenacity.stop_after_attempt(policy.attempts),
        before_sleep=note,
        sleep=lambda seconds: _pause(policy.sleep(seconds), stop.asked),
        reraise=True,
    )


async def _ask_once(lane: Lane, request: Request, policy: Policy) -> _Timed:
    """Make one call within its deadline, and tell the lane's gate how the provider bore it."""
    started = time.monotonic()
    try:
        async with _deadline(policy.timeout):
            reply = await lane.judge.ask(request)
    except RetryableError as error:
        if error.status in SLOW_DOWN and _worth_retrying(error, policy):
            lane.gate.refused(started=started, now=time.monotonic(), pause=error.retry_after)
        raise
    lane.gate.succeeded()
    return _Timed(reply, time.monotonic() - started)


async def _pause(sleeping: Awaitable[None], stopped: asyncio.Event) -> None:
    """Wait before the next attempt, unless the run stops meanwhile."""
    waits = [asyncio.ensure_future(sleeping), asyncio.ensure_future(stopped.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if stopped.is_set():
        raise _UnaskedError


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
    told = _outcome(state).retry_after
    if told:  # a pause of nothing, or one that is over, is no help to a server in trouble
        return told + tenacity.wait_random(0, 0.25 * min(told, 4.0))(state)
    return tenacity.wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)(state)


def _attempt(state: tenacity.RetryCallState) -> Attempt:
    error = _outcome(state)
    waited = round(state.next_action.sleep, 3) if state.next_action else 0.0
    return Attempt(problem=error.message, status=error.status, waited_s=waited, maybe_paid=error.maybe_paid)


def _outcome(state: tenacity.RetryCallState) -> RetryableError:
    """Return why an attempt is made again."""
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, RetryableError):  # only these are retried
        raise TypeError(error)
    return error
