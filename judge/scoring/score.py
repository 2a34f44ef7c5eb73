"""Score one model's traces by the checklists of their items: check the inputs, make or find the run, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from judge.errors import InputError, InputErrors
from judge.images.image_store import ImageStore
from judge.inputs.item_images import refused_images
from judge.inputs.join import CaseInputs
from judge.judging.command_options import ScoreOptions
from judge.judging.find_run import SHARD, PreparedRun, open_judges, quote_start, start_run
from judge.judging.judge_run import judge_all, parts_of
from judge.judging.provenance import item_roles, read_files, used_asset
from judge.prompting.checklist_score import CHECKLIST
from judge.prompting.pairwise_prompt import parse_template
from judge.prompting.shipped_files import Asset, find_asset
from judge.prompting.subject_counts import CaseCounts
from judge.runs.manifest import Input, ScoreManifest
from judge.schema import Case, Group

if TYPE_CHECKING:
    from judge.costs.quote import Quote
    from judge.images.image_store import ImageStore
    from judge.runs.run_folder import RunFolder


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
    folder, judges = start_run(prepared_score(options, command=command, say=say), say=say)
    manifest = folder.score_manifest().model_copy(update={"judges": judges})
    blind = [judge.name for judge in judges if not judge.sees_images]
    if blind and manifest.n_units.get(Group.PERCEPTION):
        say(f"Note: {', '.join(blind)} cannot see images: perception is not asked, and has no figure")
    judge_all(parts_of(folder, manifest), options.judging, say=say)
    return folder


def quote_score(options: ScoreOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote a score, or what is still open of it where its run exists; nothing is asked or written, no key needed."""
    return quote_start(prepared_score(options, command=(), say=say, needs_keys=False), say=say)


@contextmanager
def prepared_score(
    options: ScoreOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[PreparedScore]:
    """Check all that was given, and yield the run that it describes with its input files open."""
    prompts = find_prompts(options.prompts)
    judges, prices = open_judges(options.judges, options, say=say, needs_keys=needs_keys)
    blind = not all(judge.sees_images for judge in judges)
    with CaseInputs(options.inputs, blind_judge=blind, seed=options.seed) as inputs:
        inputs.check()
        for note in inputs.notes():
            say(f"Note: {note}")
        for warning in inputs.warnings():
            say(f"Warning: {warning}")
        yield PreparedScore(options, tuple(command), judges, prices, prompts, inputs)


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
class PreparedScore(PreparedRun[CaseCounts]):
    """A checked score run, which may not exist on disk yet."""

    subjects_file = "cases.jsonl"

    options: ScoreOptions
    prompts: dict[Group, Asset]
    inputs: CaseInputs

    def name_parts(self) -> list[str]:
        """Return the model, the first judge's model, and the shard."""
        shard = self.options.shard
        return ["score", self.inputs.model, self.judges[0].model, *([shard.label] if shard else [])]

    def decided(self) -> dict[str, str]:
        """Return the settings that the judgments depend on, beside judges and files."""
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
        return decided

    def files(self) -> list[Input]:
        """Return every file that was read, with its hash."""
        read = read_files([("traces", self.inputs.traces), *item_roles(self.inputs.items)])
        return read + [used_asset(f"prompt of {group}", asset) for group, asset in self.prompts.items()]

    def shard_items(self) -> frozenset[str] | None:
        """Return the items of the shard, None where all are judged."""
        return self.options.shard.choose(self.inputs.ids) if self.options.shard else None

    def counts(self) -> CaseCounts:
        """Return the counter of the run's cases."""
        return CaseCounts(self.judges, self.shard_items())

    def subjects(self, store: ImageStore | None = None) -> Iterator[Case]:
        """Yield the cases that have a checklist; InputError after the last where none has, or some lack it."""
        without: list[str] = []
        refused: list[InputError] = []
        n = 0
        for case in self.inputs.cases(store, held=self.shard_items()):
            if not case.item.checklist:
                without.append(case.item.id)
                continue
            n += 1
            refused += refused_images(case.item, self.judges)
            if not refused:
                yield case
        if refused:
            raise InputErrors(refused)
        self.inputs.left_out["no_checklist"] = len(without)
        if without and (not n or not self.options.inputs.allow_missing):
            hint = "`omr-judge checklist` makes them from reference traces; --allow-missing leaves such items out"
            raise InputError("--items", f"{len(without)} items have no checklist, the first is {without[0]!r}", hint)

    def manifest(self, counts: CaseCounts, *, sha256: str) -> ScoreManifest:
        """Return the manifest of the run, once its cases are written."""
        options = self.options
        return ScoreManifest(
            **self.made(counts, sha256=sha256),
            model=self.inputs.model,
            prompts={group: asset.text for group, asset in self.prompts.items()},
            samples=options.samples,
            seed=options.seed,
            left_out={reason: count for reason, count in self.inputs.left_out.items() if count},
            shard=options.shard,
        )
