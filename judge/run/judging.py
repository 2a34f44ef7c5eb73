"""Judge what a run has not judged yet, and stop without losing anything."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from judge.core.parsing import interpret
from judge.core.planning import Orders, Plan, Planner, choose_swapped
from judge.core.prompting import Shown, parse_template
from judge.errors import InterruptedRunError
from judge.io.dispatch import Lane, Policy, Stop, dispatch
from judge.io.journal import Journal
from judge.io.judges.local import IN_FLIGHT, NOTE
from judge.io.judges.specs import open_judge
from judge.io.render.progress import Display
from judge.schema import JudgeSpec, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from judge.io.journal import Manifest, RunFolder
    from judge.schema import Request

DEFAULT_CONCURRENCY = 16


@dataclass(frozen=True)
class JudgingOptions:
    """How fast and how patiently to ask; nothing here changes an answer."""

    concurrency: int = DEFAULT_CONCURRENCY
    policy: Policy = Policy()
    patience: float = 30.0
    """seconds that an interrupted run waits for the requests in flight"""
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
    )


def with_orders(plan: Plan, folder: RunFolder) -> Plan:
    """Return the plan with the half of the items chosen that `--orders one` shows swapped."""
    if plan.orders is Orders.BOTH:
        return plan
    from dataclasses import replace  # noqa: PLC0415 - only here

    return replace(plan, swapped_items=choose_swapped((pair.item.id for pair in folder.pairs()), seed=plan.seed))


def judge_run(folder: RunFolder, manifest: Manifest, options: JudgingOptions, *, say: Callable[[str], None]) -> None:
    """Ask every request of a run that has no verdict yet.

    Raises:
        RunError: the folder is in use by another process, or cannot be written.
        StopRunError: every further call to a judge would fail.
        InterruptedRunError: a person stopped it.
    """
    with folder.locked():
        done = folder.judged_keys()
        total = _n_requests(manifest)
        if len(done) >= total:
            return
        if any(judge.provider is Provider.LOCAL for judge in manifest.judges):
            say(f"Note: {NOTE}")
        with Journal(folder.judgments_path) as journal:
            if journal.torn:
                say(f"Dropped a torn last line of {folder.judgments_path}: its request is asked again")
            display = Display(total=total, done=len(done), judges=manifest.judges, quiet=options.quiet)
            with display:
                asyncio.run(_judge(folder, manifest, options, _Sink(journal, display, done, say)))


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


async def _judge(folder: RunFolder, manifest: Manifest, options: JudgingOptions, sink: _Sink) -> None:
    plan = with_orders(plan_of(manifest), folder)
    read = partial(interpret, criteria=[criterion.name for criterion in manifest.rubric.criteria])
    stop = Stop()
    async with AsyncExitStack() as stack:
        lanes = []
        for spec in manifest.judges:
            concurrency = IN_FLIGHT if spec.provider is Provider.LOCAL else options.concurrency
            judge = open_judge(spec, concurrency=concurrency, timeout=options.policy.timeout)
            stack.push_async_callback(judge.close)
            lanes.append(Lane(judge, _open_requests(folder, plan, spec, sink.done), concurrency, read))
        work = asyncio.ensure_future(
            dispatch(lanes, policy=options.policy, record=sink.journal.append, events=sink.display, stop=stop)
        )
        interrupted = await _until_done_or_interrupted(work, stop, options.patience, sink)
    if stop.error is not None:
        raise stop.error
    if interrupted:
        raise InterruptedRunError(f"{folder.path}: interrupted; `omr-judge resume {folder.path}` goes on")


def _open_requests(folder: RunFolder, plan: Plan, spec: JudgeSpec, done: set[bytes]) -> Iterator[Request]:
    """Yield the requests of one judge that have no verdict yet, read from the run's own pairs."""
    for request in Planner(plan, spec).requests(folder.pairs()):
        if bytes.fromhex(request.key) not in done:
            yield request


async def _until_done_or_interrupted(work: asyncio.Future[None], stop: Stop, patience: float, sink: _Sink) -> bool:
    """Wait for the work; on the first Ctrl-C wait for what is in flight, on the second give it up."""
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

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        await work
    except asyncio.CancelledError:
        if not interrupts:
            raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return bool(interrupts)
