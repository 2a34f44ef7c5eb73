"""Hold labels against the run: its items, criteria and draws."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from judge.errors import RunError
from judge.files.fields import show
from judge.labels.draws import Draw, find_draw
from judge.labels.given_files import in_utc
from judge.labels.labels import labels_path, read_labels
from judge.labels.readers import reader_problem

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Label


class LabelProblem(NamedTuple):
    """What is wrong with a label, and what to do about it."""

    field: str
    """of the label"""
    problem: str
    hint: str = ""


class LabelCheck:
    """What the labels of a run may name: its items, its criteria, and the draws that it made."""

    def __init__(self, folder: RunFolder, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._criteria = {criterion.name for criterion in manifest.rubric.criteria}
        self._draws: dict[str, Draw] = {}
        self._is_sealed = folder.is_sealed

    @cached_property
    def _items(self) -> frozenset[str]:
        pairs = self._folder.pairs() if self._folder.pairs_path.exists() else ()
        items = frozenset(pair.item.id for pair in pairs)
        return items or frozenset(judgment.item for judgment in self._folder.judgments())

    def draw(self, name: str, *, stored: bool = False) -> Draw | None:
        """Return a draw of the run; None where it made none of that name."""
        found = self._draws.get(name) or find_draw(self._folder, self._manifest, name, work_out=stored)
        if found is not None:
            self._draws[name] = found
        return found

    def problems(self, label: Label, *, stored: bool = False) -> Iterator[LabelProblem]:
        """Yield what a label names that does not fit the run.

        Args:
            label: any label.
            stored: whether the run holds it already: then a session's draw may be of a version that recorded none.
        """
        if label.item not in self._items:
            yield LabelProblem("item", f"the run has no item {show(label.item)}")
        if label.criterion not in self._criteria:
            yield LabelProblem("criterion", f"the run has no criterion {show(label.criterion)}")
        if label.draw is not None:
            yield from self._misfits(label, label.draw, stored=stored)
        elif label.weight is not None:
            yield LabelProblem("weight", "a weight goes with a draw", "leave it out")
        if stored and self._is_sealed:
            yield from _stranger(label)

    def _misfits(self, label: Label, name: str, *, stored: bool) -> Iterator[LabelProblem]:
        """Compare a label with the draw that it names."""
        draw = self.draw(name, stored=stored)
        if draw is None:
            yield LabelProblem(
                "draw",
                f"this run made no draw {show(name)}",
                "without `draw` and `weight` the label counts as one of an item that the reader chose",
            )
            return
        weight = draw.weights.get(label.item)
        if weight is None:
            yield LabelProblem("item", f"draw {name} has no item {show(label.item)}")
            return
        if label.weight is not None and not math.isclose(label.weight, weight):
            yield LabelProblem(
                "weight", f"draw {name} gives {show(label.item)} the weight {weight:.6g}, not {label.weight:.6g}"
            )
        if label.criterion not in draw.criteria:
            yield LabelProblem("criterion", f"draw {name} did not ask about {show(label.criterion)}")
        if label.order is not draw.order(label.item, label.reader):
            yield LabelProblem(
                "order", f"draw {name} shows {show(label.reader)} the traces of {show(label.item)} the other way"
            )


def _stranger(label: Label) -> Iterator[LabelProblem]:
    """Yield what this program would not have stored: a reader's name, or a time, as none can be."""
    if problem := reader_problem(label.reader):
        yield LabelProblem("reader", problem)
    try:
        in_utc(label.time)
    except ValueError as error:
        yield LabelProblem("time", f"{show(label.time)}: {error}")


def checked_labels(folder: RunFolder, check: LabelCheck) -> Iterator[Label]:
    """Yield the labels of a run, each held against it.

    Raises:
        RunError: a line is damaged, or names what the run does not have; names the file and the line.
    """
    path = labels_path(folder.path)
    for number, label in enumerate(read_labels(path), start=1):
        for _, problem, hint in check.problems(label, stored=True):
            raise RunError(f"{path}:{number}: {problem}" + (f" ({hint})" if hint else ""))
        yield label
