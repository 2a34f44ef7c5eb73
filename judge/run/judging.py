"""Judge what a run has not judged yet, and stop without losing anything."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from judge.core.parsing import interpret
from judge.core.planning import Orders, Plan, Planner
from judge.core.prompting import Shown, parse_template
from judge.errors import InterruptedRunError, StopRunError
from judge.io.dispatch import Lane, Policy, Stop, dispatch
from judge.io.in_flight import InFlight, read_in_flight
from judge.io.journal import SYNC_SECONDS, Journal
from judge.io.judges.local import NOTE, n_servers
from judge.io.judges.specs import open_judge, require
from judge.io.render.progress import Display
from judge.io.secrets import hide_in_logs
from judge.run.recording import Recorder
from judge.schema import JudgeSpec, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    sync_seconds: float = SYNC_SECONDS
    """pause between two flushes of the journal to the disk; 0: each judgment is flushed before it counts"""
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


def judge_run(
    folder: RunFolder,
    manifest: Manifest,
    options: JudgingOptions,
    *,
    only: frozenset[bytes] | None = None,
    say: Callable[[str], None],
) -> None:
    """Ask every request of a run that has no verdict yet.

    Args:
        folder: the run's.
        manifest: what the run is; its judges are the ones asked.
        options: how fast and how patiently.
        only: keys of the requests to ask, where not all that have no verdict.
        say: is told notes and warnings, a line each.

    Raises:
        InputError: a judge's key or weights are not there.
        RunError: the folder is in use by another process, or cannot be written.
        StopRunError: every further call to a judge would fail.
        InterruptedRunError: a person stopped it.
    """
    with folder.locked():
        judged = folder.judged_keys()
        wanted = _Wanted(judged, only)
        total = _n_requests(manifest) if only is None else len(judged | only)
        if len(judged) >= total:
            return
        for judge in manifest.judges:
            require(judge)
        if any(judge.provider is Provider.LOCAL for judge in manifest.judges):
            say(f"Note: {NOTE}")
        if paid_twice := len(read_in_flight(folder.in_flight_path, judged)):
            calls = "1 call" if paid_twice == 1 else f"{paid_twice} calls"
            say(f"{calls} may have been paid twice (in flight when the run was killed)")
        with (
            Journal(folder.judgments_path, sync_seconds=options.sync_seconds) as journal,
            InFlight(folder.in_flight_path) as in_flight,
        ):
            if journal.torn:
                say(f"Dropped a torn last line of {folder.judgments_path}: its request is asked again")
            display = Display(total=total, done=len(judged), judges=manifest.judges, quiet=options.quiet)
            with display:
                asyncio.run(
                    _judge(folder, manifest, options, wanted, recorder=Recorder(journal, in_flight, display), say=say)
                )


def _n_requests(manifest: Manifest) -> int:
    orders = 2 if manifest.orders is Orders.BOTH else 1
    return (manifest.n_items - len(manifest.identical)) * orders * manifest.samples * len(manifest.judges)


class _Wanted(NamedTuple):
    """Which requests of a run are asked now."""

    judged: set[bytes]
    only: frozenset[bytes] | None

    def holds(self, key: bytes) -> bool:
        """Say whether a request is to be asked."""
        return key not in self.judged and (self.only is None or key in self.only)


async def _judge(
    folder: RunFolder,
    manifest: Manifest,
    options: JudgingOptions,
    wanted: _Wanted,
    *,
    recorder: Recorder,
    say: Callable[[str], None],
) -> None:
    plan = plan_of(manifest)
    read = partial(interpret, criteria=[criterion.name for criterion in manifest.rubric.criteria])
    open_requests = partial(_open_requests, folder, plan, wanted)
    stop = Stop()
    async with AsyncExitStack() as stack:
        lanes = []
        for spec in manifest.judges:
            local = spec.provider is Provider.LOCAL
            n_lanes, concurrency = (n_servers(), 1) if local else (1, options.concurrency)
            for number in range(n_lanes):
                judge = open_judge(spec, concurrency=concurrency, timeout=options.policy.timeout)
                stack.push_async_callback(judge.close)
                lanes.append(Lane(judge, open_requests(spec, number=number, n_lanes=n_lanes), concurrency, read))
        hide_in_logs()
        work = asyncio.ensure_future(
            dispatch(lanes, policy=options.policy, record=recorder.record, events=recorder, stop=stop)
        )
        interrupted = await _until_done_or_interrupted(work, stop, options.policy.timeout, recorder.display, say)
    way_on = f"what was judged is kept, and `omr-judge resume {folder.path}` goes on"
    if isinstance(stop.error, StopRunError):
        raise StopRunError(stop.error.kind, f"{stop.error.message}; {way_on}", status=stop.error.status)
    if interrupted:
        raise InterruptedRunError(f"interrupted; {way_on}")


def _open_requests(
    folder: RunFolder, plan: Plan, wanted: _Wanted, spec: JudgeSpec, *, number: int, n_lanes: int
) -> Iterator[Request]:
    """Yield one lane's requests of a judge that are to be asked, read from the run's own pairs.

    A pair belongs to one lane: where each has a server of its own, that server's prompt cache serves the second order.
    """
    for request in Planner(plan, spec).requests(islice(folder.pairs(), number, None, n_lanes)):
        if wanted.holds(bytes.fromhex(request.key)):
            yield request


async def _until_done_or_interrupted(
    work: asyncio.Future[None], stop: Stop, patience: float, display: Display, say: Callable[[str], None]
) -> bool:
    """Wait for the work; when first interrupted wait for what is in flight and paid for, when again give it up."""
    loop = asyncio.get_running_loop()
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        stop.asked.set()
        if interrupts == 1:
            waiting = display.in_flight
            say(f"Stopping: waiting up to {patience:g} s for {waiting} requests in flight (Ctrl-C again: at once)")
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
