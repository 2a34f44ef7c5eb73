"""What a run asks, and about what: the one place that knows the kinds of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from judge.core.census import CaseCensus, Census, ItemCensus
from judge.core.checklists.planning import WritingPlan
from judge.core.checklists.prompting import WRITING
from judge.core.controls.kinds import ControlKind
from judge.core.pkr.planning import ScorePlan
from judge.core.pkr.prompting import CHECKLIST
from judge.core.planning import Plan
from judge.core.prompting import Shown, parse_template
from judge.io.manifest import ChecklistManifest, Manifest

if TYPE_CHECKING:
    from judge.core.work import Work
    from judge.io.journal import RunFolder
    from judge.io.manifest import AnyManifest, ScoreManifest


@dataclass(frozen=True)
class Task:
    """The work of a run and its subjects."""

    work: Work[Any]
    subjects: Callable[[], Iterator[Any]]
    """reads them from the run's folder, one in memory at a time"""


def task_of(folder: RunFolder, manifest: AnyManifest) -> Task:
    """Return what a run asks; its folder is not read yet."""
    if isinstance(manifest, Manifest):
        return Task(plan_of(manifest), folder.pairs)
    if isinstance(manifest, ChecklistManifest):
        return Task(writing_plan_of(manifest), folder.items)
    return Task(score_plan_of(manifest), folder.cases)


def census_of(manifest: AnyManifest) -> Census | CaseCensus | ItemCensus:
    """Return what counts the subjects of a run of the manifest's kind."""
    if isinstance(manifest, ChecklistManifest):
        return ItemCensus()
    return Census(answers=not manifest.hide_answers) if isinstance(manifest, Manifest) else CaseCensus(manifest.judges)


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
        asks_identical=manifest.control is not None and manifest.control.kind is ControlKind.IDENTICAL,
    )


def writing_plan_of(manifest: ChecklistManifest) -> WritingPlan:
    """Return what a run that writes checklists asks about each of its items."""
    return WritingPlan(parse_template(manifest.prompt, where="the run's prompt", form=WRITING))


def score_plan_of(manifest: ScoreManifest) -> ScorePlan:
    """Return what a score asks about each of its cases."""
    where = "the run's prompt of {}"
    templates = {
        group: parse_template(text, where=where.format(group), form=CHECKLIST)
        for group, text in manifest.prompts.items()
    }
    return ScorePlan(templates, samples=manifest.samples, seed=manifest.seed)
