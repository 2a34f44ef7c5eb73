"""A run that asks again about the pairs of another one, changed or as they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from judge.errors import RunError
from judge.images.image_store import with_item
from judge.images.loader import held
from judge.judging.find_run import PreparedRun
from judge.judging.provenance import judges_identity
from judge.prompting.subject_counts import PairCounts
from judge.runs.manifest import Input, Manifest

if TYPE_CHECKING:
    from judge.images.image_store import ImageStore
    from judge.runs.run_folder import RunFolder
    from judge.schema import Pair

OWN: dict[str, Any] = {
    **dict.fromkeys(("control", "stopping", "shard", "escalation")),
    "merged": (),
    "left_out": {},
    "files": {},
}
"""what a run has of its own, and one made of its pairs does not"""


def pairs_of_run(run: RunFolder, store: ImageStore | None) -> Iterator[Pair]:
    """Yield the pairs of a run; a store takes the images that the run holds."""
    return (with_item(pair, partial(held, store=store)) if store else pair for pair in run.pairs())


def check_askable(run: RunFolder, manifest: Manifest) -> None:
    """Refuse a run of which nothing can be asked again; RunError."""
    if manifest.prompt is None:
        raise RunError(f"{run.path}: its judgments were imported; there is no judge to ask")
    if manifest.control is not None:
        raise RunError(f"{run.path}: a control; name the run that it belongs to")


@dataclass(frozen=True)
class PreparedAgain(PreparedRun[PairCounts]):
    """A run that need not exist yet, made of the pairs of another one."""

    subjects_file = "pairs.jsonl"

    base: Manifest
    """of the other one"""

    def decided(self) -> dict[str, str]:
        """Name what decided the other run's judgments, but for its judges, and its pairs."""
        of_judges = judges_identity(self.base.judges)
        kept = {name: value for name, value in self.base.whole_identity.items() if name not in of_judges}
        own = {f"--{name}": str(value) for name, value in self.changes().items() if f"--{name}" in kept}
        return {**kept, **own, "pairs": self.base.pairs_sha256 or ""}

    def files(self) -> list[Input]:
        """Return the files that the traces were read from."""
        return list(self.base.inputs)

    def counts(self) -> PairCounts:
        """Return what counts the pairs."""
        return PairCounts(answers=not self.base.hide_answers)

    def changes(self) -> dict[str, Any]:
        """Return in which fields the manifest differs from the other run's."""
        return {}

    def manifest(self, counts: PairCounts, *, sha256: str) -> Manifest:
        """Return the manifest of the run."""
        kept = {"repair": self.base.repair, "forms": self.base.forms}
        made = {**OWN, **self.made(counts, sha256=sha256), **kept, **self.changes()}
        swapped = tuple(sorted(set(counts.judged) & set(self.base.swapped)))
        return self.base.model_copy(update={**made, "swapped": swapped})
