"""Everything that a comparison is made of, checked, before there is a run."""

from __future__ import annotations

import hashlib
import platform
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from judge.core.census import Census
from judge.core.image_limits import beyond, limits_of
from judge.core.prompting import PromptTemplate, reply_schema
from judge.errors import InputError, InputErrors
from judge.io.assets import Asset, find_asset, load_prompt, load_rubric, repair_note
from judge.io.batches.specs import require_batches
from judge.io.judges.options import JudgeOptions
from judge.io.judges.specs import check_transport, parse_judge
from judge.io.manifest import Input, Manifest
from judge.io.prices import parse_prices, pin_prices
from judge.run.controls import refuse_contradictions
from judge.run.finding import Sought
from judge.run.inputs import Inputs
from judge.run.options import CHECKLIST_PROMPT, CompareOptions
from judge.schema import JudgeSpec, Pair, Price, Rubric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from judge.io.image_store import ImageStore
    from judge.io.items import Items
    from judge.io.traces import RecordFile
    from judge.schema import Item

SHARD = "--shard"
"""what a shard's identity names beside the identity of the whole comparison"""
VERSIONED = ("omr-judge", "openai", "anthropic", "xllamacpp", "numpy", "pillow", "polars", "pydantic")


@contextmanager
def drafted(
    options: CompareOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[Draft]:
    """Check all that was given, and yield the run that it describes with its input files open.

    Raises:
        InputError: something given cannot be used.
    """
    prompt, rubric_asset = find_asset("prompts", options.prompt_name), find_asset("rubrics", options.rubric)
    _check_prompt(load_prompt(prompt), options)
    rubric = load_rubric(rubric_asset)
    judges = open_specs(options.judges, options.judge_options, say=say, needs_keys=needs_keys)
    if options.judging.batch:
        require_batches(judges)
    if options.shard is not None and options.stopping is not None:
        raise InputError("--shard", "a part of the items cannot tell when the whole is decided", "leave one out")
    refuse_contradictions(
        options.controls,
        hide_answers=options.hide_answers,
        is_shard=options.shard is not None,
        may_stop=options.stopping is not None,
    )
    for judge in judges:
        check_transport(judge, options.judging.transport)
    prices = parse_prices(options.prices, judges)
    with Inputs(options.inputs, blind_judge=not all(judge.sees_images for judge in judges)) as inputs:
        inputs.check()
        for warning in inputs.warnings():
            say(f"Warning: {warning}")
        yield Draft(options, prompt, rubric_asset, rubric, judges, prices, inputs, tuple(command))


def _check_prompt(template: PromptTemplate, options: CompareOptions) -> None:
    template.check()
    if options.checklist and not template.shows("checklist"):
        hint = f"leave out --prompt for {CHECKLIST_PROMPT}, or use {{{{ checklist }}}} in yours"
        raise InputError("--checklist", f"prompt {template.label} does not show it", hint)


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
        files = [("a", self.inputs.a), ("b", self.inputs.b), *item_roles(self.inputs.items)]
        read = [read_file(role, file.path, file.sha256) for role, file in files]
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

    def pairs(self, store: ImageStore | None = None) -> Iterator[Pair]:
        """Yield the pairs of the whole comparison, those to judge with images that the store takes.

        Raises:
            InputErrors: after the last, where images cannot be used or exceed what a judge takes.
        """
        problems: list[InputError] = []
        for pair in self.inputs.pairs(store, held=self.shard_items()):
            problems += refused_images(pair.item, self.judges)
            if not problems:
                yield pair
        if problems:
            raise InputErrors(problems)

    def own_pairs(self) -> Iterator[Pair]:
        """Yield the pairs to judge."""
        chosen = self.shard_items()
        return (pair for pair in self.pairs() if chosen is None or pair.item.id in chosen)

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
        decided |= options.inputs.identity()
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


def item_roles(items: Items | None) -> list[tuple[str, RecordFile]]:
    """Name the files of items by their roles: `items`, or `items 1`, `items 2` ... where there are several."""
    files = items.files if items else ()
    return [(f"items {number}" if len(files) > 1 else "items", file) for number, file in enumerate(files, start=1)]


def refused_images(item: Item, judges: Sequence[JudgeSpec]) -> list[InputError]:
    """Say which judges would not take an item's images."""
    if not item.images:
        return []
    hint = "show fewer or smaller images (--max-image-side), or ask another judge"
    limited = [(judge, limits) for judge in judges if (limits := limits_of(judge)) is not None]
    found = [(judge, beyond(item.images, limits)) for judge, limits in limited]
    return [InputError(f"item {item.id!r}", f"{judge.name} refuses {what}", hint) for judge, what in found if what]


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
