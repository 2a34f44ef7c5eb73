"""Write checklists of items: check the inputs, make or find the run, ask for those that are not written yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from judge.costs.quote import Quote
from judge.enums import OnMissingImage
from judge.errors import InputError, InputErrors
from judge.files.limits import real_path
from judge.images.image_store import ImageStore
from judge.images.loader import ImageLoader
from judge.images.preparing import ImageOptions
from judge.inputs.item_images import ItemImages
from judge.inputs.items import Items, read_items
from judge.judging.command_options import ChecklistOptions
from judge.judging.find_run import PreparedRun, open_judges, quote_start, start_run
from judge.judging.judge_run import judge_all, parts_of
from judge.judging.provenance import item_roles, read_files, used_asset
from judge.prompting.checklist_writing import WRITING
from judge.prompting.shipped_files import Asset, find_asset, load_prompt
from judge.prompting.subject_counts import ItemCounts
from judge.runs.manifest import ChecklistManifest, Input
from judge.runs.run_folder import RunFolder
from judge.schema import Item


def write_checklists(options: ChecklistOptions, *, command: Sequence[str], say: Callable[[str], None]) -> RunFolder:
    """Ask a judge for the checklist of each item that has a reference, or go on with that; return the run's folder.

    Args:
        options: whose checklists, and how.
        command: the command line, for the manifest.
        say: is told notes and warnings, a line each.

    Raises:
        InputError: something given cannot be used; nothing was spent.
        RunError: the run folder is another run's, in use or damaged.
        StopRunError: the judge answers no more; what was written is kept.
    """
    folder, judges = start_run(_prepared(options, command=command, say=say), say=say)
    manifest = folder.any_manifest().model_copy(update={"judges": judges})
    judge_all(parts_of(folder, manifest), options.judging, say=say)
    return folder


def dry_run(options: ChecklistOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote the writing of checklists, or what is still open of it where its run exists; keys are not needed.

    Raises:
        InputError: something given cannot be used.
        RunError: the run folder is another run's, or damaged.
    """
    return quote_start(_prepared(options, command=(), say=say, needs_keys=False), say=say)


@contextmanager
def _prepared(
    options: ChecklistOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[_PreparedWriting]:
    prompt = find_asset("prompts", options.prompt)
    load_prompt(prompt, WRITING).check()
    if real_path(options.to) == real_path(options.items):
        raise InputError("--to", f"{options.to} is the file of items itself", "name another file")
    if not options.to.absolute().parent.is_dir():
        raise InputError("--to", f"{options.to.parent} is no folder", "make it, or name another file")
    judges, prices = open_judges([options.judge], options, say=say, needs_keys=needs_keys)
    with read_items([options.items], fields=options.fields) as file:
        yield _PreparedWriting(options, tuple(command), judges, prices, prompt, file)


@dataclass(frozen=True)
class _PreparedWriting(PreparedRun[ItemCounts]):
    """A run that writes checklists and need not exist yet."""

    subjects_file = "items.jsonl"

    options: ChecklistOptions
    prompt: Asset
    file: Items

    def counts(self) -> ItemCounts:
        """Return what counts the items."""
        return ItemCounts()

    def subjects(self, store: ImageStore | None = None) -> Iterator[Item]:
        """Yield all items in the order of the file; InputErrors after the last if an image of one is no image.

        Images are named again in the output and shown to nobody: one that is not there is no problem here.

        Args:
            store: takes the images that have no file of their own.
        """
        anywhere = ImageOptions(roots=(Path(Path.cwd().anchor),))
        loader = ImageLoader(anywhere, store)
        images = ItemImages(OnMissingImage.TEXT_ONLY, blind_judge=False, loader=loader)
        for id_ in self.file.ids:
            record = self.file.record(id_)
            yield images.show(record.item, [record]) or record.item
        if images.problems:
            raise InputErrors(images.problems)

    def complete(self, new: RunFolder, counts: ItemCounts) -> None:  # noqa: ARG002 - nothing else belongs to it
        """Refuse, with an InputError, a run that would ask about no item."""
        if not counts.n_asked:
            hint = "references are read from `reference_reasoning` or `reference`; see --field"
            raise InputError(self.file.path, "no item has a reference and lacks a checklist", hint)

    def name_parts(self) -> list[str]:
        """Return the name of the file of items, and the judge's model."""
        return ["checklist", Path(self.file.path).name.split(".")[0], self.judges[0].model]

    def files(self) -> list[Input]:
        """Return every file that was read, with its hash."""
        return [*read_files(item_roles(self.file)), used_asset("prompt", self.prompt)]

    def decided(self) -> dict[str, str]:
        """Name what decides the checklists beside the judge and the files; where they are written to does not."""
        fields = orjson.dumps(dict(self.options.fields), option=orjson.OPT_SORT_KEYS).decode()
        return {"checklists of": "items", "--field": fields}

    def manifest(self, counts: ItemCounts, *, sha256: str) -> ChecklistManifest:
        """Return the manifest of the run, once its items are written."""
        return ChecklistManifest(
            **self.made(counts, sha256=sha256),
            prompt=self.prompt.text,
            to=str(self.options.to.absolute()),
            samples=1,
            seed=0,
        )
