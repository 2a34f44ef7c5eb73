"""Judge what a run and its controls have not judged yet, within one budget, and stop without losing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from judge.batches.collect import BatchQueue, ResultWriter
from judge.batches.log import BatchLog
from judge.batches.submit import judge_in_batches, open_batch_judge, require_batches
from judge.costs.charges import Charge, charge
from judge.costs.quote import added
from judge.costs.spending import reply_cost
from judge.dispatch.in_flight import InFlight, read_in_flight
from judge.errors import BudgetReachedError, InputError, InterruptedRunError, StopRunError
from judge.files.secrets import hide_in_logs
from judge.judges.local import NOTE
from judge.judges.local_weights import GGUF_SHA256
from judge.judges.registry import require
from judge.judging.direct import judge_directly
from judge.judging.options import JudgingOptions
from judge.judging.progress import Display
from judge.judging.quote_run import budget_of, confirm, pixels, quote_run
from judge.judging.run_kinds import any_plan_of
from judge.judging.session import Closed, Recorder, Session
from judge.judging.stopping import Stopper, planned_looks
from judge.outcomes.interim_looks import LookPanel
from judge.runs.controls import controls_of, escalated_folder
from judge.runs.journal import Journal
from judge.runs.journal_copy import refuse_rescued
from judge.runs.manifest import Manifest

if TYPE_CHECKING:
    from judge.dispatch.budget import Budget
    from judge.runs.manifest import AnyManifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import JudgeSpec, Price, Request


class RunPart(NamedTuple):
    """A run, or one of its controls, to be judged."""

    folder: RunFolder
    manifest: AnyManifest
    only: frozenset[bytes] | None = None
    """keys of the requests to ask, where not all that have no verdict"""


class Whole(NamedTuple):
    """Several runs that are judged as one: they share a progress, which is shown already, and a budget."""

    display: Display
    budget: Budget


def parts_of(run: RunFolder, manifest: AnyManifest) -> list[RunPart]:
    """Return a run with its controls, which ask the judges that the manifest names, and with what was escalated."""
    judges = {"judges": manifest.judges}
    controls = [RunPart(folder, folder.manifest().model_copy(update=judges)) for folder in controls_of(run)]
    return [RunPart(run, manifest), *controls, *escalated_parts(run, manifest)]


def escalated_parts(run: RunFolder, manifest: AnyManifest) -> list[RunPart]:
    """Return what a run has escalated to its second judge, at the address that the manifest names; none before that."""
    folder = escalated_folder(run)
    if not isinstance(manifest, Manifest) or manifest.escalation is None or not folder.manifest_path.exists():
        return []
    return [RunPart(folder, folder.manifest().model_copy(update={"judges": (manifest.escalation.judge,)}))]


def judge_all(
    parts: Sequence[RunPart],
    options: JudgingOptions,
    *,
    beside: Sequence[RunFolder] = (),
    say: Callable[[str], None],
    whole: Whole | None = None,
    again: str = "",
) -> None:
    """Ask every request of the parts that has no verdict yet.

    Args:
        parts: in the order in which they are judged, by the judges of their manifests.
        options: how fast and how patiently, and what it may cost: limits hold for all parts together, and a person is
            asked once.
        beside: other folders of the same run, whose spending counts too.
        say: is told notes and warnings, a line each.
        whole: what the parts share with others; a person has confirmed its cost.
        again: what a person does to go on, for errors to say; empty: resumes the run.

    Raises:
        InputError: a judge's key or weights are not there, an option does not fit the run, or nobody is here to
            confirm the cost.
        RunError: a folder is in use by another process, or cannot be written.
        StopRunError: every further call to a judge would fail.
        BudgetReachedError: the run has spent what it may.
        InterruptedRunError: a person stopped it.
    """
    if len(parts) > 1 and whole is None:
        options = confirmed(parts, options)
    folders = [*beside, *(part.folder for part in parts)]
    for part in parts:
        kind = part.manifest.control.kind if isinstance(part.manifest, Manifest) and part.manifest.control else ""
        if kind and _is_open(part):
            say(f"Control {kind}: {part.manifest.n_items} items")
        others = [folder for folder in folders if folder is not part.folder]
        _judge_part(part, options, beside=others, say=say, whole=whole, again=again)


def _is_open(part: RunPart) -> bool:
    judged = part.folder.judged_keys()
    return bool(part.only - judged) if part.only is not None else len(judged) < part.manifest.n_requests


def confirmed(parts: Sequence[RunPart], options: JudgingOptions) -> JudgingOptions:
    """Ask a person once about the cost of all parts together; return the options without the question."""
    if options.confirm_above is None:
        return options
    quotes = [
        quote_run(
            part.folder,
            part.manifest,
            done=Closed(part.folder.judged_keys(), part.only),
            batch=options.batch or part.folder.batches_path.exists(),
        )
        for part in parts
        if _is_open(part)
    ]
    if quotes:
        confirm(added(quotes), above=options.confirm_above)
    return replace(options, confirm_above=None)


def _judge_part(
    part: RunPart,
    options: JudgingOptions,
    *,
    beside: Sequence[RunFolder],
    say: Callable[[str], None],
    whole: Whole | None,
    again: str,
) -> None:
    folder, manifest, only = part
    with folder.locked():
        refuse_rescued(folder.judgments_path)
        closed = Closed(folder.judged_keys(), only)
        total = manifest.n_requests if only is None else len(closed.judged | only)
        if len(closed.judged) >= total:
            return
        stopper = _stopper(folder, manifest, say)
        if stopper is not None and stopper.decided:
            say("Decided already: nothing is asked")
            return
        in_batches = options.batch or folder.batches_path.exists()
        manifest = _checked(manifest, options, in_batches=in_batches, say=say)
        budget = whole.budget if whole else budget_of(folder, manifest, options, beside=beside)
        if any(judge.weights_sha256 == GGUF_SHA256 for judge in manifest.judges):
            say(f"Note: {NOTE}")
        if options.confirm_above is not None:
            quoted = quote_run(folder, manifest, done=closed, batch=in_batches)
            confirm(quoted, above=options.confirm_above)
        if n_unknown := len(read_in_flight(folder.in_flight_path, closed.judged)):
            calls = "1 call" if n_unknown == 1 else f"{n_unknown} calls"
            say(f"{calls} may have been paid twice (in flight when the run was killed)")
        with (
            Journal(folder.judgments_path, sync_seconds=options.fsync_ms / 1000) as journal,
            InFlight(folder.in_flight_path) as in_flight,
        ):
            if journal.torn:
                say(f"Dropped a torn last line of {folder.judgments_path}: its request is asked again")
            own = Display(total=total, done=len(closed.judged), prices=manifest.prices, quiet=options.quiet)
            display = whole.display if whole else own
            recorder = Recorder(journal, in_flight, display, stopper)
            plan = any_plan_of(manifest)
            session = Session(folder, manifest, plan, options, closed, recorder, budget, stopper, say, again)
            with nullcontext() if whole else display:
                asyncio.run(_judge_batched(session) if in_batches else judge_directly(session))


def _checked(
    manifest: AnyManifest, options: JudgingOptions, *, in_batches: bool, say: Callable[[str], None]
) -> AnyManifest:
    """Return the manifest with its judges as they can be asked now.

    Judges without keys, or that changed, and options that batches cannot have are refused before anything is spent.
    """
    judges = tuple(require(judge, say=say) for judge in manifest.judges)
    if in_batches:
        _check_batches(manifest, options)
    return manifest.model_copy(update={"judges": judges})


def _check_batches(manifest: AnyManifest, options: JudgingOptions) -> None:
    require_batches(manifest.judges)
    for option, limit in {"--max-rpm": options.max_rpm, "--max-tpm": options.max_tpm}.items():
        if limit is not None:
            raise InputError(option, "a batch is submitted as a whole", "leave it out")
    if isinstance(manifest, Manifest) and manifest.stopping is not None:
        raise InputError("--stop-when-decided", "batches are answered together, not look by look", "leave out --batch")


def _stopper(folder: RunFolder, manifest: AnyManifest, say: Callable[[str], None]) -> Stopper | None:
    if not isinstance(manifest, Manifest) or (looks := planned_looks(folder, manifest)) is None:
        return None
    judges = [judge.name for judge in manifest.judges]
    panel = LookPanel(judges, manifest.orders, manifest.samples, manifest.rubric.criteria[-1].name)
    return Stopper(folder, looks, panel, say=say)


async def _judge_batched(session: Session) -> None:
    """Submit every open request of a run, wait, and take the replies in; Ctrl-C leaves the batches to a later start.

    Raises:
        RunError: a request cannot be made, or a judgment not be written.
        StopRunError: a provider refuses, or cannot be reached.
        BudgetReachedError: the run has spent what it may.
        InterruptedRunError: a person stopped it.
    """
    session.budget.first_came = True
    log = BatchLog(session.folder.batches_path, session.folder.path / "batches")
    # What is in a batch is on record there: the record of what is in flight is for direct calls.
    recorder = session.recorder
    failures = session.folder.failures()
    writer = ResultWriter(
        recorder.record, recorder.display, session.say, session.closed.judged, recorder.journal.size, failures
    )
    way_on = session.way_on("picks the submitted batches up")
    async with AsyncExitStack() as stack:
        queues = []
        for spec in session.manifest.judges:
            judge = open_batch_judge(spec, timeout=session.options.policy.timeout)
            stack.push_async_callback(judge.close)
            judge.allowed_models = session.options.allow_served_model
            judge.forms |= frozenset(session.manifest.forms.get(spec.name, ()))
            queue = BatchQueue(judge, partial(session.open_requests, spec), session.plan.reader(spec))
            queue.budget, price = session.budget, session.manifest.prices.get(spec.name)
            if session.options.max_cost is not None:
                queue.charge = partial(_expected_charge, price=price, judge=spec)
                queue.cost = partial(reply_cost, price)
            queues.append(queue)
        hide_in_logs()
        policy, poll = session.options.policy, session.options.poll
        try:
            interrupted = await judge_in_batches(queues, log, writer, policy=policy, poll=poll)
        except StopRunError as error:
            raise StopRunError(error.kind, f"{error.message}; {way_on}", status=error.status) from error
    if interrupted:
        raise InterruptedRunError(f"interrupted; {way_on}")
    if held_back := next((queue.held_back for queue in queues if queue.held_back), ""):
        way_on = session.way_on("goes on with a larger one, or none")
        raise BudgetReachedError(f"budget reached: {held_back}; {way_on}")


def _expected_charge(request: Request, *, price: Price | None, judge: JudgeSpec) -> Charge:
    """Return what a request is expected to cost in a batch, which is submitted before any reply tells more."""
    expected = charge(price, request, judge, pixels=pixels, batched=True).expected
    return Charge(expected, expected)
