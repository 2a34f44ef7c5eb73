"""Judge what a run has not judged yet, and stop without losing anything."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from judge.core.parsing import interpret
from judge.core.planning import Orders, Plan, Planner
from judge.core.prompting import Shown, parse_template
from judge.core.repairing import repair
from judge.errors import BudgetReachedError, InterruptedRunError, StopRunError
from judge.io.batches.log import BatchLog
from judge.io.batches.specs import open_batch_judge
from judge.io.dispatch import Stop, dispatch
from judge.io.journal import Journal
from judge.io.judges.local import NOTE, n_servers
from judge.io.judges.specs import Transport, check_transport, open_judge, require
from judge.io.lag import warn_of_lag
from judge.io.lane import Lane
from judge.io.limits import Pace
from judge.io.patience import Policy
from judge.io.render.progress import Display
from judge.run import folding
from judge.run.batching import Patience, judge_in_batches
from judge.run.quote import confirm, quote_run
from judge.run.spending import budget_of, cost_of
from judge.schema import JudgeSpec, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal

    from judge.io.budget import Budget
    from judge.io.journal import Manifest, RunFolder
    from judge.schema import Request

DEFAULT_CONCURRENCY = 16
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what batch systems send before they kill"""


@dataclass(frozen=True)
class JudgingOptions:
    """How fast and how patiently to ask; nothing here changes an answer."""

    concurrency: int = DEFAULT_CONCURRENCY
    policy: Policy = Policy()
    max_rpm: float | None = None
    """calls that may begin in a minute, per judge"""
    max_tpm: float | None = None
    """tokens that may be taken in a minute, input and output, per judge"""
    max_calls: int | None = None
    """of the whole run"""
    max_cost: Decimal | None = None
    """US dollars, of the whole run"""
    quiet: bool = False
    confirm_above: Decimal | None = None
    """US dollars: a person is asked before more than this is spent, or before a price that is unknown"""
    transport: Transport = Transport.AUTO
    batch: bool = False
    """ask in batches; a run that has begun so goes on so"""
    poll: float = 60.0
    """seconds between two looks at a batch"""


def plan_of(manifest: Manifest) -> Plan:
    """Return what a run asks about each of its pairs."""
    if manifest.prompt is None:
        raise ValueError("an imported run asks nothing")
    return Plan(
        template=parse_template(manifest.prompt, where="the run's prompt"),
        rubric=manifest.rubric,
        shown=Shown(reference=manifest.show_reference, answers=not manifest.hide_answers),
        orders=manifest.orders,
        samples=manifest.samples,
        seed=manifest.seed,
        swapped_items=frozenset(manifest.swapped),
    )


def judge_run(folder: RunFolder, manifest: Manifest, options: JudgingOptions, *, say: Callable[[str], None]) -> None:
    """Ask every request of a run that has no verdict yet.

    Raises:
        InputError: a judge's key or weights are not there, it cannot be asked through the transport, or nobody is
            here to confirm the cost.
        RunError: the folder is in use by another process, or cannot be written.
        StopRunError: every further call to a judge would fail.
        BudgetReachedError: it has spent what it may.
        InterruptedRunError: a person stopped it.
    """
    with folder.locked():
        done = folder.judged_keys()
        total = _n_requests(manifest)
        if len(done) >= total:
            return
        for judge in manifest.judges:
            require(judge)
            check_transport(judge, options.transport)
        budget = budget_of(folder, manifest, max_calls=options.max_calls, max_cost=options.max_cost)
        if any(judge.provider is Provider.LOCAL for judge in manifest.judges):
            say(f"Note: {NOTE}")
        if options.confirm_above is not None:
            confirm(quote_run(folder, manifest, plan_of(manifest), done=done), above=options.confirm_above)
        with Journal(folder.judgments_path) as journal:
            if journal.torn:
                say(f"Dropped a torn last line of {folder.judgments_path}: its request is asked again")
            display = Display(total=total, done=len(done), prices=manifest.prices, quiet=options.quiet)
            with display:
                judge_all = _judge_in_batches if options.batch or folder.batches_path.exists() else _judge
                asyncio.run(judge_all(folder, manifest, options, _Sink(journal, display, budget, done, say)))


def _n_requests(manifest: Manifest) -> int:
    orders = 2 if manifest.orders is Orders.BOTH else 1
    return (manifest.n_items - len(manifest.identical)) * orders * manifest.samples * len(manifest.judges)


@dataclass(frozen=True)
class _Sink:
    """Where judgments go, and who is told."""

    journal: Journal
    display: Display
    budget: Budget
    done: set[bytes]
    say: Callable[[str], None]


async def _judge(folder: RunFolder, manifest: Manifest, options: JudgingOptions, sink: _Sink) -> None:
    stop = Stop()
    async with AsyncExitStack() as stack:
        lanes = await _open_lanes(folder, manifest, options, sink.done, stack)
        lag = asyncio.ensure_future(warn_of_lag(sink.say))
        stack.callback(lag.cancel)
        asking = dispatch(
            lanes,
            policy=options.policy,
            record=sink.journal.append,
            events=sink.display,
            stop=stop,
            budget=sink.budget,
        )
        interrupted = await _until_done_or_interrupted(
            asyncio.ensure_future(asking), stop, options.policy.timeout, sink
        )
    way_on = f"what was judged is kept, and `omr-judge resume {folder.path}` goes on"
    if isinstance(stop.error, StopRunError):
        raise StopRunError(stop.error.kind, f"{stop.error.message}; {way_on}", status=stop.error.status)
    if interrupted:
        raise InterruptedRunError(f"interrupted; {way_on}")
    if sink.budget.reached:
        raise BudgetReachedError(f"budget reached: {sink.budget.reached}; {way_on} with a larger one, or none")


async def _open_lanes(
    folder: RunFolder, manifest: Manifest, options: JudgingOptions, done: set[bytes], stack: AsyncExitStack
) -> list[Lane]:
    """Open every judge, to be closed by the stack, each with its open requests."""
    plan = plan_of(manifest)
    read = partial(interpret, criteria=[criterion.name for criterion in manifest.rubric.criteria])
    lanes = []
    for spec in manifest.judges:
        local = spec.provider is Provider.LOCAL
        n_lanes, concurrency = (n_servers(), 1) if local else (1, options.concurrency)
        for number in range(n_lanes):
            judge = open_judge(
                spec, concurrency=concurrency, timeout=options.policy.timeout, transport=options.transport
            )
            stack.push_async_callback(judge.close)
            lane = Lane(
                judge, _open_requests(folder, plan, done, spec, number=number, n_lanes=n_lanes), concurrency, read
            )
            if manifest.repair is not None:
                lane.repair = partial(repair, settings=spec.settings, note=manifest.repair)
            if options.max_cost is not None:
                lane.cost = partial(cost_of, manifest.prices.get(spec.name))
            lane.calls_pace = Pace(options.max_rpm) if options.max_rpm else None
            lane.tokens_pace = Pace(options.max_tpm) if options.max_tpm else None
            lanes.append(lane)
    return lanes


async def _judge_in_batches(folder: RunFolder, manifest: Manifest, options: JudgingOptions, sink: _Sink) -> None:
    plan = plan_of(manifest)
    read = partial(interpret, criteria=[criterion.name for criterion in manifest.rubric.criteria])
    log = BatchLog(folder.batches_path, folder.path / "batches")
    books = folding.Sink(sink.journal.append, sink.display, sink.say, sink.done, folder.failed_at())
    way_on = f"what was judged is kept, and `omr-judge resume {folder.path}` picks the submitted batches up"
    async with AsyncExitStack() as stack:
        lanes = []
        for spec in manifest.judges:
            judge = open_batch_judge(spec, timeout=options.policy.timeout)
            stack.push_async_callback(judge.close)
            open_requests = partial(_open_requests, folder, plan, sink.done, spec, number=0, n_lanes=1)
            lanes.append(folding.Lane(judge, open_requests, read))
        try:
            interrupted = await judge_in_batches(lanes, log, Patience(options.policy, options.poll), books)
        except StopRunError as error:
            raise StopRunError(error.kind, f"{error.message}; {way_on}", status=error.status) from error
    if interrupted:
        raise InterruptedRunError(f"interrupted; {way_on}")


def _open_requests(
    folder: RunFolder, plan: Plan, done: set[bytes], spec: JudgeSpec, *, number: int, n_lanes: int
) -> Iterator[Request]:
    """Yield one lane's requests of a judge that have no verdict yet, read from the run's own pairs.

    A pair belongs to one lane: where each has a server of its own, that server's prompt cache serves the second order.
    """
    for request in Planner(plan, spec).requests(islice(folder.pairs(), number, None, n_lanes)):
        if bytes.fromhex(request.key) not in done:
            yield request


async def _until_done_or_interrupted(work: asyncio.Future[None], stop: Stop, patience: float, sink: _Sink) -> bool:
    """Wait for the work; when first interrupted wait for what is in flight and paid for, when again give it up."""
    loop = asyncio.get_running_loop()
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        stop.asked.set()
        if interrupts == 1:
            waiting = sink.display.in_flight
            sink.say(f"Stopping: waiting up to {patience:g} s for {waiting} requests in flight (Ctrl-C again: at once)")
            loop.call_later(patience, work.cancel)
        else:
            work.cancel()

    for number in INTERRUPTS:
        loop.add_signal_handler(number, interrupt)
    try:
        await work
    except asyncio.CancelledError:
        if not interrupts:
            raise
    finally:
        for number in INTERRUPTS:
            loop.remove_signal_handler(number)
    return bool(interrupts)
