"""Write checklists of items: check the inputs, make or find the run, ask for those that are not written yet."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from judge.core.census import ItemCensus
from judge.core.checklists.prompting import WRITING
from judge.core.quote import Quote, quote
from judge.enums import OnMissingImage
from judge.errors import InputError, InputErrors
from judge.io.assets import Asset, find_asset, load_prompt
from judge.io.batches.specs import require_batches
from judge.io.files import write_lines
from judge.io.image_store import ImageStore
from judge.io.images import ImageLoader
from judge.io.items import Items, read_items
from judge.io.journal import RunFolder
from judge.io.judges.specs import check_transport
from judge.io.manifest import ChecklistManifest, Input
from judge.io.pictures.preparing import ImageOptions
from judge.io.prices import parse_prices
from judge.run.draft import item_roles, judges_identity, made_now, open_specs, read_file, used_asset
from judge.run.finding import Sought, find_or_create, find_run, refuse_changes
from judge.run.item_images import ItemImages
from judge.run.judging import judge_run
from judge.run.options import ChecklistOptions
from judge.run.quote import pixels, quote_run
from judge.run.task import writing_plan_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from judge.schema import Item, JudgeSpec, Price


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
    with _drafted(options, command=command, say=say) as draft:
        folder = find_or_create(draft.sought(), draft.prices, partial(_create_run, draft=draft), say=say)
    # A run may go on at another address than it began at: the judge is the command's.
    manifest = folder.any_manifest().model_copy(update={"judges": (draft.judge,)})
    judge_run(folder, manifest, options.judging, say=say)
    return folder


def dry_run(options: ChecklistOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote the writing of checklists, or what is still open of it where its run exists; keys are not needed.

    Raises:
        InputError: something given cannot be used.
        RunError: the run folder is another run's, or damaged.
    """
    batch = options.judging.batch
    with _drafted(options, command=(), say=say, needs_keys=False) as draft:
        folder = find_run(draft.sought(), say=say)
        if not folder.manifest_path.exists():
            manifest = draft.manifest(ItemCensus(), items_sha256="")
            work, prices = writing_plan_of(manifest), manifest.prices
            return quote(work, [draft.judge], prices, draft.items(), done=(), pixels=pixels, batch=batch)
        refuse_changes(folder, draft.identity())
        known = folder.any_manifest()
        known = known.model_copy(update={"prices": known.prices | draft.prices})
        return quote_run(folder, known, done=folder.judged_keys(), batch=batch)


@contextmanager
def _drafted(
    options: ChecklistOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[_Draft]:
    """Check all that was given, and yield the run that it describes with its input file open."""
    prompt = find_asset("prompts", options.prompt)
    load_prompt(prompt, WRITING).check()
    if options.to.resolve() == Path(options.items).resolve():
        raise InputError("--to", f"{options.to} is the file of items itself", "name another file")
    if not options.to.absolute().parent.is_dir():
        raise InputError("--to", f"{options.to.parent} is no folder", "make it, or name another file")
    (judge,) = open_specs([options.judge], options.judge_options, say=say, needs_keys=needs_keys)
    if options.judging.batch:
        require_batches([judge])
    check_transport(judge, options.judging.transport)
    prices = parse_prices(options.prices, [judge])
    with read_items([options.items], fields=options.fields) as file:
        yield _Draft(options, prompt, judge, prices, file, tuple(command))


@dataclass(frozen=True)
class _Draft:
    """A run that does not exist yet: everything that its manifest is made from."""

    options: ChecklistOptions
    prompt: Asset
    judge: JudgeSpec
    prices: dict[str, Price]
    """as given"""
    file: Items
    command: tuple[str, ...]

    def items(self, store: ImageStore | None = None) -> Iterator[Item]:
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

    def sought(self) -> Sought:
        """Return what tells its run from others."""
        parts = ["checklist", Path(self.file.path).name.split(".")[0], self.judge.model]
        return Sought(self.identity(), parts, self.options.runs, self.options.name)

    def inputs(self) -> tuple[Input, ...]:
        """Return every file that was read, with its hash."""
        files = [read_file(role, file.path, file.sha256) for role, file in item_roles(self.file)]
        return *files, used_asset("prompt", self.prompt)

    def identity(self) -> dict[str, str]:
        """Name everything that decides the checklists; where they are written to is not part of it."""
        fields = orjson.dumps(dict(self.options.fields), option=orjson.OPT_SORT_KEYS).decode()
        files = {f"file {file.role}": file.sha256 for file in self.inputs()}
        return {"checklists of": "items", "--field": fields, **judges_identity([self.judge]), **files}

    def manifest(self, census: ItemCensus, *, items_sha256: str) -> ChecklistManifest:
        """Return the manifest of the run, once its items are written."""
        return ChecklistManifest(
            **made_now(self.command, [self.judge], self.prices),
            inputs=self.inputs(),
            identity=self.identity(),
            prompt=self.prompt.text,
            to=str(self.options.to.absolute()),
            samples=1,
            seed=0,
            **census.fields(),
            pairs_sha256=items_sha256,
        )


def _create_run(folder: RunFolder, draft: _Draft) -> None:
    """Write the items and the manifest; InputError, and no folder, where no item is to be asked about."""
    census = ItemCensus()
    with folder.created() as new:
        store = ImageStore(new.path)
        digest = write_lines(new.items_path, census.counting(draft.items(store)))
        store.flush()
        if not census.n_asked:
            hint = "references are read from `reference_reasoning` or `reference`; see --field"
            raise InputError(draft.file.path, "no item has a reference and lacks a checklist", hint)
        if draft.options.judging.batch:
            new.batches_path.touch()
        new.write_manifest(draft.manifest(census, items_sha256=digest))
