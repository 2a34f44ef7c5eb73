"""Count what a manifest says of its subjects, as they pass."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, Generic

from judge.enums import Show
from judge.prompting.checklist_score import askable
from judge.prompting.checklist_writing import is_askable
from judge.prompting.pairwise_plan import Subject
from judge.prompting.pairwise_prompt import is_identical
from judge.prompting.trace_parts import states_only
from judge.schema import Case, Group, Item, JudgeSpec, Pair


class SubjectCounts(ABC, Generic[Subject]):
    """What was seen of a run's subjects so far.

    Args:
        chosen: the items of a shard; None: all are judged.
    """

    def __init__(self, chosen: Container[str] | None = None) -> None:
        self.n_items = 0
        self.positions: list[int] = []
        """of a shard: where its subjects stand in the whole, counted from 0"""
        self._chosen = chosen
        self._n_images, self._images = 0, hashlib.sha256()

    def counting(self, subjects: Iterable[Subject]) -> Iterator[Subject]:
        """Pass the chosen subjects on, counting each."""
        for position, subject in enumerate(subjects):
            item = subject if isinstance(subject, Item) else subject.item
            if self._chosen is not None and item.id not in self._chosen:
                self.pass_over(subject)
                continue
            if self._chosen is not None:
                self.positions.append(position)
            self.n_items += 1
            for image in item.images:
                self._n_images += 1
                self._images.update(_digest(image.sha256))
            self.count(subject)
            yield subject

    @abstractmethod
    def count(self, subject: Subject) -> None:
        """Count a subject of the run."""

    def pass_over(self, subject: Subject) -> None:
        """See a subject of another shard."""

    def fields(self) -> dict[str, Any]:
        """Return the manifest's fields that depend on the subjects; images are hashed by their hashes, in order."""
        images_sha256 = self._images.hexdigest() if self._n_images else None
        return {"n_items": self.n_items, "n_images": self._n_images, "images_sha256": images_sha256}


def _digest(sha256: str) -> bytes:
    """Return a hash's bytes; of what is none, as a damaged run may hold, others, so that the whole differs."""
    try:
        return bytes.fromhex(sha256)
    except ValueError:
        return sha256.encode()


INPUT_COUNTS = ("cut", "final_not_shown", "no_question", "fields_not_read")
"""what is counted of the input of a comparison (see `Manifest.input_counts`)"""
_KNOWN = {"source", "answer_tag", "finish_reason", "stop_reason"}
"""metadata of a trace that conversion made, or that was read"""


class PairCounts(SubjectCounts[Pair]):
    """What was seen of a comparison's pairs.

    Args:
        answers: whether the judge is shown the final answers.
        show: which parts of the traces it is shown.
        chosen: as for `SubjectCounts`.
    """

    def __init__(self, *, answers: bool, show: Show = Show.BOTH, chosen: Container[str] | None = None) -> None:
        super().__init__(chosen)
        self._show = show
        self._input: Counter[str] = Counter()
        self._not_read: set[str] = set()
        self.judged: list[str] = []
        """items that a judge is asked about"""
        self.identical: list[str] = []
        """items whose two traces are the same bytes"""
        self.n_checklists = 0
        self.judged_elsewhere: list[str] = []
        """items that a judge of another shard is asked about"""
        self.any_checklist = False
        """whether a pair of any shard has one"""
        self._answers = answers

    def count(self, pair: Pair) -> None:
        """Count a pair of the run."""
        same = self._is_identical(pair)
        self._count_input(pair)
        (self.identical if same else self.judged).append(pair.item.id)
        self.n_checklists += bool(pair.item.checklist)
        self.any_checklist |= bool(pair.item.checklist)

    def pass_over(self, pair: Pair) -> None:
        """See a pair of another shard."""
        if not self._is_identical(pair):
            self.judged_elsewhere.append(pair.item.id)
        self.any_checklist |= bool(pair.item.checklist)

    def fields(self) -> dict[str, Any]:
        """Return the manifest's fields that depend on the pairs."""
        counts = {**self._input, "fields_not_read": len(self._not_read)}
        return super().fields() | {
            "identical": tuple(self.identical),
            "n_checklists": self.n_checklists,
            "input_counts": {name: counts[name] for name in INPUT_COUNTS if counts.get(name)},
        }

    def _is_identical(self, pair: Pair) -> bool:
        return is_identical(pair, answers=self._answers, show=self._show)

    def _count_input(self, pair: Pair) -> None:
        self._input["no_question"] += not pair.item.question.strip()
        for trace in (pair.a, pair.b):
            self._input["cut"] += bool(trace.cut)
            if trace.final and self._show is Show.THINKING:
                self._input["final_not_shown"] += not states_only(trace.final, trace.answer)
            self._not_read.update(trace.meta.keys() - _KNOWN)


class CaseCounts(SubjectCounts[Case]):
    """What was seen of a score's cases.

    Args:
        judges: who is asked about them.
        chosen: as for `SubjectCounts`.
    """

    def __init__(self, judges: Sequence[JudgeSpec], chosen: Container[str] | None = None) -> None:
        super().__init__(chosen)
        self.n_units: Counter[Group] = Counter()
        self.n_asked = 0
        """requests for one sample of every judge"""
        self._judges = judges

    def count(self, case: Case) -> None:
        """Count a case of the run."""
        self.n_asked += sum(len(askable(case.item, judge)) for judge in self._judges)
        for group, units in case.item.checklist.items():
            self.n_units[group] += len(units)

    def fields(self) -> dict[str, Any]:
        """Return the manifest's fields that depend on the cases."""
        return super().fields() | {"n_units": dict(self.n_units), "n_asked": self.n_asked}


class ItemCounts(SubjectCounts[Item]):
    """What was seen of the items whose checklists are to be written."""

    def __init__(self) -> None:
        super().__init__()
        self.n_asked = 0

    def count(self, item: Item) -> None:
        """Count an item of the run."""
        self.n_asked += is_askable(item)

    def fields(self) -> dict[str, Any]:
        """Return the manifest's fields that depend on the items; their images are shown to nobody."""
        return {"n_items": self.n_items, "n_asked": self.n_asked}
