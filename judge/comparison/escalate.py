"""Ask a second judge about the items that the first one leaves in doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from judge.files.files import touch
from judge.judging.judge_run import escalated_parts, judge_all
from judge.judging.provenance import judges_identity
from judge.outcomes.latest_judgments import LatestJudgments, latest_judgments
from judge.report.escalation import FirstJudge, doubtful_items, escalated, together
from judge.runs.controls import controls_of, escalated_folder, escalated_runs, filled

if TYPE_CHECKING:
    from judge.costs.spending import Spending
    from judge.judging.options import JudgingOptions
    from judge.runs.manifest import Escalation, Manifest
    from judge.runs.run_folder import RunFolder


def escalate(
    folder: RunFolder,
    options: JudgingOptions,
    *,
    command: Sequence[str],
    beside: Sequence[RunFolder] = (),
    again: str = "",
    say: Callable[[str], None],
) -> None:
    """Ask the second judge of a run, where it has one, once the first has been asked everything.

    Which items are doubtful is decided once, as the first judge is done, and stays so.

    Args:
        folder: the run.
        options: how to ask.
        command: the command line, for the manifest.
        beside: folders of other runs that share the budget.
        again: as for `judge_all`.
        say: is told how many items are escalated.

    Raises:
        InputError, RunError, StopRunError, BudgetReachedError, InterruptedRunError: as for `compare`.
    """
    manifest = folder.any_manifest()
    if manifest.kind != "comparison" or manifest.escalation is None:
        return
    new = escalated_folder(folder)
    if not new.manifest_path.exists():
        latest = latest_judgments(folder.judgments())
        if len(latest) < manifest.n_requests:
            return
        _draw(folder, new, manifest, manifest.escalation, latest, command)
    parts = escalated_parts(folder, manifest)
    say(f"Escalated to {manifest.escalation.judge.name}: {parts[0].manifest.n_items} of {manifest.n_items} items")
    others = {one.path: one for one in (folder, *controls_of(folder), *beside) if one.path != new.path}
    judge_all(parts, options, beside=list(others.values()), again=again, say=say)


def _draw(
    folder: RunFolder,
    new: RunFolder,
    manifest: Manifest,
    escalation: Escalation,
    latest: LatestJudgments,
    command: Sequence[str],
) -> None:
    """Write the folder of the doubtful items."""
    identical = set(manifest.identical)
    items = [pair.item.id for pair in folder.pairs() if pair.item.id not in identical]
    criteria = [criterion.name for criterion in manifest.rubric.criteria]
    doubtful = set(doubtful_items(latest, criteria, manifest.orders, items))
    of_first = {*judges_identity(manifest.judges), "--escalate"}
    kept = {name: value for name, value in manifest.identity.items() if name not in of_first}
    changes = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": tuple(command),
        "judges": (escalation.judge,),
        "identity": kept | judges_identity([escalation.judge]) | {"escalated": escalation.rule},
        "escalation": None,
        "left_out": {},
        "files": {},
        "forms": {},
    }
    pairs = (pair for pair in folder.pairs() if pair.item.id in doubtful)
    with new.created(shared=bool(folder.path.stat().st_mode & 0o020)) as hidden:
        if folder.batches_path.exists():
            touch(hidden.batches_path)
        hidden.write_manifest(filled(manifest.model_copy(update=changes), hidden, pairs))


def read_escalated(
    folder: RunFolder, manifest: Manifest, first: LatestJudgments, spending: Spending | None
) -> tuple[LatestJudgments, FirstJudge | None]:
    """Return the judgments of a run with those of its second judge, and what was escalated; None where nothing was."""
    runs = escalated_runs(folder, manifest)
    if manifest.escalation is None or not runs:
        return first, None
    second = latest_judgments(runs[0].judgments(), spending)
    one, two = manifest.judges[0].name, manifest.escalation.judge.name
    n = runs[0].manifest().n_items
    found = FirstJudge(one, two, first, n, n - second.requests["item"].n_unique())
    return escalated(first, second, together(one, two)), found
