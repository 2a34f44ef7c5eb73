"""The controls of a run: folders of their own within the run's, each with its manifest, pairs and journal."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from judge.errors import InputError, RunError
from judge.files.files import make_folder, touch, write_lines
from judge.images.image_store import ImageStore, with_item
from judge.images.loader import held
from judge.prompting.subject_counts import PairCounts
from judge.runs.control_kinds import Control, ControlKind
from judge.runs.control_sample import ControlSource, control_pairs
from judge.runs.run_folder import RunFolder
from judge.schema import Failed

if TYPE_CHECKING:
    from judge.runs.control_kinds import ControlOptions
    from judge.runs.manifest import Manifest
    from judge.schema import Judgment, Pair

CONTROLS = "controls"


def control_folder(run: RunFolder, kind: ControlKind) -> RunFolder:
    """Return where a control of a run lies, or would."""
    return RunFolder(run.path / CONTROLS / kind)


def controls_of(run: RunFolder) -> list[RunFolder]:
    """Return the controls that a run has.

    Raises:
        RunError: what lies in a control's place is another run.
    """
    controls = []
    for kind in ControlKind:
        folder = control_folder(run, kind)
        if folder.manifest_path.exists():
            if problem := control_problem(run, folder):
                raise RunError(f"{folder.manifest_path}: {problem}")
            controls.append(folder)
    return controls


def control_problem(run: RunFolder, folder: RunFolder) -> str:
    """Say why a folder is no control of a run; empty where it is one."""
    if not folder.manifest_path.exists():
        return "missing"
    own, control = folder.manifest(), folder.manifest().control
    if control is None or control.kind != folder.name:
        return f"not the control {folder.name} of this run, but {f'a control {control.kind}' if control else 'a run'}"
    drawn_from = {name: value for name, value in own.identity.items() if not name.startswith("--control")}
    return "" if drawn_from == run.manifest().identity else "a control of another run"


def escalated_folder(run: RunFolder) -> RunFolder:
    """Return where the items lie, or would, that a run asks its second judge about."""
    return RunFolder(run.path / "escalated")


def all_judgments(run: RunFolder) -> Iterator[Judgment]:
    """Yield the judgments of a run, then those of the second judge that it asked about doubtful items."""
    yield from run.judgments()
    if (again := escalated_folder(run)).manifest_path.exists():
        yield from again.judgments()


def run_of(part: RunFolder) -> RunFolder:
    """Return the run that a control, or what was escalated, belongs to; of a run, itself."""
    run = RunFolder(part.path.parent.parent if part.path.parent.name == CONTROLS else part.path.parent)
    return run if run.manifest_path.exists() else part


def folders_within(run: RunFolder) -> list[RunFolder]:
    """Return the folders of a run that are runs themselves: its controls, and what was escalated."""
    escalated = escalated_folder(run)
    return [*controls_of(run), *([escalated] if escalated.manifest_path.exists() else [])]


def make_controls(
    run: RunFolder,
    manifest: Manifest,
    wanted: Iterable[Control],
    *,
    judged: Container[str] | None = None,
    command: Sequence[str],
) -> None:
    """Draw the controls that a run does not have yet.

    Args:
        run: the run.
        manifest: of the run.
        wanted: which; a `repeat` that is there serves whatever its size.
        judged: items that can be drawn; None: all that a judge is asked about.
        command: the command line, for the manifests.

    Raises:
        InputError: no item can be drawn.
        RunError: one is there with another number of items, or cannot be written.
    """
    source = ControlSource(
        run.pairs, manifest.seed, answers=not manifest.hide_answers, show=manifest.show, judged=judged
    )
    # All are drawn before one is written: where one cannot be had, a run is left as it was.
    drawn = [(control, control_pairs(control, source)) for control in missing_controls(run, wanted)]
    for control, pairs in drawn:
        folder = control_folder(run, control.kind)
        changed = as_control(manifest, control, command=command)
        make_folder(folder.path.parent)
        with folder.created(shared=bool(run.path.stat().st_mode & 0o020)) as new:
            if run.batches_path.exists():
                touch(new.batches_path)
            new.write_manifest(filled(changed, new, pairs))


def missing_controls(run: RunFolder, wanted: Iterable[Control]) -> list[Control]:
    """Return the wanted controls that a run does not have; RunError where it has one of another size."""
    missing = []
    for control in wanted:
        folder = control_folder(run, control.kind)
        if not folder.manifest_path.exists():
            missing.append(control)
            continue
        known = folder.manifest().control
        if known != control and control.kind is not ControlKind.REPEAT:
            drawn = f" for --control-n {known.n}" if known else ""
            raise RunError(f"{folder.path}: drawn{drawn}; ask for as many again, or remove it to draw anew")
    return missing


def as_control(manifest: Manifest, control: Control, *, command: Sequence[str]) -> Manifest:
    """Return the manifest of a control, but for what depends on its pairs.

    Texts against themselves are stored as the judge is shown them: nothing is left to hide.
    """
    hides = {ControlKind.HIDE_ANSWERS: True, ControlKind.IDENTICAL: False}
    changes = {
        "control": control,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": tuple(command),
        "identity": manifest.identity | {"--control": str(control.kind), "--control-n": str(control.n)},
        "hide_answers": hides.get(control.kind, manifest.hide_answers),
        "stopping": None,
        "escalation": None,
        "shard": None,
        "merged": (),
        "left_out": {},
        "files": {},
    }
    return manifest.model_copy(update=changes)


def filled(manifest: Manifest, new: RunFolder, pairs: Iterable[Pair]) -> Manifest:
    """Write the pairs of a run made of another's, whose images it holds; return its manifest with what they decide."""
    counts = PairCounts(answers=not manifest.hide_answers, show=manifest.show)
    store = ImageStore(new.path)
    digest = write_lines(new.pairs_path, counts.counting(with_item(pair, partial(held, store=store)) for pair in pairs))
    store.flush()
    fields = counts.fields()
    if manifest.control is not None and manifest.control.kind is ControlKind.IDENTICAL:
        fields["identical"] = ()
    swapped = tuple(sorted({*counts.judged, *counts.identical} & set(manifest.swapped)))
    return manifest.model_copy(update={**fields, "swapped": swapped, "pairs_sha256": digest})


def refuse_contradictions(
    options: ControlOptions, *, hide_answers: bool, is_shard: bool = False, may_stop: bool = False
) -> None:
    """Refuse controls that a comparison cannot have; InputError."""
    if not options.kinds:
        return
    later = "leave out --control; `omr-judge control RUN` adds it to the finished run"
    if is_shard:
        raise InputError("--control", "a sample of a shard is none of the whole", later.replace("finished", "merged"))
    if may_stop:
        raise InputError("--control", "a run that may stop early does not ask every item that is drawn", later)
    if hide_answers and ControlKind.HIDE_ANSWERS in options.kinds:
        raise InputError("--control hide-answers", "the answers are hidden already", "leave it out")


def judged_items(run: RunFolder) -> set[str]:
    """Return the items of a run on which a judge has said something."""
    return {judgment.item for judgment in run.judgments() if not isinstance(judgment.result, Failed)}
