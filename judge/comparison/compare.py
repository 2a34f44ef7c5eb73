"""Compare two models, and go on with a run: judge what is not judged yet, and ask again what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from judge.comparison.escalate import escalate
from judge.comparison.prepared_run import prepared_comparison
from judge.costs.prices import parse_prices
from judge.errors import RunError
from judge.files.files import file_sha256
from judge.flags.flags import flag_note, flags_of_run
from judge.judging.command_options import CompareOptions
from judge.judging.find_run import change_prices, start_run
from judge.judging.judge_run import judge_all, parts_of
from judge.judging.options import JudgingOptions
from judge.judging.run_kinds import plan_of
from judge.runs.controls import folders_within, make_controls
from judge.runs.manifest import AnyManifest, Manifest
from judge.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from judge.schema import FailureKind


def compare(options: CompareOptions, *, command: Sequence[str], say: Callable[[str], None]) -> RunFolder:
    """Run a comparison, or go on with the run that the same comparison began; return its folder.

    Args:
        options: what to compare, and how.
        command: the command line, for the manifest.
        say: is told notes and warnings, a line each.

    Raises:
        InputError: something given cannot be used; nothing was spent.
        RunError: the run folder is another comparison's, in use or damaged.
        StopRunError: a judge answers no more; what was judged is kept.
    """
    folder, judges = start_run(prepared_comparison(options, command=command, say=say), say=say)
    manifest = folder.manifest().model_copy(update={"judges": judges})
    make_controls(folder, manifest, options.controls.wanted(), command=command)
    for line in notes(manifest, folder):
        say(line)
    judge_all(parts_of(folder, manifest), options.judging, say=say)
    escalate(folder, options.judging, command=command, say=say)
    return folder


def resume(
    folder: RunFolder, options: JudgingOptions, *, prices: Sequence[str] = (), say: Callable[[str], None]
) -> None:
    """Go on with a run and its controls from its own folder, unless a file that it was made from has changed since."""
    options.reach.check(folder.any_manifest().judges)
    change_prices(folder, parse_prices(prices, unchanged_manifest(folder).judges))
    judge_all(parts_of(folder, folder.any_manifest()), options, say=say)
    escalate(folder, options, command=(), say=say)


def retry(
    folder: RunFolder,
    options: JudgingOptions,
    *,
    kinds: Collection[FailureKind] = (),
    prices: Sequence[str] = (),
    say: Callable[[str], None],
) -> None:
    """Ask again what failed, in the run and its controls, and nothing that was never asked.

    Args:
        folder: the run.
        options: how to ask.
        prices: as given to `--price`.
        kinds: which kinds of failure to ask again; all of them where none is named.
        say: is told how many requests of each kind are asked again.
    """
    options.reach.check(folder.any_manifest().judges)
    change_prices(folder, parse_prices(prices, unchanged_manifest(folder).judges))
    parts = parts_of(folder, folder.any_manifest())
    failed = [
        {key: last.kind for key, last in part.folder.failures().items() if not kinds or last.kind in kinds}
        for part in parts
    ]
    counts = Counter(kind.value for own in failed for kind in own.values())
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    say(f"Asking again: {told}" if told else "Nothing to ask again: no request has failed so")
    open_ = [part._replace(only=frozenset(own)) for part, own in zip(parts, failed, strict=True)]
    judge_all(open_, options, say=say)
    escalate(folder, options, command=(), say=say)


def unchanged_manifest(folder: RunFolder) -> AnyManifest:
    """Return the manifest of a run that can go on: RunError where its files have changed since it began."""
    manifest = folder.any_manifest()
    if isinstance(manifest, Manifest) and manifest.prompt is None:
        raise RunError(f"{folder.path}: its judgments were imported; there is nothing to ask")
    for file in manifest.inputs:
        path = Path(file.path)
        if path.is_file() and file_sha256(path) != file.sha256:
            raise RunError(f"{folder.path}: {file.role} has changed since the run began: {path}")
    for each in (folder, *folders_within(folder)):
        own = each.any_manifest()
        if own.pairs_sha256 is not None and file_sha256(each.subjects_path(own)) != own.pairs_sha256:
            raise RunError(f"{each.subjects_path(own)}: changed since the run began")
    return manifest


def notes(manifest: Manifest, folder: RunFolder) -> list[str]:
    """Say before judging what a person should know of this run."""
    said = []
    blind = [judge.name for judge in manifest.judges if not judge.sees_images]
    if blind and manifest.n_images:
        said.append(f"Note: {', '.join(blind)} cannot see images and is told so ({manifest.n_images} images)")
    without = manifest.n_items - manifest.n_checklists
    if without and plan_of(manifest).template.shows("checklist"):
        said.append(f"Note: {without} of {manifest.n_items} items have no checklist, and are judged without one")
    if note := flag_note(flags_of_run(folder)):
        said.append(f"Note: {note} (`omr-judge flags {folder.path}` lists them)")
    return said
