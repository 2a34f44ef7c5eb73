"""Ask many requests: bounded concurrency, retries, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from judge.dispatch.budget import Budget
from judge.dispatch.judge_queue import JudgeQueue
from judge.dispatch.retry_policy import RetryPolicy
from judge.errors import OmrJudgeError, ProviderError, RetryableError, StopRunError
from judge.prompting.pairwise_reply import READER
from judge.schema import Attempt, Failed, Judgment, Reply, Request, Result


class Events(Protocol):
    """Who is told what happens, as it happens: the progress display, the record of what is in flight."""

    def started(self, key: str) -> None:
        """The request of a key is about to be sent."""

    def retried(self, attempt: Attempt) -> None:
        """A request failed in passing and waits to be asked again."""

    def recorded(self, judgment: Judgment) -> None:
        """A judgment is on disk."""

    def given_up(self, key: str, *, maybe_paid: bool) -> None:
        """The request of a key, which was started, stays without a reply, because the run stops."""


@dataclass
class Stop:
    """Whether and why no new request is started."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    error: OmrJudgeError | None = None

    def because(self, error: OmrJudgeError) -> None:
        """Stop, for the first reason that comes up."""
        self.error = self.error or error
        self.asked.set()


class UnaskedError(Exception):
    """The run stopped, or its budget was spent, while a request waited to be asked."""


async def dispatch(
    queues: list[JudgeQueue],
    *,
    policy: RetryPolicy,
    record: Callable[[Judgment], None],
    events: Events,
    stop: Stop,
    budget: Budget | None = None,
) -> None:
    """Ask every queue's requests, recording each judgment as it comes.

    Workers draw requests one at a time, so that memory does not grow with the run. When `stop` is set, those in flight
    are waited for, and those that wait to be asked again stay unasked. Cancelling this coroutine gives all up at once.

    Args:
        queues: the judges and their requests.
        policy: retries.
        record: puts a judgment on disk.
        events: is told of a judgment after `record` returned.
        stop: set from outside to stop asking, or here when every further call would fail.
        budget: is asked before each call; where it has no room, the call is not made.

    Raises:
        RunError, InputError: a request cannot be made or a judgment not recorded; what else was in flight is recorded.
    """
    asking = Asking(policy, record, events, stop, budget or Budget())
    async with asyncio.TaskGroup() as group:
        for queue in queues:
            for _ in range(queue.concurrency.ceiling):
                group.create_task(asking.work(queue))
    if stop.error is not None and not isinstance(stop.error, StopRunError):
        raise stop.error


@dataclass(frozen=True)
class Asking:
    """What all workers share, and the way of a request, from its queue to the record (fields as for `dispatch`)."""

    policy: RetryPolicy
    record: Callable[[Judgment], None]
    events: Events
    stop: Stop
    budget: Budget

    async def work(self, queue: JudgeQueue) -> None:
        """Draw and ask a queue's requests until there are none, or the run stops."""
        while not self.stop.asked.is_set():
            async with queue.concurrency:
                try:
                    if self.stop.asked.is_set() or (group := next(queue.groups, None)) is None:
                        return
                    for request in group:
                        await self.judge(queue, request)
                except OmrJudgeError as error:
                    self.stop.because(error)
                except UnaskedError:
                    return

    async def judge(self, queue: JudgeQueue, request: Request) -> None:
        """Ask one request, once more where its reply is of no use, and record what came of it.

        A reply that came is recorded whatever becomes of the second call: it was paid for.

        Raises:
            UnaskedError: the run stopped, or its budget was spent, before there was a reply.
            StopRunError: every further call to this judge would fail too.
            RunError, InputError: the request cannot be made or its judgment not recorded.
        """
        if self.stop.asked.is_set():
            raise UnaskedError
        judgment: Judgment | None = None
        attempts: list[Attempt] = []
        self.events.started(request.key)
        try:
            judgment = await self.ask(queue, request, attempts)
            attempts = []
            judgment = await self.once_more(queue, request, judgment, attempts)
        except asyncio.CancelledError:
            # A second call may have been paid for: its request stays on record as in flight.
            if judgment is not None:
                self.record(_with(judgment, attempts))
            raise
        except (OmrJudgeError, UnaskedError):
            self.close(request, None if judgment is None else _with(judgment, attempts), attempts)
            raise
        self.close(request, judgment)
        queue.settled(judgment.result)

    def close(self, request: Request, judgment: Judgment | None, attempts: Sequence[Attempt] = ()) -> None:
        """Record what came of a request, and tell of it once it is on disk; without a judgment, the run stops."""
        if judgment is None:
            self.events.given_up(request.key, maybe_paid=any(attempt.maybe_paid for attempt in attempts))
        else:
            self.record(judgment)
            self.events.recorded(judgment)

    async def ask(self, queue: JudgeQueue, request: Request, attempts: list[Attempt]) -> Judgment:
        """Ask one request until there is a reply or the policy gives it up; a failure is a judgment too.

        Args:
            queue: whose request it is.
            request: what to ask.
            attempts: is filled with those that failed in passing, and with one that stops the run but may be paid for.

        Raises:
            StopRunError: every further call to this judge would fail too.
            UnaskedError: the run stopped while the request waited to be asked.
        """
        last_failed = math.inf

        def before_sleep(error: RetryableError, wait: float) -> None:
            nonlocal last_failed
            last_failed = queue.clock()
            attempts.append(_attempt(error, wait))
            self.events.retried(attempts[-1])
            queue.breaker.retried(attempts[-1])

        def is_endless(error: RetryableError) -> bool:
            return queue.breaker.is_away(error, since=last_failed)

        call = partial(self.call, queue, request)
        try:
            reply, seconds = await self.policy.call(
                call, sleep=self.pause, before_sleep=before_sleep, is_endless=is_endless
            )
        except StopRunError as error:
            if error.maybe_paid:
                attempts.append(_attempt(error, 0.0))
            raise
        except ProviderError as error:
            failed = Failed(failure=error.kind, detail=error.message, maybe_paid=error.maybe_paid)
            return _judgment(request, failed, attempts)
        result = queue.interpret(reply, request)
        return _judgment(request, result, attempts, reply=reply, latency_s=round(seconds, 3))

    async def once_more(
        self, queue: JudgeQueue, request: Request, first: Judgment, attempts: list[Attempt]
    ) -> Judgment:
        """Ask again, once, where a reply was cut short or cannot be read; the last reply counts, and both are kept.

        Args:
            queue: whose request it is.
            request: what was asked.
            first: what came of it.
            attempts: is filled with those of the second call that failed in passing.

        Raises:
            StopRunError: as `ask`, and where no reply so far holds a verdict.
            UnaskedError: as `ask`.
        """
        if first.reply is None or not isinstance(first.result, Failed):
            return first
        if self.stop.asked.is_set() or (again := queue.repair(request, first.reply, first.result)) is None:
            return first
        queue.breaker.useless(first.result)
        second = await self.ask(queue, again, attempts)
        failed, result = first.result, second.result
        problem = f"{failed.failure}: {failed.detail}" if failed.detail else failed.failure.value
        useless = Attempt(problem=problem, maybe_paid=True, reply=first.reply)
        if second.reply is None and isinstance(result, Failed):
            result = replace(failed, maybe_paid=result.maybe_paid)
        return replace(second, attempts=(*first.attempts, useless, *second.attempts), result=result)

    async def call(self, queue: JudgeQueue, request: Request) -> tuple[Reply, float]:
        """Make one call in its turn and within budget; return the reply and the seconds that it took."""
        expected_tokens = queue.expected_tokens(request)
        if (wait := queue.turn(expected_tokens)) > 0:
            await self.pause(wait)
        charge = queue.charge(request)
        while not self.budget.begin(charge):
            if self.budget.reached or self.stop.asked.is_set():
                raise UnaskedError
            await self.budget.room()
        started, maybe_paid = queue.clock(), True
        reply = None
        try:
            reply = await queue.judge.ask(request)
        except ProviderError as error:
            maybe_paid = error.maybe_paid
            queue.failed(error, started=started)
            raise
        finally:
            if reply is None:
                self.budget.unanswered(charge, maybe_paid=maybe_paid)
        self.budget.answered(queue.cost(reply), charge)
        queue.replied(reply, expected_tokens=expected_tokens)
        return reply, queue.clock() - started

    async def pause(self, seconds: float) -> None:
        """Wait before a call, unless the run stops meanwhile."""
        stopped = self.stop.asked
        waits = [asyncio.ensure_future(self.policy.sleep(seconds)), asyncio.ensure_future(stopped.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if stopped.is_set():
            raise UnaskedError


def _judgment(
    request: Request,
    result: Result,
    attempts: Sequence[Attempt],
    *,
    reply: Reply | None = None,
    latency_s: float | None = None,
) -> Judgment:
    return Judgment(
        key=request.key,
        item=request.item,
        order=request.order,
        judge=request.judge,
        sample=request.sample,
        group=request.group,
        result=result,
        reply=reply,
        attempts=tuple(attempts),
        latency_s=latency_s,
        reader=READER if reply is not None else 0,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def _with(judgment: Judgment, attempts: Sequence[Attempt]) -> Judgment:
    """Add attempts to a judgment, which came to nothing and may have been paid for."""
    return replace(judgment, attempts=(*judgment.attempts, *attempts))


def _attempt(error: ProviderError, wait: float) -> Attempt:
    return Attempt(problem=error.message, status=error.status, waited_s=round(wait, 3), maybe_paid=error.maybe_paid)
