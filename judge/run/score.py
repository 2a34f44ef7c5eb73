"""Score one model's traces by the checklists of their items: check the inputs, make or find the run, judge."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from judge.core.census import CaseCensus
from judge.core.pkr.prompting import CHECKLIST
from judge.core.prompting import parse_template
from judge.core.quote import Quote, quote
from judge.errors import InputError, InputErrors
from judge.io.assets import Asset, find_asset
from judge.io.batches.specs import require_batches
from judge.io.files import write_lines
from judge.io.image_store import ImageStore
from judge.io.judges.specs import check_transport
from judge.io.manifest import Input, ScoreManifest
from judge.io.prices import parse_prices
from judge.run.draft import (
    SHARD,
    item_roles,
    judges_identity,
    made_now,
    open_specs,
    read_file,
    refused_images,
    used_asset,
)
from judge.run.finding import Sought, find_or_create, find_run, refuse_changes
from judge.run.inputs import CaseInputs
from judge.run.judging import judge_run
from judge.run.options import ScoreOptions
from judge.run.quote import pixels, quote_run
from judge.run.task import score_plan_of
from judge.schema import Case, Group, JudgeSpec, Price

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from judge.io.journal import RunFolder


def score(options: ScoreOptions, *, command: Sequence[str], say: Callable[[str], None]) -> RunFolder:
    """Score traces, or go on with the run that the same command began; return its folder.

    Args:
        options: what to score, and how.
        command: the command line, for the manifest.
        say: is told notes and warnings, a line each.

    Raises:
        InputError: something given cannot be used; nothing was spent.
        RunError: the run folder is another run's, in use or damaged.
        StopRunError: a judge answers no more; what was judged is kept.
    """
    with _drafted(options, command=command, say=say) as draft:
        folder = find_or_create(draft.sought(), draft.prices, partial(_create_run, draft=draft), say=say)
        judges = draft.judges
    # A run may go on at another address than it began at: the judges are those of the command.
    manifest = folder.score_manifest().model_copy(update={"judges": judges})
    for line in _notes(manifest):
        say(line)
    judge_run(folder, manifest, options.judging, say=say)
    return folder


def quote_score(options: ScoreOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote a score, or what is still open of it where its run exists; nothing is asked or written, no key needed."""
    with _drafted(options, command=(), say=say, needs_keys=False) as draft:
        folder = find_run(draft.sought(), say=say)
        batch = options.judging.batch
        if folder.manifest_path.exists():
            refuse_changes(folder, draft.identity())
            known = folder.score_manifest()
            known = known.model_copy(update={"prices": known.prices | draft.prices})
            return quote_run(folder, known, done=folder.judged_keys(), batch=batch)
        manifest = draft.manifest(CaseCensus(draft.judges), cases_sha256="")
        plan, prices = score_plan_of(manifest), manifest.prices
        return quote(plan, draft.judges, prices, draft.cases(), done=(), pixels=pixels, batch=batch)


@contextmanager
def _drafted(
    options: ScoreOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[ScoreDraft]:
    """Check all that was given, and yield the run that it describes with its input files open."""
    prompts = find_prompts(options.prompts)
    judges = open_specs(options.judges, options.judge_options, say=say, needs_keys=needs_keys)
    if options.judging.batch:
        require_batches(judges)
    for judge in judges:
        check_transport(judge, options.judging.transport)
    prices = parse_prices(options.prices, judges)
    with CaseInputs(options.inputs, blind_judge=not all(judge.sees_images for judge in judges)) as inputs:
        inputs.check()
        for warning in inputs.warnings():
            say(f"Warning: {warning}")
        yield ScoreDraft(options, prompts, judges, prices, inputs, tuple(command))


def find_prompts(family: str) -> dict[Group, Asset]:
    """Read the prompt of each group: `pkr.v1`, or a path in whose folder `NAME-GROUP.vN.md` lie.

    Raises:
        InputError: one is missing or is no prompt of a group.
    """
    stem, _, version = family.removesuffix(".md").rpartition(".")
    suffix = ".md" if Path(family).name != family else ""
    found = {group: find_asset("prompts", f"{stem}-{group}.{version}{suffix}") for group in Group}
    for asset in found.values():
        parse_template(asset.text, where=asset.path.name, form=CHECKLIST).check()
    return found


@dataclass(frozen=True)
class ScoreDraft:
    """A score that does not exist yet: everything that its manifest is made from."""

    options: ScoreOptions
    prompts: dict[Group, Asset]
    judges: tuple[JudgeSpec, ...]
    prices: dict[str, Price]
    """by judge, as given"""
    inputs: CaseInputs
    command: tuple[str, ...]

    def sought(self) -> Sought:
        """Return what tells its run from others."""
        shard = self.options.shard
        part = [f"shard-{shard.number}-of-{shard.of}"] if shard else []
        parts = ["score", self.inputs.model, self.judges[0].model, *part]
        return Sought(self.identity(), parts, self.options.runs, self.options.name)

    def identity(self) -> dict[str, str]:
        """Name everything that decides the judgments; a judge's address is not part of it."""
        options = self.options
        decided = {
            "kind of run": "score",
            "--samples": str(options.samples),
            "--seed": str(options.seed),
            "--allow-missing": str(options.inputs.allow_missing),
            "--on-missing-image": options.inputs.on_missing_image.value,
            "--field": orjson.dumps(dict(options.inputs.fields), option=orjson.OPT_SORT_KEYS).decode(),
            **options.inputs.identity(),
        }
        if options.shard is not None:
            decided[SHARD] = str(options.shard)
        return decided | judges_identity(self.judges) | {f"file {file.role}": file.sha256 for file in self.files()}

    def files(self) -> list[Input]:
        """Return every file that was read, with its hash."""
        files = [("traces", self.inputs.traces), *item_roles(self.inputs.items)]
        read = [read_file(role, file.path, file.sha256) for role, file in files]
        return read + [used_asset(f"prompt of {group}", asset) for group, asset in self.prompts.items()]

    def cases(self) -> Iterator[Case]:
        """Yield the cases that have a checklist; InputError after the last where none has, or some lack it."""
        return (case for _, case in self.placed())

    def placed(self, store: ImageStore | None = None) -> Iterator[tuple[int, Case]]:
        """Yield the cases to judge with their places among all that have a checklist (errors as for `cases`).

        Args:
            store: takes the images that cannot be sent as their files are; None only says what would be sent.
        """
        chosen = self.options.shard.choose(self.inputs.ids) if self.options.shard else None
        without: list[str] = []
        refused: list[InputError] = []
        n = 0
        for case in self.inputs.cases(store, held=chosen):
            if not case.item.checklist:
                without.append(case.item.id)
                continue
            refused += refused_images(case.item, self.judges)
            if not refused and (chosen is None or case.item.id in chosen):
                yield n, case
            n += 1
        if refused:
            raise InputErrors(refused)
        self.inputs.left_out["no_checklist"] = len(without)
        if without and (not n or not self.options.inputs.allow_missing):
            hint = "`omr-judge checklist` makes them from reference traces; --allow-missing leaves such items out"
            raise InputError("--items", f"{len(without)} items have no checklist, the first is {without[0]!r}", hint)

    def manifest(self, census: CaseCensus, *, cases_sha256: str) -> ScoreManifest:
        """Return the manifest of the run, once its cases are written."""
        options = self.options
        return ScoreManifest(
            **made_now(self.command, self.judges, self.prices),
            inputs=tuple(self.files()),
            identity=self.identity(),
            model=self.inputs.model,
            prompts={group: asset.text for group, asset in self.prompts.items()},
            samples=options.samples,
            seed=options.seed,
            **census.fields(),
            left_out={reason: count for reason, count in self.inputs.left_out.items() if count},
            pairs_sha256=cases_sha256,
            shard=options.shard,
        )


def _create_run(folder: RunFolder, draft: ScoreDraft) -> None:
    """Write the cases and the manifest; InputErrors, and no folder, if images or checklists cannot be used."""
    census = CaseCensus(draft.judges)
    positions = list[int]()

    def kept(store: ImageStore) -> Iterator[Case]:
        for position, case in draft.placed(store):
            positions.append(position)
            yield case

    with folder.created() as new:
        store = ImageStore(new.path)
        digest = write_lines(new.cases_path, census.counting(kept(store)))
        store.flush()
        if draft.options.shard:
            new.write_positions(positions)
        if draft.options.judging.batch:
            new.batches_path.touch()
        new.write_manifest(draft.manifest(census, cases_sha256=digest))


def _notes(manifest: ScoreManifest) -> list[str]:
    """Say before judging what a person should know of this run."""
    blind = [judge.name for judge in manifest.judges if not judge.sees_images]
    if not blind or not manifest.n_units.get(Group.PERCEPTION):
        return []
    return [f"Note: {', '.join(blind)} cannot see images: perception is not asked, and has no figure"]
