"""Take the results of a batch into the journal, each under its request's key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from judge.batches.base import BatchState, Returned, patiently
from judge.batches.log import BatchRecord, Member
from judge.errors import ProviderError, RetryableError, StopRunError
from judge.files.safe_text import safe
from judge.schema import Attempt, Failed, FailureKind, Judgment, Reply, Request, Result

if TYPE_CHECKING:
    from judge.batches.base import BatchJudge
    from judge.dispatch.dispatch import Events
    from judge.dispatch.rate_limits import RetryPolicy
    from judge.prompting.pairwise_plan import ExpectedReply


@dataclass
class Lane:
    """One judge, its open requests, and those that the last round left without a reply."""

    judge: BatchJudge
    open_requests: Callable[[], Iterator[Request]]
    """plans the requests that have no verdict, anew each time"""
    interpret: Callable[[Reply, ExpectedReply], Result]
    unanswered: dict[str, tuple[Member, ProviderError]] = field(default_factory=dict)
    """by key, with the reason"""
    attempts: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    """earlier rounds of requests that got no reply, by key"""
    folding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """one batch at a time is in memory"""

    @property
    def name(self) -> str:
        """The judge's name."""
        return self.judge.spec.name

    def begin_round(self) -> None:
        """Note the unanswered requests of the last round as attempts that failed in passing."""
        for key, (_, error) in self.unanswered.items():
            earlier = self.attempts.get(key, ())
            self.attempts[key] = (*earlier, Attempt(problem=error.message, status=error.status))
        self.unanswered.clear()


@dataclass(frozen=True)
class ResultWriter:
    """Where judgments go, what need not be asked, and who is told."""

    record: Callable[[Judgment], None]
    """puts a judgment on disk"""
    events: Events
    say: Callable[[str], None]
    done: set[bytes]
    """keys that have verdicts"""
    failed_at: dict[bytes, datetime]
    """when requests failed last, before this session"""
    claimed: set[bytes] = field(default_factory=set)
    """keys without verdicts that are not to be asked now: in an open batch, or failed in this session"""

    def needs(self, member: Member, *, since: datetime | None) -> bool:
        """Tell whether a batch's result for a request is not in the journal yet.

        Args:
            member: the request.
            since: when the batch was submitted; None: in this session.
        """
        key = bytes.fromhex(member.key)
        failed = self.failed_at.get(key)
        return key not in self.done and (since is None or failed is None or failed < since)

    def claim(self, members: Iterable[Member], *, since: datetime | None = None) -> None:
        """Keep requests that are on their way from being asked again."""
        for member in members:
            self.claimed.add(bytes.fromhex(member.key))
            if self.needs(member, since=since):
                self.events.started(member.key)

    def release(self, member: Member) -> None:
        """Let a request be asked again."""
        self.claimed.discard(bytes.fromhex(member.key))
        self.events.given_up(member.key, maybe_paid=False)

    def settle(self, lane: Lane, member: Member, result: Result, reply: Reply | None = None) -> None:
        """Record the judgment of a request."""
        judgment = Judgment(
            key=member.key,
            item=member.item,
            order=member.order,
            judge=lane.name,
            sample=member.sample,
            group=member.group,
            result=result,
            reply=reply,
            attempts=lane.attempts.pop(member.key, ()),
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        self.record(judgment)
        if not isinstance(result, Failed):
            key = bytes.fromhex(member.key)
            self.done.add(key)
            self.claimed.discard(key)
        self.events.recorded(judgment)


def fail(lane: Lane, sink: ResultWriter, member: Member, error: ProviderError) -> None:
    """Record that a request failed for good."""
    sink.settle(lane, member, Failed(failure=error.kind, detail=error.message))


def reopen(lane: Lane, sink: ResultWriter, members: Iterable[Member], *, since: datetime) -> None:
    """Let the requests of a batch that the provider never accepted be submitted again."""
    error = RetryableError(FailureKind.TRANSPORT, "the batch was not accepted")
    for member in members:
        if sink.needs(member, since=since):
            _leave(lane, sink, member, error)


async def fold(
    lane: Lane,
    sink: ResultWriter,
    record: BatchRecord,
    members: dict[str, Member],
    *,
    state: BatchState,
    policy: RetryPolicy,
) -> StopRunError | None:
    """Take in the results of a batch that ended; what it did not answer goes to the lane's unanswered.

    Returns:
        Why the run must stop, where a result says that every further request would fail too.

    Raises:
        StopRunError: the results cannot be had.
    """
    folding = _Folding(lane, sink, members, state)
    folding.left = {key: member for key, member in members.items() if sink.needs(member, since=record.since)}
    await patiently(policy, f"{lane.name}: results of batch {safe(str(record.id))}", folding.download)
    missing = RetryableError(FailureKind.TRANSPORT, "its batch ended without a result that can be read")
    for member in folding.left.values():
        _leave(lane, sink, member, missing)
    if folding.n_strange:
        sink.say(f"Warning: batch {safe(str(record.id))}: {folding.n_strange:,} results of no request in it, or twice")
    return folding.stop


@dataclass
class _Folding:
    """The results of one batch on their way to the journal."""

    lane: Lane
    sink: ResultWriter
    members: dict[str, Member]
    state: BatchState
    left: dict[str, Member] = field(default_factory=dict)
    """requests whose result has not come yet"""
    n_strange: int = 0
    stop: StopRunError | None = None

    async def download(self) -> None:
        """Read all results; RetryableError where they break off, and then only what is missing is taken."""
        seen: set[str] = set()
        n_replies = self.n_strange = 0
        for source in self.state.sources:
            async with aclosing(self.lane.judge.results(source)) as results:
                async for returned in results:
                    n_replies += returned.key is None or isinstance(returned.reply, Reply)
                    if returned.key is not None:
                        self.n_strange += returned.key not in self.members or returned.key in seen
                        seen.add(returned.key)
                        self._take(returned.key, returned)
        if n_replies < self.state.n_replied:
            text = f"{n_replies:,} replies came, the provider counts {self.state.n_replied:,}"
            raise RetryableError(FailureKind.TRANSPORT, text)

    def _take(self, key: str, returned: Returned) -> None:
        member = self.left.pop(key, None)
        if member is None:
            return
        match returned.reply:
            case Reply() as reply:
                self.sink.settle(self.lane, member, self.lane.interpret(reply, member), replace(reply, batched=True))
            case RetryableError() as error:
                _leave(self.lane, self.sink, member, error)
            case StopRunError() as error:
                self.stop = error
                _leave(self.lane, self.sink, member, error)
            case error:
                fail(self.lane, self.sink, member, error)


def _leave(lane: Lane, sink: ResultWriter, member: Member, error: ProviderError) -> None:
    """Note that a request got no reply in this round."""
    lane.unanswered[member.key] = (member, error)
    sink.release(member)
