"""Judge what a run has not judged yet, and stop without losing anything."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from judge.core.looks import Panel
from judge.core.parsing import interpret
from judge.core.planning import Orders, Plan, Planner
from judge.core.prompting import Shown, parse_template
from judge.errors import InterruptedRunError, StopRunError
from judge.io.dispatch import Lane, Policy, Stop, dispatch
from judge.io.journal import Journal
from judge.io.judges.local import NOTE, n_servers
from judge.io.judges.specs import open_judge, require
from judge.io.render.progress import Display
from judge.run.stopping import Stopper, planned_looks
from judge.schema import Provider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from judge.io.journal import Manifest, RunFolder
    from judge.run.stopping import Round
    from judge.schema import Judgment, Pair, Request

DEFAULT_CONCURRENCY = 16
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what batch systems send before they kill"""


@dataclass(frozen=True)
class JudgingOptions:
    """How fast and how patiently to ask; nothing here changes an answer."""

    concurrency: int = DEFAULT_CONCURRENCY
    policy: Policy = Policy()
    quiet: bool = False


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
        InputError: a judge's key or weights are not there.
        RunError: the folder is in use by another process, or cannot be written.
        StopRunError: every further call to a judge would fail.
        InterruptedRunError: a person stopped it.
    """
    with folder.locked():
        done = folder.judged_keys()
        total = _n_requests(manifest)
        if len(done) >= total:
            return
        stopper = _stopper(folder, manifest, say)
        if stopper is not None and stopper.decided:
            say("Decided already: nothing is asked")
            return
        for judge in manifest.judges:
            require(judge)
        if any(judge.provider is Provider.LOCAL for judge in manifest.judges):
            say(f"Note: {NOTE}")
        with Journal(folder.judgments_path) as journal:
            if journal.torn:
                say(f"Dropped a torn last line of {folder.judgments_path}: its request is asked again")
            display = Display(total=total, done=len(done), judges=manifest.judges, quiet=options.quiet)
            with display:
                asyncio.run(_judge(folder, manifest, options, _Sink(journal, display, done, say, stopper)))


def _stopper(folder: RunFolder, manifest: Manifest, say: Callable[[str], None]) -> Stopper | None:
    """Return what stops a run early, where its manifest says that it may."""
    looks = planned_looks(folder, manifest)
    if looks is None:
        return None
    judges = [judge.name for judge in manifest.judges]
    panel = Panel(judges, manifest.orders, manifest.samples, manifest.rubric.criteria[-1].name)
    return Stopper(folder, looks, panel, say=say)


def _n_requests(manifest: Manifest) -> int:
    orders = 2 if manifest.orders is Orders.BOTH else 1
    return (manifest.n_items - len(manifest.identical)) * orders * manifest.samples * len(manifest.judges)


@dataclass(frozen=True)
class _Sink:
    """Where judgments go, and who is told."""

    journal: Journal
    display: Display
    done: set[bytes]
    say: Callable[[str], None]
    stopper: Stopper | None = None

    def record(self, judgment: Judgment) -> None:
        """Put a judgment on disk, and before who may stop the run."""
        self.journal.append(judgment)
        if self.stopper is not None:
            self.stopper.note(judgment)

    def rounds(self, folder: RunFolder) -> Iterable[Round]:
        """Return the rounds of a run: its looks, else all of its pairs at once."""
        return [folder.pairs] if self.stopper is None else self.stopper.rounds()


async def _judge(folder: RunFolder, manifest: Manifest, options: JudgingOptions, sink: _Sink) -> None:
    plan = plan_of(manifest)
    read = partial(interpret, criteria=[criterion.name for criterion in manifest.rubric.criteria])
    stop = Stop()
    async with AsyncExitStack() as stack:
        lanes: list[tuple[Lane, Callable[[Iterator[Pair]], Iterator[Request]]]] = []
        for spec in manifest.judges:
            local = spec.provider is Provider.LOCAL
            n_lanes, concurrency = (n_servers(), 1) if local else (1, options.concurrency)
            for number in range(n_lanes):
                judge = open_judge(spec, concurrency=concurrency, timeout=options.policy.timeout)
                stack.push_async_callback(judge.close)
                requests = partial(_open_requests, Planner(plan, spec), sink.done, number, n_lanes)
                lanes.append((Lane(judge, iter(()), concurrency, read), requests))

        async def ask(pairs: Round) -> None:
            for lane, requests in lanes:
                lane.requests = requests(pairs())
            asked = [lane for lane, _ in lanes]
            await dispatch(asked, policy=options.policy, record=sink.record, events=sink.display, stop=stop)

        work = asyncio.ensure_future(_round_by_round(sink.rounds(folder), ask, stop))
        interrupted = await _until_done_or_interrupted(work, stop, options.policy.timeout, sink)
    way_on = f"what was judged is kept, and `omr-judge resume {folder.path}` goes on"
    if isinstance(stop.error, StopRunError):
        raise StopRunError(stop.error.kind, f"{stop.error.message}; {way_on}", status=stop.error.status)
    if interrupted:
        raise InterruptedRunError(f"interrupted; {way_on}")


async def _round_by_round(rounds: Iterable[Round], ask: Callable[[Round], Awaitable[None]], stop: Stop) -> None:
    """Ask one round whole before the next is drawn."""
    for pairs in rounds:
        await ask(pairs)
        if stop.asked.is_set():
            return


def _open_requests(
    planner: Planner, done: set[bytes], number: int, n_lanes: int, pairs: Iterator[Pair]
) -> Iterator[Request]:
    """Yield one lane's requests of a judge that have no verdict yet, of the pairs of a round.

    A pair belongs to one lane: where each has a server of its own, that server's prompt cache serves the second order.
    """
    for request in planner.requests(islice(pairs, number, None, n_lanes)):
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
