"""Compare two models: check the inputs, make or find the run, judge what is not judged yet."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from judge.core.ahead import ahead
from judge.core.census import Census
from judge.core.facts import units_of_pairs
from judge.core.flags import Flags, flag_note
from judge.core.planning import choose_swapped
from judge.enums import Orders
from judge.errors import InputError, RunError
from judge.io.files import file_sha256, write_lines
from judge.io.image_store import ImageStore
from judge.io.journal import RunFolder
from judge.io.manifest import AnyManifest, Manifest
from judge.io.prices import parse_prices
from judge.run.controls import controls_of, make_controls
from judge.run.doubts import FLAGS, flags_of_run
from judge.run.draft import Draft, drafted
from judge.run.finding import find_or_create
from judge.run.judging_all import judge_all, members_of
from judge.run.options import CompareOptions, JudgingOptions
from judge.run.pricing import change_prices
from judge.run.task import plan_of
from judge.schema import JudgeSpec, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


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
    folder, judges = _prepare(options, command=command, say=say)
    # A run may go on at another address than it began at: the judges are those of the command.
    manifest = folder.manifest().model_copy(update={"judges": judges})
    make_controls(folder, manifest, options.controls.wanted(), command=command)
    for line in [*notes(manifest), *flag_notes(folder)]:
        say(line)
    judge_all(members_of(folder, manifest), options.judging, say=say)
    return folder


def _prepare(
    options: CompareOptions, *, command: Sequence[str], say: Callable[[str], None]
) -> tuple[RunFolder, tuple[JudgeSpec, ...]]:
    """Check everything given, and make or find the run; what is read of the files is forgotten with the return."""
    with drafted(options, command=command, say=say) as draft:
        folder = find_or_create(draft.sought(), draft.prices, partial(create_run, draft=draft), say=say)
        return folder, draft.judges


def create_run(folder: RunFolder, draft: Draft) -> None:
    """Write the pairs and the manifest; InputErrors, and no folder, if images cannot be used.

    A shard reads every pair too, so that all shards agree on what the whole comparison is.
    """
    options = draft.options
    chosen = draft.shard_items()
    whole = Census(answers=not options.hide_answers)
    own = whole if chosen is None else Census(answers=not options.hide_answers)
    positions, flags = list[int](), Flags()

    def kept(store: ImageStore) -> Iterator[Pair]:
        for position, pair in enumerate(whole.counting(draft.pairs(store))):
            if chosen is None:
                yield pair
            elif pair.item.id in chosen:
                positions.append(position)
                yield from own.counting([pair])

    with folder.created() as new:
        store = ImageStore(new.path)
        read = ahead(kept(store), _n_chars)
        looked_at = ahead(flags.passing(read), _n_chars)
        digest = write_lines(new.pairs_path, looked_at)
        store.flush()
        write_lines(new.path / FLAGS, flags.all())
        if options.checklist and not whole.n_checklists:
            hint = "give items with a `checklist` (docs/score.md), or leave the option out"
            raise InputError("--checklist", "no item has a checklist", hint)
        swapped = choose_swapped(whole.judged, seed=options.seed) if options.orders is Orders.ONE else frozenset()
        if options.shard:
            new.write_positions(positions)
        if options.judging.batch:
            new.batches_path.touch()
        if options.stopping is not None:
            units_of_pairs(new.pairs(), options.stopping.cluster)
        new.write_manifest(draft.manifest(own, swapped=swapped.intersection(own.judged), pairs_sha256=digest))


def _n_chars(pair: Pair) -> int:
    return len(pair.a.text) + len(pair.b.text)


def resume(
    folder: RunFolder, options: JudgingOptions, *, prices: Sequence[str] = (), say: Callable[[str], None]
) -> None:
    """Go on with a run and its controls from its own folder, unless a file that it was made from has changed since."""
    change_prices(folder, parse_prices(prices, unchanged_manifest(folder).judges))
    judge_all(members_of(folder, folder.any_manifest()), options, say=say)


def unchanged_manifest(folder: RunFolder) -> AnyManifest:
    """Return the manifest of a run that can go on: RunError where its files have changed since it began."""
    manifest = folder.any_manifest()
    if isinstance(manifest, Manifest) and manifest.prompt is None:
        raise RunError(f"{folder.path}: its judgments were imported; there is nothing to ask")
    for file in manifest.inputs:
        path = Path(file.path)
        if path.is_file() and file_sha256(path) != file.sha256:
            raise RunError(f"{folder.path}: {file.role} has changed since the run began: {path}")
    for each in (folder, *controls_of(folder)):
        own = each.any_manifest()
        if file_sha256(each.subjects_path(own)) != own.pairs_sha256:
            raise RunError(f"{each.subjects_path(own)}: changed since the run began")
    return manifest


def notes(manifest: Manifest) -> list[str]:
    """Say before judging what a person should know of this run."""
    said = []
    blind = [judge.name for judge in manifest.judges if not judge.sees_images]
    if blind and manifest.n_images:
        said.append(f"Note: {', '.join(blind)} cannot see images and is told so ({manifest.n_images} images)")
    without = manifest.n_items - manifest.n_checklists
    if without and plan_of(manifest).template.shows("checklist"):
        said.append(f"Note: {without} of {manifest.n_items} items have no checklist, and are judged without one")
    return said


def flag_notes(folder: RunFolder) -> list[str]:
    """Say how many traces of a run are flagged."""
    note = flag_note(flags_of_run(folder))
    return [f"Note: {note} (`omr-judge flags {folder.path}` lists them)"] if note else []
