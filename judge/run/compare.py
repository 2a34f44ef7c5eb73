"""Compare two models: check the inputs, make or find the run, judge what is not judged yet."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from judge.core.census import Census
from judge.core.facts import units_of_pairs
from judge.core.flags import Flags, flag_note
from judge.core.looks import Stopping
from judge.core.planning import Orders, choose_swapped
from judge.core.prompting import reply_schema
from judge.core.stats.intervals import Method
from judge.errors import InputError, RunError
from judge.io.assets import DEFAULT_PROMPT, DEFAULT_RUBRIC, Asset, find_asset, load_prompt, load_rubric, repair_note
from judge.io.batches.specs import require_batches
from judge.io.files import file_sha256, write_lines
from judge.io.journal import Input, Manifest, RunFolder
from judge.io.judges.specs import JudgeOptions, check_transport, parse_judge
from judge.io.prices import parse_prices, pin_prices
from judge.run.doubts import FLAGS, flags_of_run
from judge.run.inputs import InputOptions, Inputs
from judge.run.judging import judge_run
from judge.run.pricing import change_prices
from judge.run.session import JudgingOptions
from judge.schema import JudgeSpec, Pair, Price, Rubric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from judge.core.sharding import Shard

DEFAULT_JUDGE = "local"
SHARD = "--shard"
"""what a shard's identity names beside the identity of the whole comparison"""
VERSIONED = ("omr-judge", "openai", "anthropic", "xllamacpp", "numpy", "polars", "pydantic")


@dataclass(frozen=True)
class CompareOptions:
    """What a comparison is made of; every field but the paths has the default of the command."""

    inputs: InputOptions
    judges: tuple[str, ...] = (DEFAULT_JUDGE,)
    judge_options: JudgeOptions = JudgeOptions()
    prices: tuple[str, ...] = ()
    """as given to `--price`"""
    prompt: str = DEFAULT_PROMPT
    rubric: str = DEFAULT_RUBRIC
    orders: Orders = Orders.BOTH
    samples: int = 1
    seed: int = 0
    show_reference: bool = True
    hide_answers: bool = False
    interval: Method = Method.JEFFREYS
    stopping: Stopping | None = None
    shard: Shard | None = None
    name: str | None = None
    runs: Path = Path("runs")
    judging: JudgingOptions = field(default_factory=JudgingOptions)


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
    for line in [*notes(manifest), *flag_notes(folder)]:
        say(line)
    judge_run(folder, manifest, options.judging, say=say)
    return folder


def _prepare(
    options: CompareOptions, *, command: Sequence[str], say: Callable[[str], None]
) -> tuple[RunFolder, tuple[JudgeSpec, ...]]:
    """Check everything given, and make or find the run; what is read of the files is forgotten with the return."""
    with drafted(options, command=command, say=say) as draft:
        folder = find_run(draft, say=say)
        if folder.manifest_path.exists():
            refuse_changes(folder, draft.identity())
            change_prices(folder, draft.prices)
        else:
            create_run(folder, draft)
        return folder, draft.judges


@contextmanager
def drafted(
    options: CompareOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[_Draft]:
    """Check all that was given, and yield the run that it describes with its input files open.

    Raises:
        InputError: something given cannot be used.
    """
    prompt, rubric_asset = find_asset("prompts", options.prompt), find_asset("rubrics", options.rubric)
    load_prompt(prompt).check()
    rubric = load_rubric(rubric_asset)
    judges = open_specs(options.judges, options.judge_options, say=say, needs_keys=needs_keys)
    if options.judging.batch:
        require_batches(judges)
    if options.shard is not None and options.stopping is not None:
        raise InputError("--shard", "a part of the items cannot tell when the whole is decided", "leave one out")
    for judge in judges:
        check_transport(judge, options.judging.transport)
    prices = parse_prices(options.prices, judges)
    with Inputs(options.inputs, blind_judge=not all(judge.sees_images for judge in judges)) as inputs:
        inputs.check()
        for warning in inputs.warnings():
            say(f"Warning: {warning}")
        yield _Draft(options, prompt, rubric_asset, rubric, judges, prices, inputs, tuple(command))


def open_specs(
    texts: Sequence[str], options: JudgeOptions, *, say: Callable[[str], None], needs_keys: bool = True
) -> tuple[JudgeSpec, ...]:
    """Read the judges' specs; two judges of one name could not be told apart in a report."""
    specs = tuple(parse_judge(text, options, say=say, needs_key=needs_keys) for text in texts)
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--judge {name}", "named twice", "for several replies of one judge use --samples")
    return specs


@dataclass(frozen=True)
class _Draft:
    """A run that does not exist yet: everything that its manifest is made from."""

    options: CompareOptions
    prompt: Asset
    rubric_asset: Asset
    rubric: Rubric
    judges: tuple[JudgeSpec, ...]
    prices: dict[str, Price]
    """by judge, as given"""
    inputs: Inputs
    command: tuple[str, ...]

    def files(self) -> list[Input]:
        files = [("a", self.inputs.a), ("b", self.inputs.b), ("items", self.inputs.items)]
        read = [
            Input(role=role, path=_absolute(file.path), sha256=file.sha256) for role, file in files if file is not None
        ]
        assets = {"prompt": self.prompt, "rubric": self.rubric_asset}
        return read + [
            Input(role=role, path=str(asset.path), sha256=hashlib.sha256(asset.text.encode()).hexdigest())
            for role, asset in assets.items()
        ]

    def shard_items(self) -> frozenset[str] | None:
        """Return the items of the shard, None where all are judged."""
        shard = self.options.shard
        return None if shard is None else shard.choose(self.inputs.partners.both)

    def own_pairs(self) -> Iterator[Pair]:
        """Yield the pairs to judge."""
        chosen = self.shard_items()
        return (pair for pair in self.inputs.pairs() if chosen is None or pair.item.id in chosen)

    def identity(self) -> dict[str, str]:
        """Name everything that decides the judgments; a judge's address is not part of it."""
        options = self.options
        decided = {
            "--orders": options.orders.value,
            "--samples": str(options.samples),
            "--seed": str(options.seed),
            "--show-reference": str(options.show_reference),
            "--hide-answers": str(options.hide_answers),
            "--allow-missing": str(options.inputs.allow_missing),
            "--on-missing-image": options.inputs.on_missing_image.value,
            "--field": orjson.dumps(dict(options.inputs.fields), option=orjson.OPT_SORT_KEYS).decode(),
            "--judge": ", ".join(sorted(judge.name for judge in self.judges)),
        }
        if options.shard is not None:
            decided[SHARD] = str(options.shard)
        settings = {
            f"settings of {judge.name}": judge.model_copy(update={"endpoint": None}).model_dump_json()
            for judge in self.judges
        }
        stopping = options.stopping
        if stopping is not None:
            decided |= {
                "--stop-when-decided": f"at {stopping.alpha:g}",
                "--look-every": str(stopping.look_every),
                "--cluster": str(stopping.cluster),
            }
        return decided | settings | {f"file {file.role}": file.sha256 for file in self.files()}

    def manifest(self, census: Census, *, swapped: Iterable[str], pairs_sha256: str) -> Manifest:
        options, (model_a, model_b) = self.options, self.inputs.models
        schema = orjson.dumps(reply_schema(self.rubric))
        return Manifest(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=self.command,
            versions=_versions(),
            inputs=tuple(self.files()),
            identity=self.identity(),
            model_a=model_a,
            model_b=model_b,
            judges=self.judges,
            prices=pin_prices(self.judges, self.prices),
            prompt=self.prompt.text,
            repair=repair_note(),
            rubric=self.rubric,
            schema_sha256=hashlib.sha256(schema).hexdigest(),
            orders=options.orders,
            samples=options.samples,
            seed=options.seed,
            interval=options.interval,
            show_reference=options.show_reference,
            hide_answers=options.hide_answers,
            stopping=options.stopping,
            n_items=census.n_items,
            identical=tuple(census.identical),
            swapped=tuple(sorted(swapped)),
            left_out={reason: count for reason, count in self.inputs.left_out.items() if count},
            n_images=census.n_images,
            images_sha256=census.images_sha256,
            pairs_sha256=pairs_sha256,
            shard=options.shard,
        )


def _absolute(path: str) -> str:
    return path if path.startswith("<") else str(Path(path).resolve())


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415 - only here

    found = {"python": platform.python_version(), "platform": sys.platform}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def find_run(draft: _Draft, *, say: Callable[[str], None]) -> RunFolder:
    """Return the named run, else the one that this very comparison began, else a new one by models, judge and time."""
    runs, name = draft.options.runs, draft.options.name
    if name is not None:
        return named_run(runs, name)
    identity = draft.identity()
    for path in sorted(runs.glob("[!.]*/manifest.json"), reverse=True):
        folder = RunFolder(path.parent)
        try:
            known = folder.manifest()
        except RunError:
            continue
        if known.identity == identity:
            say(f"Going on with run {folder.path}, the same comparison (--name starts another)")
            return folder
    shard = draft.options.shard
    part = [f"shard-{shard.number}-of-{shard.of}"] if shard else []
    parts = [*draft.inputs.models, draft.judges[0].model, *part, datetime.now(UTC).strftime("%Y%m%d-%H%M%S")]
    path = runs / "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", part).strip("-.")[:40] or "x" for part in parts)
    again = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return RunFolder(next(free for free in chain([path], again) if not free.exists()))


def named_run(runs: Path, name: str) -> RunFolder:
    """Return the run of a name; InputError where that is no folder name."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
        raise InputError("--name", f"{name!r} is no folder name", "use letters, digits, '.', '_', '+', '-'")
    return RunFolder(runs / name)


def refuse_changes(folder: RunFolder, identity: dict[str, str]) -> None:
    """Refuse to mix judgments of two different comparisons in one run, naming what changed."""
    known = folder.manifest().identity
    changed = sorted(name for name in known.keys() | identity.keys() if known.get(name) != identity.get(name))
    if changed:
        raise RunError(
            f"{folder.path}: begun with another {', another '.join(changed)}; "
            "repeat the first command to go on, or give another --name"
        )


def create_run(folder: RunFolder, draft: _Draft) -> None:
    """Write the pairs and the manifest; InputErrors, and no folder, if images cannot be used.

    A shard reads every pair too, so that all shards agree on what the whole comparison is.
    """
    options = draft.options
    chosen = draft.shard_items()
    whole, own = Census(answers=not options.hide_answers), Census(answers=not options.hide_answers)
    positions, flags = list[int](), Flags()

    def kept() -> Iterator[Pair]:
        for position, pair in enumerate(whole.counting(draft.inputs.pairs())):
            if chosen is None or pair.item.id in chosen:
                positions.append(position)
                flags.add(pair)
                yield pair

    with folder.created() as new:
        digest = write_lines(new.pairs_path, own.counting(kept()))
        write_lines(new.path / FLAGS, flags.all())
        swapped = choose_swapped(whole.judged, seed=options.seed) if options.orders is Orders.ONE else frozenset()
        if options.shard:
            new.write_positions(positions)
        if options.judging.batch:
            new.batches_path.touch()
        if options.stopping is not None:
            units_of_pairs(new.pairs(), options.stopping.cluster)
        new.write_manifest(draft.manifest(own, swapped=swapped.intersection(own.judged), pairs_sha256=digest))


def resume(
    folder: RunFolder, options: JudgingOptions, *, prices: Sequence[str] = (), say: Callable[[str], None]
) -> None:
    """Go on with a run from its own folder, unless a file that it was made from has changed since."""
    change_prices(folder, parse_prices(prices, unchanged_manifest(folder).judges))
    judge_run(folder, folder.manifest(), options, say=say)


def unchanged_manifest(folder: RunFolder) -> Manifest:
    """Return the manifest of a run that can go on: RunError where its files have changed since it began."""
    manifest = folder.manifest()
    if manifest.prompt is None:
        raise RunError(f"{folder.path}: its judgments were imported; there is nothing to ask")
    for file in manifest.inputs:
        path = Path(file.path)
        if path.is_file() and file_sha256(path) != file.sha256:
            raise RunError(f"{folder.path}: {file.role} has changed since the run began: {path}")
    if file_sha256(folder.pairs_path) != manifest.pairs_sha256:
        raise RunError(f"{folder.pairs_path}: changed since the run began")
    return manifest


def notes(manifest: Manifest) -> list[str]:
    """Say before judging what a person should know of this run."""
    said = []
    blind = [judge.name for judge in manifest.judges if not judge.sees_images]
    if blind and manifest.n_images:
        said.append(f"Note: {', '.join(blind)} cannot see images and is told so ({manifest.n_images} images)")
    return said


def flag_notes(folder: RunFolder) -> list[str]:
    """Say how many traces of a run are flagged."""
    note = flag_note(flags_of_run(folder))
    return [f"Note: {note} (`omr-judge flags {folder.path}` lists them)"] if note else []
