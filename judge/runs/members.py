"""What the judgments of a run can be about: its items, judges, orders, samples and criteria."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.json import Decoder

from judge.enums import Orders
from judge.errors import RunError
from judge.files.files import file_sha256
from judge.files.sealed_lines import sealed_lines, sealed_records
from judge.runs.manifest import ChecklistManifest, Manifest
from judge.schema import Failed, Judged, Judgment, Order, Result, Scored, Written

if TYPE_CHECKING:
    from judge.runs.manifest import AnyManifest

JUDGMENT = Decoder(Judgment).decode
_KEY = re.compile(r"[0-9a-f]{32}")


class _Item(Struct):
    id: str


class _Subject(Struct):
    item: _Item


def read_items(path: Path, *, most: int | None = None) -> frozenset[str] | None:
    """Return the ids of a run's items; None where there is no such file, RunError where it is none.

    Args:
        path: the file of its subjects.
        most: how many of them are read, of a file that grows; None: the file is whole, and all are.
    """
    if not path.exists():
        return None
    if path.name == "items.jsonl":
        return frozenset(item.id for item in sealed_records(path, Decoder(_Item).decode))
    subjects = sealed_records(path, Decoder(_Subject).decode, appended=most is not None)
    return frozenset(subject.item.id for subject in islice(subjects, most))


def refuse_changed(path: Path, sha256: str, *, sealed: bool) -> None:
    """Refuse a file that is there with another hash.

    Args:
        path: the file.
        sha256: of its bytes, as the manifest states it.
        sealed: whether each of its lines has a checksum.

    Raises:
        RunError: names the line that was changed where that can be told.
    """
    if not path.exists() or file_sha256(path) == sha256:
        return
    for line in sealed_lines(path, sealed=sealed and path.suffix == ".jsonl"):
        if line.problem:
            raise RunError(f"{path}:{line.number}: damaged line: {line.problem}")
    raise RunError(f"{path}: changed since the run began")


class RunMembers:
    """What the judgments of a run can be about.

    Args:
        manifest: of the run.
        items: reads the ids of its items; None: they are not known.
    """

    def __init__(self, manifest: AnyManifest, items: Callable[[], frozenset[str] | None]) -> None:
        self._read_items = items
        comparison = manifest if isinstance(manifest, Manifest) else None
        asked = comparison is None or comparison.prompt is not None
        self._judges = {judge.name for judge in manifest.judges}
        if comparison is not None:
            self._judges |= set(comparison.imported_judges)
        self._samples = manifest.samples if asked else None
        self._swapped = frozenset(comparison.swapped) if comparison is not None else frozenset()
        self._one_order = comparison is None or (asked and comparison.orders is Orders.ONE)
        self._criteria = {criterion.name for criterion in comparison.rubric.criteria} if comparison else set()
        self._whole = asked
        self._result: type[Result] = (
            Judged if comparison else Written if isinstance(manifest, ChecklistManifest) else Scored
        )

    @cached_property
    def items(self) -> frozenset[str] | None:
        """The ids of its items; whoever has read them all may say so, and spare reading them again."""
        return self._read_items()

    def misfit(self, judgment: Judgment) -> str:
        """Say what of a judgment the run does not have, after the name of its field; empty where it has all of it."""
        return next(self._misfits(judgment), "")

    def _misfits(self, judgment: Judgment) -> Iterator[str]:
        item, result = judgment.item, judgment.result
        if self.items is not None and item not in self.items:
            yield f"item: the run has no item {item!r}"
        if judgment.judge not in self._judges:
            yield f"judge: the run has no judge {judgment.judge!r}"
        if self._samples is not None and not 0 <= judgment.sample < self._samples:
            yield f"sample: the run has {self._samples}, counted from 0, and not {judgment.sample}"
        if self._one_order and judgment.order is not (Order.SWAPPED if item in self._swapped else Order.FORWARD):
            yield f"order: the run does not ask about this item {judgment.order}"
        yield from self._misfits_of(result)

    def _misfits_of(self, result: Result) -> Iterator[str]:
        if isinstance(result, Failed):
            if result.criterion is not None and result.criterion not in self._criteria:
                yield f"result.criterion: the run has no criterion {result.criterion!r}"
        elif not isinstance(result, self._result):
            other, own = type(result).__name__.lower(), self._result.__name__.lower()
            yield f"result: {other}, where the requests of this run are {own}"
        elif isinstance(result, Judged):
            if strange := result.verdicts.keys() - self._criteria:
                yield f"result.verdicts: the run has no criterion {min(strange)!r}"
            if self._whole and (lacking := self._criteria - result.verdicts.keys()):
                yield f"result.verdicts: no verdict on {min(lacking)!r}"
            for name, chances in result.chances.items():
                if result.verdicts.get(name) is not chances.likeliest:
                    yield f"result.chances: the most probable verdict on {name!r} is not the one that is recorded"


def misfit(judgment: Judgment, members: RunMembers | None) -> str:
    """Say why a judgment cannot be of a run; empty where it can, as far as its members are known."""
    if not _KEY.fullmatch(judgment.key):
        return "its key is not 32 hex digits"
    return members.misfit(judgment) if members is not None else ""
