"""Judge by calling each judge directly, once a request."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from judge.costs.charges import charge
from judge.costs.spending import reply_cost
from judge.dispatch.dispatch import Stop, dispatch
from judge.dispatch.judge_queue import JudgeQueue
from judge.dispatch.rate_limits import AdaptiveConcurrency, RateLimiter
from judge.errors import BudgetReachedError, InterruptedRunError, StopRunError
from judge.files.interrupts import interrupts_call
from judge.files.secrets import hide_in_logs
from judge.judges.local import n_servers
from judge.judges.registry import open_judge
from judge.judging.quote_run import pixels
from judge.prompting.retry_prompt import repair
from judge.schema import Failed, JudgeSpec, Provider, RequestForm

if TYPE_CHECKING:
    from judge.judging.session import Session
    from judge.judging.stopping import Round

OTHER_FILES = 64
"""open files beside the connections"""


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
        judges = [(spec, open_queues(session, spec, concurrency, stack)) for spec in session.manifest.judges]
        hide_in_logs()
        interrupted = await _until_done_or_interrupted(_ask(session, judges, stop), stop, session)
    if isinstance(stop.error, StopRunError):
        raise StopRunError(stop.error.kind, f"{stop.error.message}; {session.way_on()}", status=stop.error.status)
    if interrupted:
        raise InterruptedRunError(f"interrupted; {session.way_on()}")
    if session.budget.reached:
        way_on = session.way_on("goes on with a larger one, or none")
        raise BudgetReachedError(f"budget reached: {session.budget.reached}; {way_on}")


def _affordable_concurrency(session: Session) -> int:
    """Return how many calls of one judge may be in flight: fewer than was asked for where the system is too small."""
    wanted, n_judges = session.options.concurrency, len(session.manifest.judges)
    allowed = max(1, room_for(wanted * n_judges) // n_judges)
    if allowed < wanted:
        hint = "`ulimit -n` raises it"
        session.say(f"Note: --concurrency is {allowed} for want of open files, of which this system allows few: {hint}")
    return allowed


def room_for(connections: int) -> int:
    """Raise this process's limit on open files as far as it may be, and return how many connections it can hold.

    Systems allow a process few open files (macOS: 256), and each connection is one.

    Args:
        connections: how many are wanted, at least 1.

    Returns:
        That number, or a smaller one, at least 1.
    """
    wanted = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # macOS has one more limit, which it does not tell
        allowed = soft
    return max(1, min(connections, allowed - OTHER_FILES))


def open_queues(session: Session, spec: JudgeSpec, concurrency: int, stack: AsyncExitStack) -> list[JudgeQueue]:
    """Open a judge, to be closed by the stack; the embedded one several times, and each asks one request at a time."""
    options, manifest = session.options, session.manifest
    n_queues, concurrency = (n_servers(spec), 1) if spec.provider is Provider.LOCAL else (1, concurrency)
    has_judged = any(
        judgment.judge == spec.name and not isinstance(judgment.result, Failed)
        for judgment in (session.folder.judgments() if session.closed.judged else ())
    )
    share = options.lease.share if options.lease is not None else (lambda: 1.0)
    queues = []
    for _ in range(n_queues):
        judge = open_judge(spec, concurrency=concurrency, timeout=options.policy.timeout)
        stack.push_async_callback(judge.close)
        judge.allowed_models = options.allow_served_model
        judge.forms |= frozenset(manifest.forms.get(spec.name, ()))
        judge.on_form = partial(_record_form, session, spec.name)
        queue = JudgeQueue(
            judge,
            AdaptiveConcurrency(concurrency),
            session.plan.reader(spec),
            call_rate=RateLimiter(options.max_rpm, share),
            token_rate=RateLimiter(options.max_tpm, share),
            say=session.say,
            n_judged=has_judged,
        )
        if manifest.repair is not None:
            queue.repair = partial(repair, settings=spec.settings, note=manifest.repair)
        if options.max_cost is not None:
            price = manifest.prices.get(spec.name)
            queue.charge = partial(charge, price, judge=spec, pixels=pixels)
            queue.cost = partial(reply_cost, price)
        queues.append(queue)
    return queues


def _record_form(session: Session, judge: str, form: RequestForm) -> None:
    """Say and record that a judge's server takes another form of request than was sent: later starts begin with it."""
    session.say(f"Note: {judge} refused a request in the usual form; it is asked with {form.value}")
    manifest = session.folder.any_manifest()
    forms = manifest.forms | {judge: (*manifest.forms.get(judge, ()), form)}
    session.folder.write_manifest(manifest.model_copy(update={"forms": forms}))


async def _ask(session: Session, judges: list[tuple[JudgeSpec, list[JudgeQueue]]], stop: Stop) -> None:
    """Ask round by round, each whole before the next is drawn: the looks of a run that may stop early, else one."""
    rounds: Iterable[Round] = session.stopper.rounds() if session.stopper else [session.subjects]
    for pairs in rounds:
        for spec, queues in judges:
            for number, queue in enumerate(queues):
                queue.take(session.open_requests(spec, pairs(), number=number, n_queues=len(queues)))
        await dispatch(
            [queue for _, queues in judges for queue in queues],
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
    work, timeout = asyncio.ensure_future(asking), session.options.policy.timeout
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        stop.asked.set()
        if interrupts > 1:
            work.cancel()
            return
        n = session.recorder.display.in_flight
        session.say(f"Stopping: waiting up to {timeout:g} s for {n} requests in flight (Ctrl-C again: at once)")
        asyncio.get_running_loop().call_later(timeout, work.cancel)

    with interrupts_call(interrupt):
        try:
            await work
        except asyncio.CancelledError:
            if not interrupts:
                raise
    return bool(interrupts)
