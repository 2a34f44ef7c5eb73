"""Judge in batches: submit what is open, wait, and ask again what got no reply."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from judge.batches.base import BatchState, Sought, packs, patiently
from judge.batches.collect import Lane, ResultWriter, fail, fold, reopen
from judge.batches.log import BatchLog, BatchRecord, Member, Stage
from judge.errors import RetryableError, StopRunError
from judge.files.interrupts import interrupts_call
from judge.files.safe_text import safe
from judge.schema import Failed, FailureKind, Request

if TYPE_CHECKING:
    from judge.dispatch.rate_limits import RetryPolicy

ROUNDS = 3
"""how often a request that gets no reply is submitted"""
BREATH = 64
"""requests that are packed before other work has its turn"""
NOT_FOUND = 404
SILENT_POLLS = 720
"""looks at a batch in a row that may fail in passing before the run stops: half a day, at one a minute"""


@dataclass(frozen=True)
class Patience:
    """How patiently batches are waited for."""

    policy: RetryPolicy
    """of each single call about them"""
    poll: float
    """seconds between two looks at a batch"""


async def judge_in_batches(lanes: list[Lane], log: BatchLog, patience: Patience, sink: ResultWriter) -> bool:
    """Get a judgment for every open request; return whether a person interrupted it, which gives up nothing.

    Raises:
        StopRunError: a provider refuses, or cannot be reached; what was submitted is picked up by the next start.
        RunError: a request cannot be made, or something not be written.
    """
    work = asyncio.ensure_future(_together(BatchSubmitter(lane, log, patience, sink).deliver() for lane in lanes))
    interrupted = asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        work.cancel()

    with interrupts_call(interrupt):
        try:
            await work
        except asyncio.CancelledError:
            if not interrupted.is_set():
                raise
    return interrupted.is_set()


async def _together(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run parts at the same time; the first error ends them all and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


@dataclass(frozen=True)
class BatchSubmitter:
    """Carries the requests of one judge to its provider, and the replies back."""

    lane: Lane
    log: BatchLog
    patience: Patience
    sink: ResultWriter

    async def deliver(self) -> None:
        """Submit and wait until every request has a judgment, in at most so many rounds."""
        batches = self.log.open_records(self.lane.name)
        for batch in batches:
            self.sink.claim(self.log.members(batch.batch).values(), since=batch.since)
        for _ in range(ROUNDS):
            self.lane.begin_round()
            batches += await self._submit_open()
            await _together(self._settle(batch) for batch in batches)
            if not self.lane.unanswered:
                return
            batches = []
        for member, error in self.lane.unanswered.values():
            self.sink.claim([member])
            fail(self.lane, self.sink, member, error)

    async def _submit_open(self) -> list[BatchRecord]:
        """Submit all open requests, one pack after the other."""
        judge = self.lane.judge
        parts = packs(self._parts(), size_of=lambda part: len(part[1]), limits=judge.limits)
        return [await self._submit(pack) for pack in parts]

    def _parts(self) -> Iterator[tuple[Request, bytes]]:
        """Yield the open requests as they are sent; one that no batch can hold has failed."""
        judge = self.lane.judge
        for request in self.lane.open_requests():
            if bytes.fromhex(request.key) in self.sink.claimed:
                continue
            line = judge.line(request)
            if len(line) <= judge.limits.size:
                yield request, line
                continue
            detail = f"{len(line):,} bytes; a batch takes {judge.limits.size:,}"
            member = Member.of(request)
            self.sink.claim([member])
            self.sink.settle(self.lane, member, Failed(failure=FailureKind.TOO_LONG, detail=detail))

    async def _submit(self, pack: Iterator[tuple[Request, bytes]]) -> BatchRecord:
        """Submit one pack, on record before and after; without an id, it is not known whether it was accepted."""
        judge, policy, batch = self.lane.judge, self.patience.policy, uuid.uuid4().hex
        with self.log.pack(batch, judge.frame) as filled:
            for request, line in pack:
                filled.add(request, line)
                self.sink.claim([Member.of(request)])
                if filled.n_requests % BREATH == 0:
                    await asyncio.sleep(0)
        what = f"{self.lane.name}: a batch of {filled.n_requests:,} requests"
        try:
            uploaded = await patiently(policy, f"{what} cannot be uploaded", judge.upload, filled.body)
            record = self.log.intend(batch, self.lane.name, filled.n_requests)
            id_ = await patiently(policy, f"{what} cannot be submitted", _Creation(self, record, uploaded).create)
        finally:
            filled.body.unlink(missing_ok=True)
        if id_ is None:
            return record
        self.sink.say(f"{what} is submitted: {safe(id_)}")
        return self.log.note(record, Stage.SUBMITTED, id_=id_)

    def sought(self, record: BatchRecord) -> Sought:
        """Say how to know a batch among the provider's."""
        return Sought(record.batch, record.since, record.n_requests, self.log.known_ids())

    async def _settle(self, record: BatchRecord) -> None:
        """Wait for a batch and take its results in; what it did not answer becomes open again."""
        found = record if record.id is not None else await self._find(record)
        if found is None or found.id is None:
            self.log.note(record, Stage.DROPPED)
            reopen(self.lane, self.sink, self.log.members(record.batch).values(), since=record.since)
            return
        try:
            stop = await self._take_in(found, found.id)
        except StopRunError as error:
            if error.status != NOT_FOUND:
                raise
            hint = f"to ask its requests again, and pay again, take its lines out of {self.log.path}"
            raise StopRunError(error.kind, f"{error.message} ({hint})", status=error.status) from error
        self.log.note(found, Stage.FOLDED)
        if stop is not None:
            raise stop

    async def _take_in(self, record: BatchRecord, id_: str) -> StopRunError | None:
        """Wait for a batch that the provider has, and fold its results; return why the run must stop, if it must."""
        lane, what = self.lane, f"{self.lane.name}: batch {safe(id_)} of {record.n_requests:,} requests"
        state = await self._ended(id_, what)
        if state.problem:
            self.log.note(record, Stage.DROPPED)
            raise StopRunError(FailureKind.REJECTED, f"{what} has no results: {state.problem}")
        async with lane.folding:
            members = self.log.members(record.batch)
            return await fold(lane, self.sink, record, members, state=state, policy=self.patience.policy)

    async def _ended(self, id_: str, what: str) -> BatchState:
        """Poll a batch until it ended, telling what changes; a network that is away for a while costs nothing."""
        policy, told, silent = self.patience.policy, None, 0
        while True:
            wait = self.patience.poll
            try:
                state = await patiently(policy, what, self.lane.judge.state, id_)
            except StopRunError as error:
                passing, silent = error.__cause__, silent + 1
                if not isinstance(passing, RetryableError) or silent > SILENT_POLLS:
                    raise
                wait = max(wait, passing.retry_after or 0.0)
                if silent == 1:
                    self.sink.say(f"{error.message}; it is looked at again every {self.patience.poll:g} s")
            else:
                silent = 0
                if (counts := (state.n_replied, state.n_failed)) != told:
                    told = counts
                    ended = "ended, " if state.ended else ""
                    self.sink.say(f"{what}: {ended}{state.n_replied:,} answered, {state.n_failed:,} not")
                if state.ended:
                    return state
            await asyncio.sleep(wait)

    async def _find(self, record: BatchRecord) -> BatchRecord | None:
        """Find out whether a batch was accepted without our hearing of it; return it with its id, or None."""
        judge, name = self.lane.judge, self.lane.name
        what = f"{name}: a batch of {record.n_requests:,} requests that was cut off while it was submitted"
        found = await patiently(self.patience.policy, what, judge.find, self.sought(record))
        if not judge.keeps_marks:
            members = self.log.members(record.batch)
            found = [id_ for id_ in found if await self._holds(id_, members, what)]
        if not found:
            self.sink.say(f"{what} is not with the provider: it is submitted again")
            return None
        self.sink.say(f"{what} is found: {safe(found[0])}")
        if len(found) > 1:
            twice = (len(found) - 1) * record.n_requests
            self.sink.say(
                f"Warning: {name}: {twice:,} calls were paid twice: {', '.join(map(safe, found))} are the same"
            )
        return self.log.note(record, Stage.SUBMITTED, id_=found[0])

    async def _holds(self, id_: str, members: dict[str, Member], what: str) -> bool:
        """Tell by its results whether a batch of the provider is the one that has these members."""
        state = await self._ended(id_, f"{what} may be {safe(id_)}")
        if state.problem:
            self.sink.say(
                f"Warning: {what} may be {safe(id_)}, but {state.problem}: "
                f"up to {len(members):,} calls may have been paid twice"
            )
            return False
        key = await patiently(self.patience.policy, what, self._first_key, state)
        return key in members

    async def _first_key(self, state: BatchState) -> str | None:
        """Return the first key that stands in the results of a batch."""
        for source in state.sources:
            async with aclosing(self.lane.judge.results(source)) as results:
                async for returned in results:
                    if returned.key is not None:
                        return returned.key
        return None


@dataclass
class _Creation:
    """Creates a batch once, however often it is tried: what may have been accepted is looked for first."""

    courier: BatchSubmitter
    record: BatchRecord
    uploaded: str
    tried: bool = False

    async def create(self) -> str | None:
        """Return the provider's id, or None where a batch that may be this one was found."""
        judge = self.courier.lane.judge
        if self.tried and (found := await judge.find(self.courier.sought(self.record))):
            return found[0] if judge.keeps_marks else None
        self.tried = True
        return await judge.create(self.uploaded, mark=self.record.batch)
