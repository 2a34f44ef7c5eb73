"""What a run asks, and about what: the one place that knows the kinds of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from judge.core.census import CaseCensus, Census
from judge.core.planning import Plan
from judge.core.prompting import Shown, parse_template
from judge.io.manifest import Manifest

if TYPE_CHECKING:
    from judge.core.work import Work
    from judge.io.journal import RunFolder
    from judge.io.manifest import AnyManifest


@dataclass(frozen=True)
class Task:
    """The work of a run and its subjects."""

    work: Work[Any]
    subjects: Callable[[], Iterator[Any]]
    """reads pairs from the run's folder, one in memory at a time"""


def task_of(folder: RunFolder, manifest: AnyManifest) -> Task:
    """Return what a run asks; its folder is not read yet."""
    if not isinstance(manifest, Manifest):
        raise NotImplementedError(manifest.kind)
    return Task(plan_of(manifest), folder.pairs)


def census_of(manifest: AnyManifest) -> Census | CaseCensus:
    """Return what counts the subjects of a run of the manifest's kind."""
    return Census(answers=not manifest.hide_answers) if isinstance(manifest, Manifest) else CaseCensus()


def plan_of(manifest: Manifest) -> Plan:
    """Return what a comparison asks about each of its pairs."""
    if manifest.prompt is None:
        raise ValueError("an imported run asks nothing")
    return Plan(
        template=parse_template(manifest.prompt, where="the run's prompt"),
        rubric=manifest.rubric,
        shown=Shown(reference=manifest.show_reference, answers=not manifest.hide_answers),
        orders=manifest.orders,
        samples=manifest.samples,
        seed=manifest.seed,
        swapped_items=frozenset(manifest.swapped),
    )
