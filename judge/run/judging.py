"""Judge what a run has not judged yet, and stop without losing anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from judge.core.looks import Panel
from judge.errors import InputError
from judge.io.batches.specs import require_batches
from judge.io.in_flight import InFlight, read_in_flight
from judge.io.journal import Journal
from judge.io.judges.local import NOTE
from judge.io.judges.specs import check_transport, require
from judge.io.manifest import Manifest
from judge.io.render.progress import Display
from judge.run.batched import judge_batched
from judge.run.direct import judge_directly
from judge.run.options import JudgingOptions
from judge.run.quote import confirm, quote_run
from judge.run.recording import Recorder
from judge.run.session import Closed, Session
from judge.run.spending import budget_of
from judge.run.stopping import Stopper, planned_looks
from judge.run.task import task_of
from judge.schema import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from judge.io.journal import RunFolder
    from judge.io.manifest import AnyManifest


def judge_run(
    folder: RunFolder,
    manifest: AnyManifest,
    options: JudgingOptions,
    *,
    only: frozenset[bytes] | None = None,
    beside: Sequence[RunFolder] = (),
    say: Callable[[str], None],
) -> None:
    """Ask every request of a run that has no verdict yet.

    Args:
        folder: the run's.
        manifest: what the run is; its judges are the ones asked.
        options: how fast and how patiently, and what it may cost.
        only: keys of the requests to ask, where not all that have no verdict.
        beside: the other folders of the same run, controls or what they control: limits hold for all together.
        say: is told notes and warnings, a line each.

    Raises:
        InputError: a judge's key or weights are not there, an option does not fit the run, or nobody is here to
            confirm the cost.
        RunError: the folder is in use by another process, or cannot be written.
        StopRunError: every further call to a judge would fail.
        BudgetReachedError: it has spent what it may.
        InterruptedRunError: a person stopped it.
    """
    with folder.locked():
        closed = Closed(folder.judged_keys(), only)
        total = manifest.n_requests if only is None else len(closed.judged | only)
        if len(closed.judged) >= total:
            return
        stopper = _stopper(folder, manifest, say)
        if stopper is not None and stopper.decided:
            say("Decided already: nothing is asked")
            return
        in_batches = options.batch or folder.batches_path.exists()
        _check(manifest, options, in_batches=in_batches)
        budget = budget_of(folder, manifest, beside=beside, max_calls=options.max_calls, max_cost=options.max_cost)
        if any(judge.provider is Provider.LOCAL for judge in manifest.judges):
            say(f"Note: {NOTE}")
        if options.confirm_above is not None:
            quoted = quote_run(folder, manifest, done=closed, batch=in_batches)
            confirm(quoted, above=options.confirm_above)
        if n_unknown := len(read_in_flight(folder.in_flight_path, closed.judged)):
            calls = "1 call" if n_unknown == 1 else f"{n_unknown} calls"
            say(f"{calls} may have been paid twice (in flight when the run was killed)")
        with (
            Journal(folder.judgments_path, sync_seconds=options.sync_seconds) as journal,
            InFlight(folder.in_flight_path) as in_flight,
        ):
            if journal.torn:
                say(f"Dropped a torn last line of {folder.judgments_path}: its request is asked again")
            display = Display(total=total, done=len(closed.judged), prices=manifest.prices, quiet=options.quiet)
            recorder = Recorder(journal, in_flight, display, stopper)
            session = Session(
                folder, manifest, task_of(folder, manifest), options, closed, recorder, budget, stopper, say
            )
            with display:
                asyncio.run(judge_batched(session) if in_batches else judge_directly(session))


def _check(manifest: AnyManifest, options: JudgingOptions, *, in_batches: bool) -> None:
    """Refuse what cannot be asked so, before anything is spent."""
    for judge in manifest.judges:
        require(judge)
        check_transport(judge, options.transport)
    if not in_batches:
        return
    require_batches(manifest.judges)
    limits: dict[str, object] = {"--max-calls": options.max_calls, "--max-cost": options.max_cost}
    limits |= {"--max-rpm": options.max_rpm, "--max-tpm": options.max_tpm}
    for option, limit in limits.items():
        if limit is not None:
            hint = "quote it with --dry-run, or have it confirmed with --confirm-above"
            raise InputError(option, "a batch is submitted, and paid for, as a whole", hint)
    if isinstance(manifest, Manifest) and manifest.stopping is not None:
        raise InputError("--stop-when-decided", "batches are answered together, not look by look", "leave out --batch")


def _stopper(folder: RunFolder, manifest: AnyManifest, say: Callable[[str], None]) -> Stopper | None:
    """Return what stops a run early, where its manifest says that it may."""
    if not isinstance(manifest, Manifest) or (looks := planned_looks(folder, manifest)) is None:
        return None
    judges = [judge.name for judge in manifest.judges]
    panel = Panel(judges, manifest.orders, manifest.samples, manifest.rubric.criteria[-1].name)
    return Stopper(folder, looks, panel, say=say)
