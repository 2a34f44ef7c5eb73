"""Take the results of a batch into the journal, each under its request's key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from judge.batches.base import BatchState, call_with_retries
from judge.batches.log import BatchRecord, Member
from judge.costs.charges import NO_CHARGE, Charge
from judge.dispatch.budget import Budget
from judge.errors import ProviderError, RetryableError, StopRunError
from judge.files.safe_text import safe
from judge.prompting.pairwise_reply import READER
from judge.schema import Attempt, Failed, FailureKind, Judgment, Reply, Request, Result

if TYPE_CHECKING:
    from judge.batches.base import BatchJudge, BatchResult
    from judge.dispatch.dispatch import Events
    from judge.dispatch.retry_policy import RetryPolicy
    from judge.prompting.pairwise_plan import ExpectedReply
    from judge.runs.run_folder import LastFailure


@dataclass
class BatchQueue:
    """One judge, its open requests, and those that the last round left without a reply."""

    judge: BatchJudge
    open_requests: Callable[[], Iterator[Request]]
    """plans the requests that have no verdict, anew each time"""
    interpret: Callable[[Reply, ExpectedReply], Result]
    unanswered: dict[str, tuple[Member, ProviderError]] = field(default_factory=dict)
    """by key, with the reason"""
    attempts: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    """earlier rounds of requests that got no reply, by key"""
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """one batch at a time is in memory"""
    budget: Budget = field(default_factory=Budget)
    """is asked before a request goes into a batch"""
    charge: Callable[[Request], Charge] = lambda _: NO_CHARGE
    """estimates what a request costs"""
    cost: Callable[[Reply], Decimal | None] = lambda _: Decimal(0)
    """US dollars of a reply; None where it does not tell its tokens"""
    charges: dict[str, Charge] = field(default_factory=dict)
    """of requests in batches, by key"""
    held_back: str = ""
    """which limit kept requests out of the last round's batches"""

    @property
    def name(self) -> str:
        """The judge's name."""
        return self.judge.spec.name

    def begin_round(self) -> None:
        """Note the unanswered requests of the last round as attempts that failed in passing."""
        for key, (_, error) in self.unanswered.items():
            earlier = self.attempts.get(key, ())
            attempt = Attempt(problem=error.message, status=error.status, maybe_paid=error.maybe_paid)
            self.attempts[key] = (*earlier, attempt)
        self.unanswered.clear()
        self.held_back = ""

    def begin(self, request: Request) -> bool:
        """Charge a request that is to go into a batch, or return False where there is no room for it."""
        charge = self.charge(request)
        self.held_back = self.budget.limit_met(charge)
        if not self.held_back:
            self.take(request.key, charge)
        return not self.held_back

    def take(self, key: str, charge: Charge) -> None:
        """Charge a request that is in a batch, whatever the limits."""
        self.charges[key] = charge
        self.budget.take(charge)

    def end(self, key: str, came: Reply | ProviderError) -> None:
        """Count what became of a request that was in a batch."""
        if (charge := self.charges.pop(key, None)) is None:
            return
        if isinstance(came, Reply):
            self.budget.answered(self.cost(came), charge)
        else:
            self.budget.unanswered(charge, maybe_paid=came.maybe_paid)


@dataclass(frozen=True)
class ResultWriter:
    """Where judgments go, what need not be asked, and who is told."""

    record: Callable[[Judgment], None]
    """puts a judgment on disk"""
    events: Events
    say: Callable[[str], None]
    done: set[bytes]
    """keys that have verdicts"""
    journal_bytes: Callable[[], int]
    """size of the journal now"""
    failures: dict[bytes, LastFailure]
    """of requests without a verdict, before this session"""
    claimed: set[bytes] = field(default_factory=set)
    """keys without verdicts that are not to be asked now: in an open batch, or failed in this session"""

    def needs(self, member: Member, *, batch: BatchRecord | None) -> bool:
        """Tell whether a batch's result for a request is not in the journal yet.

        Args:
            member: the request.
            batch: which; None: one that is submitted in this session.
        """
        key = bytes.fromhex(member.key)
        failed = self.failures.get(key)
        if key in self.done or batch is None or failed is None:
            return key not in self.done
        if batch.journal_bytes is not None:
            return failed.offset < batch.journal_bytes
        return failed.time is None or failed.time < batch.since

    def claim(self, members: Iterable[Member], *, batch: BatchRecord | None = None) -> None:
        """Keep requests that are on their way from being asked again."""
        for member in members:
            self.claimed.add(bytes.fromhex(member.key))
            if self.needs(member, batch=batch):
                self.events.started(member.key)

    def settle(self, queue: BatchQueue, member: Member, result: Result, reply: Reply | None = None) -> None:
        """Record the judgment of a request."""
        judgment = Judgment(
            key=member.key,
            item=member.item,
            order=member.order,
            judge=queue.name,
            sample=member.sample,
            group=member.group,
            result=result,
            reply=reply,
            attempts=queue.attempts.pop(member.key, ()),
            reader=READER if reply is not None else 0,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        self.record(judgment)
        if not isinstance(result, Failed):
            key = bytes.fromhex(member.key)
            self.done.add(key)
            self.claimed.discard(key)
        self.events.recorded(judgment)

    def fail(self, queue: BatchQueue, member: Member, error: ProviderError) -> None:
        """Record that a request failed for good."""
        queue.end(member.key, error)
        failed = Failed(failure=error.kind, detail=error.message, maybe_paid=error.maybe_paid)
        self.settle(queue, member, failed)

    def take(self, queue: BatchQueue, member: Member, result: BatchResult) -> StopRunError | None:
        """Record the result of a request; return it where it says that every further request would fail too."""
        match reply := result.reply:
            case Reply():
                came = queue.judge.check(reply, member.sent, reply_id=result.reply_id, headers={})
                paid = replace(came, batched=True)
                queue.end(member.key, paid)
                self.settle(queue, member, queue.interpret(came, member), paid)
            case RetryableError() | StopRunError():
                self.leave(queue, member, reply)
            case error:
                self.fail(queue, member, error)
        return reply if isinstance(reply, StopRunError) else None

    def leave(self, queue: BatchQueue, member: Member, error: ProviderError) -> None:
        """Note that a request got no reply in this round, and let it be asked again."""
        queue.end(member.key, error)
        queue.unanswered[member.key] = (member, error)
        self.claimed.discard(bytes.fromhex(member.key))
        self.events.given_up(member.key, maybe_paid=error.maybe_paid)


async def fold(
    queue: BatchQueue,
    writer: ResultWriter,
    record: BatchRecord,
    members: dict[str, Member],
    *,
    state: BatchState,
    policy: RetryPolicy,
) -> StopRunError | None:
    """Take in the results of a batch that ended; what it did not answer goes to the queue's unanswered.

    Returns:
        Why the run must stop, where a result says that every further request would fail too.

    Raises:
        StopRunError: the results cannot be had.
    """
    name = f"batch {safe(str(record.id))}"
    left = {key: member for key, member in members.items() if writer.needs(member, batch=record)}
    stop: StopRunError | None = None
    n_strange = n_unreadable = 0

    async def download() -> None:
        """Read all results; RetryableError where they break off, and then only what is missing is taken."""
        nonlocal n_strange, n_unreadable, stop
        seen: set[str] = set()
        n_paid = n_strange = n_unreadable = 0
        for source in state.sources:
            async with aclosing(queue.judge.results(source)) as results:
                async for result in results:
                    key = result.key
                    n_unreadable += key is None
                    n_paid += isinstance(result.reply, Reply) or result.reply.maybe_paid
                    if key is not None:
                        n_strange += key not in members or key in seen
                        seen.add(key)
                        if (member := left.pop(key, None)) is not None:
                            stop = writer.take(queue, member, result) or stop
        if n_paid < state.n_replied:
            text = f"{n_paid:,} replies came, the provider counts {state.n_replied:,}"
            raise RetryableError(FailureKind.TRANSPORT, text)

    await call_with_retries(policy, f"{queue.name}: results of {name}", download)
    words = "its batch ended without a result that can be read"
    missing = RetryableError(FailureKind.TRANSPORT, words, maybe_paid=n_unreadable > 0)
    for member in left.values():
        writer.leave(queue, member, missing)
    if n_strange:
        writer.say(f"Warning: {name}: {n_strange:,} results of no request in it, or twice")
    return stop
