"""Which items are the same in all runs, by their content, and which traces each model has of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from judge.errors import InputError, RunError

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Item, Pair, Trace


class _Noted(NamedTuple):
    """What is remembered of a pair that was read."""

    id: str
    beside: bytes
    """digest of what a judge is told beside the item's content"""
    images: tuple[str, ...]
    traces: dict[str, tuple[bytes, int]]
    """by model: digest and length"""


@dataclass
class SameItems:
    """Items by their content, and what is known of them from the runs read so far."""

    steps: dict[str, float] = field(default_factory=dict)
    """by model, where its traces state one"""
    chars: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """by model and content: the length of its trace"""
    images: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """by content: digests"""
    _content: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """by content: digest of what a judge is told beside it, and where it was read"""
    _traces: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)

    def read(self, folder: RunFolder, manifest: Manifest, step: str | None, content: dict[str, str]) -> Iterator[Pair]:
        """Yield a run's pairs; then note the content of each item, and refuse one that differs from what is known.

        Items of one run that have the same content are told apart by their ids.
        """
        sides = {"a": manifest.model_a, "b": manifest.model_b}
        noted: list[_Noted] = []
        for pair in folder.pairs():
            traces: dict[str, Trace] = {model: getattr(pair, side) for side, model in sides.items()}
            where = f"item {pair.item.id} of {folder.path}"
            content[pair.item.id] = _content_key(pair.item)
            for model, trace in traces.items():
                if step is not None and step in trace.meta:
                    self._note_step(model, trace.meta[step], where, step)
            noted.append(
                _Noted(
                    pair.item.id,
                    _digest([pair.item.answer, pair.item.reference_reasoning]),
                    tuple(image.sha256 for image in pair.item.images),
                    {model: (_digest([trace.text, trace.answer]), len(trace.text)) for model, trace in traces.items()},
                )
            )
            yield pair
        shared = Counter(content.values())
        for item in noted:
            where = f"item {item.id} of {folder.path}"
            if shared[content[item.id]] > 1:
                content[item.id] += f" {item.id}"
            key = content[item.id]
            self.images[key] = item.images
            known, first = self._content.setdefault(key, (item.beside, where))
            if known != item.beside:
                raise RunError(f"{where}: another right answer or reference than {first}, of the same question")
            for model, (said, n_chars) in item.traces.items():
                known, first = self._traces.setdefault((model, key), (said, where))
                if known != said:
                    hint = "give the versions different names"
                    raise RunError(f"{where}: {model} has another trace there than in {first}; {hint}")
                self.chars[model][key] = n_chars

    def _note_step(self, model: str, value: object, where: str, step: str) -> None:
        try:
            number = float(str(value))
        except ValueError:
            raise InputError(f"--curve {step}", f"{where}: {value!r} is no number") from None
        if self.steps.setdefault(model, number) != number:
            raise InputError(f"--curve {step}", f"{where}: {model} is at step {number:g} and {self.steps[model]:g}")


def _content_key(item: Item) -> str:
    """Return what an item is known by: its question, options and images, as models saw them; without any, its id."""
    images = [image.original.sha256 if image.original else image.sha256 for image in item.images]
    if not (item.question or item.options or images):
        return item.id
    return _digest([item.question, item.options, images]).hex()


def _digest(value: object) -> bytes:
    return blake2b(repr(value).encode(errors="surrogatepass"), digest_size=16).digest()
