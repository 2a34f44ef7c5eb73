"""Judge in batches: submit what is open, wait, and ask again what got no reply."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from judge.batches.anthropic import AnthropicBatches
from judge.batches.base import BatchState, LostBatch, call_with_retries, packs
from judge.batches.collect import BatchQueue, ResultWriter, fold
from judge.batches.log import BatchLog, BatchRecord, Member, Stage
from judge.batches.openai import OpenAIBatches
from judge.errors import InputError, RetryableError, StopRunError
from judge.files.interrupts import interrupts_call
from judge.files.safe_text import safe
from judge.schema import Failed, FailureKind, JudgeSpec, Provider, ReplyForm, Request

if TYPE_CHECKING:
    from judge.batches.base import BatchJudge
    from judge.dispatch.retry_policy import RetryPolicy

P = ParamSpec("P")
T = TypeVar("T")
CONNECTIONS = 4
ROUNDS = 3
"""how often a request that gets no reply is submitted"""
BREATH = 64
"""requests that are packed before other work has its turn"""
SILENT_POLLS = 720
"""looks at a batch in a row that may fail in passing before the run stops: half a day, at one a minute"""


_NOT_BATCHED = {ReplyForm.TOOL, ReplyForm.DECISIONS, ReplyForm.SCORING}


def require_batches(specs: Iterable[JudgeSpec]) -> None:
    """Refuse judges whose provider takes no batches; InputError names them."""
    takers = {Provider.OPENAI, Provider.ANTHROPIC}
    without = [spec.name for spec in specs if spec.provider not in takers or spec.settings.reply in _NOT_BATCHED]
    if without:
        forms = "reply = tool, decisions or scoring"
        hint = f"leave --batch out, or name only openai: and anthropic: judges, none with {forms}"
        raise InputError("--batch", f"{', '.join(without)} takes no batches", hint)


def open_batch_judge(spec: JudgeSpec, *, timeout: float) -> BatchJudge:
    """Open a judge that takes batches; import its SDK."""
    opened = AnthropicBatches if spec.provider is Provider.ANTHROPIC else OpenAIBatches
    return opened(spec, concurrency=CONNECTIONS, timeout=timeout)


async def judge_in_batches(
    queues: list[BatchQueue], log: BatchLog, writer: ResultWriter, *, policy: RetryPolicy, poll: float
) -> bool:
    """Get a judgment for every open request; return whether a person interrupted it, which gives up nothing.

    Args:
        queues: the judges and their requests.
        log: the batches of the run.
        writer: takes the judgments.
        policy: retries of each single call about a batch.
        poll: seconds between two looks at a batch.

    Raises:
        StopRunError: a provider refuses, or cannot be reached; what was submitted is picked up by the next start.
        RunError: a request cannot be made, or something not be written.
    """
    submitters = [BatchSubmitter(queue, log, writer, policy, poll) for queue in queues]
    work = asyncio.ensure_future(_together(submitter.deliver() for submitter in submitters))
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

    queue: BatchQueue
    log: BatchLog
    writer: ResultWriter
    policy: RetryPolicy
    poll: float

    async def deliver(self) -> None:
        """Submit and wait until every request has a judgment, in at most so many rounds."""
        batches = self.log.open_records(self.queue.name)
        for batch in batches:
            self.writer.claim(self.log.members(batch.batch).values(), batch=batch)
        if batches and self.queue.budget.is_limited:
            self._charge_claimed()
        for _ in range(ROUNDS):
            self.queue.begin_round()
            parts = packs(self._parts(), size_of=lambda part: len(part[1]), limits=self.queue.judge.limits)
            batches += [await self._submit(pack) for pack in parts]
            await _together(self._settle(batch) for batch in batches)
            if not (self.queue.unanswered or self.queue.held_back):
                return
            batches = []
        for member, error in self.queue.unanswered.values():
            self.writer.claim([member])
            self.writer.fail(self.queue, member, error)

    def _charge_claimed(self) -> None:
        """Charge what is in open batches before anything else is submitted."""
        for request in self.queue.open_requests():
            if bytes.fromhex(request.key) in self.writer.claimed:
                self.queue.take(request.key, self.queue.charge(request))

    def _parts(self) -> Iterator[tuple[Request, bytes]]:
        """Yield the open requests as they are sent, within budget; one that no batch can hold has failed."""
        judge = self.queue.judge
        for request in self.queue.open_requests():
            if bytes.fromhex(request.key) in self.writer.claimed:
                continue
            line = judge.line(request)
            if len(line) <= judge.limits.size:
                if not self.queue.begin(request):
                    return
                yield request, line
                continue
            detail = f"{len(line):,} bytes; a batch takes {judge.limits.size:,}"
            member = Member.of(request)
            self.writer.claim([member])
            self.writer.settle(self.queue, member, Failed(failure=FailureKind.TOO_LONG, detail=detail))

    async def _submit(self, pack: Iterator[tuple[Request, bytes]]) -> BatchRecord:
        """Submit one pack, on record before and after; without an id, it is not known whether it was accepted."""
        judge, batch, tried = self.queue.judge, uuid.uuid4().hex, False
        with self.log.pack(batch, judge.frame) as filled:
            for request, line in pack:
                member = Member.of(request)
                filled.add(member, line)
                self.writer.claim([member])
                if filled.n_requests % BREATH == 0:
                    await asyncio.sleep(0)
        what = f"{self.queue.name}: a batch of {filled.n_requests:,} requests"
        try:
            uploaded = await self._call(f"{what} cannot be uploaded", judge.upload, filled.body)
            newest = await self._call(f"{what} cannot be submitted", judge.newest)
            record = self.log.intend(
                batch,
                self.queue.name,
                filled.n_requests,
                journal_bytes=self.writer.journal_bytes(),
                newest=newest,
            )

            async def create() -> str | None:
                """Create the batch once, however often it is tried: what may have been accepted is looked for first."""
                nonlocal tried
                if tried and (found := await judge.find(self._lost(record))):
                    return found[0] if judge.keeps_marks else None
                tried = True
                return await judge.create(uploaded, mark=batch)

            id_ = await self._call(f"{what} cannot be submitted", create)
        finally:
            filled.body.unlink(missing_ok=True)
        if id_ is None:
            return record
        self.writer.say(f"{what} is submitted: {safe(id_)}")
        return self.log.note(record, Stage.SUBMITTED, id_=id_)

    async def _call(self, what: str, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return await call_with_retries(self.policy, what, call, *args, **kwargs)

    def _lost(self, record: BatchRecord) -> LostBatch:
        """Return how to know a batch among the provider's."""
        return LostBatch(record.batch, record.since, record.newest, record.n_requests, self.log.known_ids())

    async def _settle(self, record: BatchRecord) -> None:
        """Wait for a batch and take its results in; what it did not answer becomes open again."""
        found = record if record.id is not None else await self._find(record)
        if found is None or found.id is None:
            self.log.note(record, Stage.DROPPED)
            lost = RetryableError(FailureKind.TRANSPORT, "the batch was not accepted")
            for member in self.log.members(record.batch).values():
                if self.writer.needs(member, batch=record):
                    self.writer.leave(self.queue, member, lost)
            return
        try:
            stop = await self._take_in(found, found.id)
        except StopRunError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            hint = f"to ask its requests again, and pay again, take its lines out of {self.log.path}"
            raise StopRunError(error.kind, f"{error.message} ({hint})", status=error.status) from error
        self.log.note(found, Stage.FOLDED)
        if stop is not None:
            raise stop

    async def _take_in(self, record: BatchRecord, id_: str) -> StopRunError | None:
        """Wait for a batch that the provider has, and fold its results; return why the run must stop, if it must."""
        queue, what = self.queue, f"{self.queue.name}: batch {safe(id_)} of {record.n_requests:,} requests"
        state = await self._ended(id_, what)
        if state.problem:
            self.log.note(record, Stage.DROPPED)
            raise StopRunError(FailureKind.REJECTED, f"{what} has no results: {state.problem}")
        async with queue.reading:
            members = self.log.members(record.batch)
            return await fold(queue, self.writer, record, members, state=state, policy=self.policy)

    async def _ended(self, id_: str, what: str) -> BatchState:
        """Poll a batch until it ended, telling what changes; a network that is away for a while costs nothing."""
        told, silent = None, 0
        while True:
            wait = self.poll
            try:
                state = await self._call(what, self.queue.judge.state, id_)
            except StopRunError as error:
                passing, silent = error.__cause__, silent + 1
                if not isinstance(passing, RetryableError) or silent > SILENT_POLLS:
                    raise
                wait = max(wait, passing.retry_after or 0.0)
                if silent == 1:
                    self.writer.say(f"{error.message}; it is looked at again every {self.poll:g} s")
            else:
                silent = 0
                if (counts := (state.n_replied, state.n_failed)) != told:
                    told = counts
                    ended = "ended, " if state.ended else ""
                    self.writer.say(f"{what}: {ended}{state.n_replied:,} answered, {state.n_failed:,} not")
                if state.ended:
                    return state
            await asyncio.sleep(wait)

    async def _find(self, record: BatchRecord) -> BatchRecord | None:
        """Find out whether a batch was accepted without our hearing of it; return it with its id, or None."""
        judge, name = self.queue.judge, self.queue.name
        what = f"{name}: a batch of {record.n_requests:,} requests that was cut off while it was submitted"
        found = await self._call(what, judge.find, self._lost(record))
        if not judge.keeps_marks:
            members = self.log.members(record.batch)
            found = [id_ for id_ in found if await self._holds(id_, members, what)]
        if not found:
            self.writer.say(f"{what} is not with the provider: it is submitted again")
            return None
        self.writer.say(f"{what} is found: {safe(found[0])}")
        if len(found) > 1:
            twice = (len(found) - 1) * record.n_requests
            self.writer.say(
                f"Warning: {name}: {twice:,} calls were paid twice: {', '.join(map(safe, found))} are the same"
            )
        return self.log.note(record, Stage.SUBMITTED, id_=found[0])

    async def _holds(self, id_: str, members: dict[str, Member], what: str) -> bool:
        """Tell by its results whether a batch of the provider is the one that has these members."""
        state = await self._ended(id_, f"{what} may be {safe(id_)}")
        if state.problem:
            self.writer.say(
                f"Warning: {what} may be {safe(id_)}, but {state.problem}: "
                f"up to {len(members):,} calls may have been paid twice"
            )
            return False
        key = await self._call(what, self._first_key, state)
        return key in members

    async def _first_key(self, state: BatchState) -> str | None:
        for source in state.sources:
            async with aclosing(self.queue.judge.results(source)) as results:
                async for returned in results:
                    if returned.key is not None:
                        return returned.key
        return None
