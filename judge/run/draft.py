"""Everything that a comparison is made of, checked, before there is a run."""

from __future__ import annotations

import hashlib
import platform
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from judge.core.census import Census
from judge.core.looks import Stopping
from judge.core.planning import Orders
from judge.core.prompting import reply_schema
from judge.core.stats.intervals import Method
from judge.errors import InputError
from judge.io.assets import DEFAULT_PROMPT, DEFAULT_RUBRIC, Asset, find_asset, load_prompt, load_rubric, repair_note
from judge.io.batches.specs import require_batches
from judge.io.judges.specs import JudgeOptions, check_transport, parse_judge
from judge.io.manifest import Input, Manifest
from judge.io.prices import parse_prices, pin_prices
from judge.run.finding import Sought
from judge.run.inputs import InputOptions, Inputs
from judge.run.session import JudgingOptions
from judge.schema import JudgeSpec, Pair, Price, Rubric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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


@contextmanager
def drafted(
    options: CompareOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[Draft]:
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
        yield Draft(options, prompt, rubric_asset, rubric, judges, prices, inputs, tuple(command))


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
class Draft:
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
        """Return every file that was read, with its hash."""
        files = [("a", self.inputs.a), ("b", self.inputs.b), ("items", self.inputs.items)]
        read = [read_file(role, file.path, file.sha256) for role, file in files if file is not None]
        return [*read, used_asset("prompt", self.prompt), used_asset("rubric", self.rubric_asset)]

    def sought(self) -> Sought:
        """Return what tells its run from others."""
        shard = self.options.shard
        part = [f"shard-{shard.number}-of-{shard.of}"] if shard else []
        parts = [*self.inputs.models, self.judges[0].model, *part]
        return Sought(self.identity(), parts, self.options.runs, self.options.name)

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
        }
        if options.shard is not None:
            decided[SHARD] = str(options.shard)
        stopping = options.stopping
        if stopping is not None:
            decided |= {
                "--stop-when-decided": f"at {stopping.alpha:g}",
                "--look-every": str(stopping.look_every),
                "--cluster": str(stopping.cluster),
            }
        return decided | judges_identity(self.judges) | {f"file {file.role}": file.sha256 for file in self.files()}

    def manifest(self, census: Census, *, swapped: Iterable[str], pairs_sha256: str) -> Manifest:
        """Return the manifest of the run, once its pairs are written."""
        options, (model_a, model_b) = self.options, self.inputs.models
        schema = orjson.dumps(reply_schema(self.rubric))
        return Manifest(
            **made_now(self.command, self.judges, self.prices),
            inputs=tuple(self.files()),
            identity=self.identity(),
            model_a=model_a,
            model_b=model_b,
            prompt=self.prompt.text,
            rubric=self.rubric,
            schema_sha256=hashlib.sha256(schema).hexdigest(),
            orders=options.orders,
            samples=options.samples,
            seed=options.seed,
            interval=options.interval,
            show_reference=options.show_reference,
            hide_answers=options.hide_answers,
            stopping=options.stopping,
            **census.fields(),
            swapped=tuple(sorted(swapped)),
            left_out={reason: count for reason, count in self.inputs.left_out.items() if count},
            pairs_sha256=pairs_sha256,
            shard=options.shard,
        )


def judges_identity(judges: Sequence[JudgeSpec]) -> dict[str, str]:
    """Name what of the judges decides judgments: all but their addresses."""
    settings = {
        f"settings of {judge.name}": judge.model_copy(update={"endpoint": None}).model_dump_json() for judge in judges
    }
    return {"--judge": ", ".join(sorted(judge.name for judge in judges)), **settings}


def made_now(command: Sequence[str], judges: Sequence[JudgeSpec], prices: Mapping[str, Price]) -> dict[str, Any]:
    """Return what every manifest says of how, when and with whom its run was made, by field.

    Args:
        command: the command line.
        judges: whom it asks.
        prices: by judge, as given; others are taken from the list.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": tuple(command),
        "versions": _versions(),
        "judges": tuple(judges),
        "prices": pin_prices(judges, prices),
        "repair": repair_note(),
    }


def read_file(role: str, path: str, sha256: str) -> Input:
    """Return the record of a file that was read."""
    return Input(role=role, path=_absolute(path), sha256=sha256)


def used_asset(role: str, asset: Asset) -> Input:
    """Return the record of a prompt or a rubric."""
    return Input(role=role, path=str(asset.path), sha256=hashlib.sha256(asset.text.encode()).hexdigest())


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
