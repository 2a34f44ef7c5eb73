"""What a run asks, and about what: the one place that knows the kinds of runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from judge.prompting.checklist_score import CHECKLIST, ScorePlan
from judge.prompting.checklist_writing import WRITING, WritingPlan
from judge.prompting.pairwise_plan import PairPlan
from judge.prompting.pairwise_prompt import ShownParts, parse_template
from judge.prompting.subject_counts import CaseCounts, ItemCounts, PairCounts
from judge.runs.control_kinds import ControlKind
from judge.runs.manifest import ChecklistManifest, Manifest

if TYPE_CHECKING:
    from judge.prompting.pairwise_plan import Plan
    from judge.prompting.subject_counts import SubjectCounts
    from judge.runs.manifest import AnyManifest, ScoreManifest
    from judge.runs.run_folder import RunFolder


def any_plan_of(manifest: AnyManifest) -> Plan[Any]:
    """Return what a run of any kind asks about each of its subjects."""
    if isinstance(manifest, Manifest):
        return plan_of(manifest)
    if isinstance(manifest, ChecklistManifest):
        return WritingPlan(parse_template(manifest.prompt, where="the run's prompt", form=WRITING))
    return score_plan_of(manifest)


def subjects_of(folder: RunFolder, manifest: AnyManifest) -> Iterator[Any]:
    """Read the subjects of a run of any kind from its folder, one in memory at a time."""
    if isinstance(manifest, Manifest):
        return folder.pairs()
    return folder.items() if isinstance(manifest, ChecklistManifest) else folder.cases()


def counts_of(manifest: AnyManifest) -> SubjectCounts[Any]:
    """Return what counts the subjects of a run of the manifest's kind."""
    if isinstance(manifest, ChecklistManifest):
        return ItemCounts()
    return (
        PairCounts(answers=not manifest.hide_answers, show=manifest.show)
        if isinstance(manifest, Manifest)
        else CaseCounts(manifest.judges)
    )


def plan_of(manifest: Manifest) -> PairPlan:
    """Return what a comparison asks about each of its pairs."""
    if manifest.prompt is None:
        raise ValueError("an imported run asks nothing")
    return PairPlan(
        template=parse_template(manifest.prompt, where="the run's prompt"),
        rubric=manifest.rubric,
        shown=ShownParts(manifest.show_reference, answers=not manifest.hide_answers, show=manifest.show),
        orders=manifest.orders,
        samples=manifest.samples,
        seed=manifest.seed,
        swapped_items=frozenset(manifest.swapped),
        asks_identical=manifest.control is not None and manifest.control.kind is ControlKind.IDENTICAL,
    )


def score_plan_of(manifest: ScoreManifest) -> ScorePlan:
    """Return what a score asks about each of its cases."""
    where = "the run's prompt of {}"
    templates = {
        group: parse_template(text, where=where.format(group), form=CHECKLIST)
        for group, text in manifest.prompts.items()
    }
    return ScorePlan(templates, samples=manifest.samples, seed=manifest.seed)
