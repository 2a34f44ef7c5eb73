"""The run of a service: it begins without pairs, which are appended as they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.json import encode

from judge.comparison.prepared_run import find_rubric, one_verdict_judges
from judge.errors import RunError
from judge.files.files import as_its_folder, flush
from judge.files.sealed_lines import mend_tail
from judge.files.sealing import seal
from judge.judging.command_options import ServeOptions
from judge.judging.find_run import PreparedRun, open_judges
from judge.judging.provenance import used_asset
from judge.prompting.shipped_files import REPAIR_ANY, Asset, find_asset, load_prompt, load_rubric, repair_note
from judge.prompting.subject_counts import PairCounts
from judge.runs.manifest import Input, Manifest
from judge.runs.run_folder import RunFolder
from judge.schema import Pair, Rubric
from judge.service.designs import Against

if TYPE_CHECKING:
    from judge.images.image_store import ImageStore

MODELS = {
    Against.FIRST: ("shown first", "shown second"),
    Against.LATER: ("one response", "another"),
    Against.ANCHOR: ("policy", "anchor"),
}


@dataclass(frozen=True)
class PreparedService(PreparedRun[PairCounts]):
    """The run of a service, which begins without pairs."""

    subjects_file = "pairs.jsonl"

    options: ServeOptions
    against: Against
    prompt: Asset
    rubric_asset: Asset
    rubric: Rubric

    def name_parts(self) -> list[str]:
        """Return what the pairs are, and the first judge's model."""
        return ["serve", self.against, self.judges[0].model]

    def files(self) -> list[Input]:
        """Return the prompt and the rubric."""
        return [used_asset("prompt", self.prompt), used_asset("rubric", self.rubric_asset)]

    def counts(self) -> PairCounts:
        """Return what would count pairs: there are none yet."""
        return PairCounts(answers=True)

    def subjects(self, store: ImageStore | None = None) -> Iterator[Pair]:  # noqa: ARG002 - there are none yet
        """Yield no pair."""
        return iter(())

    def decided(self) -> dict[str, str]:
        """Name what decides the judgments beside the judges, the files, and the pairs that will be asked about."""
        options = self.options
        return {
            "kind of run": f"service, {self.against}",
            "--orders": self.against.orders.value,
            "--samples": "1",
            "--seed": str(options.seed),
            "--show-reference": str(options.show_reference),
            "--hide-answers": "False",
        }

    def manifest(self, counts: PairCounts, *, sha256: str) -> Manifest:
        """Return a manifest that states nothing of the pairs: they are counted when they are read."""
        made: dict[str, Any] = self.made(counts, sha256=sha256)
        for name in ("pairs_sha256", *counts.fields()):
            made.pop(name)
        if one_verdict_judges(load_prompt(self.prompt), self.judges):
            made["repair"] = repair_note(REPAIR_ANY)
        model_a, model_b = MODELS[self.against]
        return Manifest(
            **made,
            n_items=0,
            model_a=model_a,
            model_b=model_b,
            prompt=self.prompt.text,
            rubric=self.rubric,
            schema_sha256=None,
            orders=self.against.orders,
            samples=1,
            seed=self.options.seed,
            show_reference=self.options.show_reference,
            grows=True,
        )


@contextmanager
def prepared_service(
    options: ServeOptions, against: Against, *, say: Callable[[str], None]
) -> Iterator[PreparedService]:
    """Check what was given (InputError), and yield the run that it describes."""
    prompt = find_asset("prompts", options.prompt_name)
    template = load_prompt(prompt)
    template.check()
    judges, prices = open_judges(options.judges, options, say=say, needs_keys=True)
    rubric = find_rubric(options.rubric, template, judges, say=say)
    yield PreparedService(options, ("judge.serve",), judges, prices, against, prompt, rubric, load_rubric(rubric))


class PairsFile:
    """Appends pairs to `pairs.jsonl`: each is with the operating system before it is asked about."""

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.pairs_path
        self._seal, _ = mend_tail(self.path)
        self._descriptor = as_its_folder(self.path, os.O_WRONLY | os.O_APPEND)

    def append(self, pair: Pair) -> None:
        """Write a pair as a line; RunError where the disk is full, with the file as it was before."""
        sealed, checksum = seal(encode(pair), self._seal)
        line = sealed + b"\n"
        try:
            if (written := os.write(self._descriptor, line)) < len(line):
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                raise RunError(f"{self.path}: disk full; free space")
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}; free space") from error
        self._seal = checksum

    def close(self) -> None:
        """Flush to the disk and close."""
        flush(self._descriptor)
        os.close(self._descriptor)
