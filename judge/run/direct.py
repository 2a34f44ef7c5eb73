"""Judge by calling each judge directly, once a request."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from judge.core.repairing import repair
from judge.errors import BudgetReachedError, InterruptedRunError, StopRunError
from judge.io.dispatch import Stop, dispatch
from judge.io.judges.local import n_servers
from judge.io.judges.specs import open_judge
from judge.io.lag import warn_of_lag
from judge.io.lane import Lane
from judge.io.limits import Pace
from judge.io.open_files import room_for
from judge.io.secrets import hide_in_logs
from judge.run.interrupts import interrupts_call
from judge.run.spending import cost_of
from judge.schema import JudgeSpec, Provider

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from judge.io.judges.base import Judge
    from judge.run.session import Session
    from judge.run.stopping import Round


async def judge_directly(session: Session) -> None:
    """Ask every open request of a run; Ctrl-C waits for what is in flight, and a second one does not.

    Raises:
        RunError: a request cannot be made, or a judgment not be written.
        StopRunError: every further call to a judge would fail.
        BudgetReachedError: the run has spent what it may.
        InterruptedRunError: a person stopped it.
    """
    stop = Stop()
    async with AsyncExitStack() as stack:
        concurrency = _affordable_concurrency(session)
        lanes = [lane for spec in session.manifest.judges for lane in _open_lanes(session, spec, concurrency, stack)]
        hide_in_logs()
        lag = asyncio.ensure_future(warn_of_lag(session.say))
        stack.callback(lag.cancel)
        interrupted = await _until_done_or_interrupted(_ask(session, lanes, stop), stop, session)
    if isinstance(stop.error, StopRunError):
        raise StopRunError(stop.error.kind, f"{stop.error.message}; {session.way_on()}", status=stop.error.status)
    if interrupted:
        raise InterruptedRunError(f"interrupted; {session.way_on()}")
    if session.budget.reached:
        way_on = session.way_on("goes on with a larger one, or none")
        raise BudgetReachedError(f"budget reached: {session.budget.reached}; {way_on}")


@dataclass(frozen=True)
class _Numbered:
    """One lane of those that a judge has."""

    lane: Lane
    spec: JudgeSpec
    number: int
    n_lanes: int


def _affordable_concurrency(session: Session) -> int:
    """Return how many calls of one judge may be in flight: fewer than was asked for where the system is too small."""
    wanted, n_judges = session.options.concurrency, len(session.manifest.judges)
    allowed = max(1, room_for(wanted * n_judges) // n_judges)
    if allowed < wanted:
        hint = "`ulimit -n` raises it"
        session.say(f"Note: --concurrency is {allowed} for want of open files, of which this system allows few: {hint}")
    return allowed


def _open_lanes(session: Session, spec: JudgeSpec, concurrency: int, stack: AsyncExitStack) -> list[_Numbered]:
    """Open a judge, to be closed by the stack; the embedded one several times."""
    local = spec.provider is Provider.LOCAL
    n_lanes, concurrency = (n_servers(), 1) if local else (1, concurrency)
    lanes = []
    for number in range(n_lanes):
        judge = open_judge(
            spec,
            concurrency=concurrency,
            timeout=session.options.policy.timeout,
            transport=session.options.transport,
        )
        stack.push_async_callback(judge.close)
        lanes.append(_Numbered(_lane(session, spec, judge, concurrency), spec, number, n_lanes))
    return lanes


def _lane(session: Session, spec: JudgeSpec, judge: Judge, concurrency: int) -> Lane:
    options, manifest = session.options, session.manifest
    n_judged = len(session.closed.judged)
    lane = Lane(judge, concurrency, session.plan.interpret, say=session.say, n_judged=n_judged)
    if manifest.repair is not None:
        lane.repair = partial(repair, settings=spec.settings, note=manifest.repair)
    if options.max_cost is not None:
        lane.cost = partial(cost_of, manifest.prices.get(spec.name))
    if options.max_rpm is not None:
        lane.calls_pace = Pace(options.max_rpm)
    if options.max_tpm is not None:
        lane.tokens_pace = Pace(options.max_tpm)
    return lane


async def _ask(session: Session, lanes: list[_Numbered], stop: Stop) -> None:
    """Ask round by round, each whole before the next is drawn: the looks of a run that may stop early, else one."""
    rounds: Iterable[Round] = session.stopper.rounds() if session.stopper else [session.subjects]
    for pairs in rounds:
        for one in lanes:
            one.lane.take(session.open_requests(one.spec, pairs(), number=one.number, n_lanes=one.n_lanes))
        await dispatch(
            [one.lane for one in lanes],
            policy=session.options.policy,
            record=session.recorder.record,
            events=session.recorder,
            stop=stop,
            budget=session.budget,
        )
        if stop.asked.is_set() or session.budget.reached:
            return


async def _until_done_or_interrupted(asking: Coroutine[Any, Any, None], stop: Stop, session: Session) -> bool:
    """Wait for the work; when first interrupted wait for what is in flight and paid for, when again give it up."""
    work, patience = asyncio.ensure_future(asking), session.options.policy.timeout
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        stop.asked.set()
        if interrupts > 1:
            work.cancel()
            return
        n = session.recorder.display.in_flight
        session.say(f"Stopping: waiting up to {patience:g} s for {n} requests in flight (Ctrl-C again: at once)")
        asyncio.get_running_loop().call_later(patience, work.cancel)

    with interrupts_call(interrupt):
        try:
            await work
        except asyncio.CancelledError:
            if not interrupts:
                raise
    return bool(interrupts)
