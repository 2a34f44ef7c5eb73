"""Derive the report of a run from its folder alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from judge.comparison.certificates import standing_of
from judge.comparison.derive_control_report import read_controls
from judge.comparison.escalate import read_escalated
from judge.costs.spending import Spending
from judge.enums import ReadAnswers
from judge.errors import RunError
from judge.files.files import write_json
from judge.judges.served_models import is_same_model
from judge.judging.stopping import planned_looks
from judge.outcomes.counted_items import Subject
from judge.outcomes.item_features import ItemFeatures, WantedFields, features_of_judgments, features_of_pairs
from judge.outcomes.latest_judgments import latest_judgments
from judge.outcomes.rates import Basis
from judge.prompting.pairwise_plan import prompt_labels
from judge.prompting.trace_answers import TraceAnswers
from judge.report.build_report import NO_EXTRAS, Extras, RunDescription, build_report
from judge.report.escalation import FirstJudge, together
from judge.report.judge_answers import JudgeAnswers
from judge.report.report import Models, Report
from judge.runs.evidence import fingerprint_of
from judge.schema import Provider
from judge.scoring.derive_score_report import make_score_report

if TYPE_CHECKING:
    import polars as pl

    from judge.enums import Method
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.report.certificate import Certificate
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import JudgeSpec

NOTHING_WANTED = WantedFields()
UNKNOWN_PAIRS = "nobody can tell that the judgments are about the items of the run"
VOTES = "votes"
"""the one name of judges each of whom judged some of the items"""
NO_BCA = "the run asked for --ci bca, which is no more: its intervals are those of --ci jeffreys"


def make_report(
    folder: RunFolder,
    *,
    method: Method | None = None,
    wanted: WantedFields = NOTHING_WANTED,
    extras: Extras = NO_EXTRAS,
    scores: Sequence[RunFolder] = (),
    certificate: Certificate | None = None,
) -> Report:
    """Fold the judgments of a run; the same folder gives the same report.

    Args:
        folder: the run.
        method: how to make intervals; None takes the run's own choice.
        wanted: fields of the items that make clusters and subgroups.
        extras: what else was asked for.
        scores: the runs that scored model a and model b by checklists, to be set beside the comparison; or none.
        certificate: of the judge; None: the run's own, where it has one.

    Raises:
        InputError: no item has a wanted field.
        RunError: the folder is damaged.
    """
    manifest = folder.manifest()
    answers = answers_of(folder, manifest)
    spending = Spending(manifest.prices)
    counted = read_verdicts(folder, manifest, wanted, spending, answers)
    latest, subject = counted.latest, counted.subject
    rubric = manifest.rubric
    basis = Basis(method or manifest.method, manifest.seed)
    run = RunDescription(
        models=Models(a=manifest.model_a, b=manifest.model_b),
        prompt=prompt_labels(manifest.prompt, manifest.judges) if manifest.prompt else None,
        rubric=f"{rubric.name}.v{rubric.version}",
        samples=manifest.samples,
        seed=manifest.seed,
        left_out=manifest.left_out,
        input_counts=manifest.input_counts,
        judge_answers=JudgeAnswers.of(answers.counts) if manifest.read_answers is ReadAnswers.JUDGE else None,
        costs={judge.name: spending.of(judge.name) for judge in manifest.asked_judges},
        judge_models={judge.name: judge.model for judge in manifest.judges},
        looks=planned_looks(folder, manifest),
        scores=_scores(manifest, scores),
        controls=read_controls(folder, latest, subject, basis),
        escalated=counted.escalated,
        certificate=standing_of(folder, manifest, spending, certificate),
        fingerprint=fingerprint_of(folder, manifest, counted.journal),
        notes=tuple(_notes(folder, manifest, subject, spending, method)),
    )
    return build_report(latest, subject, run, method=basis.method, extras=extras)


class CountedVerdicts(NamedTuple):
    """What a report counts of a run."""

    latest: LatestJudgments
    """the judgments that count"""
    subject: Subject
    """what was planned"""
    journal: LatestJudgments
    """the latest judgments of the run's own journal, in the names of their judges"""
    escalated: FirstJudge | None
    """what the first judge said, where a second was asked"""


def read_verdicts(
    folder: RunFolder,
    manifest: Manifest,
    wanted: WantedFields = NOTHING_WANTED,
    spending: Spending | None = None,
    answers: TraceAnswers | None = None,
) -> CountedVerdicts:
    """Read the judgments that count, with what is known of their items; `spending` counts all replies."""
    features = item_features(folder, manifest, wanted, answers)  # first: it reads which items there are
    return counted_verdicts(folder, manifest, features, spending)


def counted_verdicts(
    folder: RunFolder, manifest: Manifest, features: ItemFeatures | None = None, spending: Spending | None = None
) -> CountedVerdicts:
    """Read the judgments of a run that count.

    Many judges of imported verdicts, none of whose items has them all, are no panel: they count as one voice.
    """
    subject = subject_of(manifest, features)
    journal = latest_judgments(folder.judgments(), spending)
    if manifest.prompt is None and len(subject.judges) > max(1, journal.most_judges):
        return CountedVerdicts(journal.as_of(VOTES), subject._replace(judges=[VOTES]), journal, None)
    latest, escalated = read_escalated(folder, manifest, journal, spending)
    if escalated:
        subject = subject._replace(judges=[together(escalated.name, escalated.second)])
    return CountedVerdicts(latest, subject, journal, escalated)


def _notes(
    folder: RunFolder, manifest: Manifest, subject: Subject, spending: Spending, method: Method | None
) -> Iterator[str]:
    """Yield what a reader must know of the run beside its verdicts."""
    # Judgments that are imported never had any pairs.
    if manifest.pairs_sha256 is not None and not folder.pairs_path.exists():
        yield f"{folder.pairs_path.name} is missing: {UNKNOWN_PAIRS}"
    if method is None and manifest.interval == "bca":
        yield NO_BCA
    if len(manifest.imported_judges) > len(subject.judges):
        n = len(manifest.imported_judges)
        yield f"none of the items has the verdicts of all {n} judges: they count as the votes of one, not as a panel"
    for judge in manifest.asked_judges:
        if served := spending.of(judge.name).served_models:
            yield _served(judge.name, served)
    for judge in manifest.asked_judges:
        if alias := _alias(judge, spending.models(judge.name)):
            yield alias


def _served(judge: str, models: Mapping[str, int]) -> str:
    counts = ", ".join(f"{model} ({n:,})" for model, n in models.items())
    return f"{judge}: the replies come from several models: {counts}; the rates are not those of one judge"


def _alias(judge: JudgeSpec, models: Sequence[str]) -> str:
    """Say that all replies name one other model than the one that was asked; nothing where they do not."""
    if len(models) != 1 or judge.provider is Provider.LOCAL or is_same_model(judge.model, models[0]):
        return ""
    return f"{judge.name}: all replies name the model {models[0]}; see that it is the judge that you mean"


def _scores(manifest: Manifest, runs: Sequence[RunFolder]) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Read two scores; RunError where one scored another model than the comparison's of its place."""
    if not runs:
        return None
    for run, model in zip(runs, (manifest.model_a, manifest.model_b), strict=True):
        scored = run.score_manifest().model
        if scored != model:
            raise RunError(
                f"{run.path}: scores {scored}, where the comparison has {model}; give the scores as a, then b"
            )
    a, b = (make_score_report(run).scores.items for run in runs)
    return a, b


def subject_of(manifest: Manifest, features: ItemFeatures | None = None) -> Subject:
    """Return what a run planned."""
    return Subject(
        judges=[judge.name for judge in manifest.judges] or list(manifest.imported_judges),
        criteria=[criterion.name for criterion in manifest.rubric.criteria],
        orders=manifest.orders,
        n_items=manifest.n_items,
        n_identical=len(manifest.identical),
        identical=manifest.identical,
        features=features,
    )


def item_features(
    folder: RunFolder, manifest: Manifest, wanted: WantedFields, answers: TraceAnswers | None = None
) -> ItemFeatures | None:
    """Read what is known of the items: from the pairs, or of imported judgments from themselves.

    Args:
        folder: the run.
        manifest: its own.
        wanted: fields of the items.
        answers: of the run's traces; None: they are read.

    Raises:
        InputError: no item has a wanted field.
        RunError: the folder is damaged.
    """
    if manifest.stopping is not None:
        wanted = wanted._replace(cluster=wanted.cluster or manifest.stopping.cluster)
    if manifest.prompt is None:
        return features_of_judgments(folder.judgments(), wanted)
    if not folder.pairs_path.exists() and wanted == NOTHING_WANTED:
        return None
    read = answers or answers_of(folder, manifest)
    return features_of_pairs(folder.pairs(), wanted, answers=not manifest.hide_answers, show=manifest.show, read=read)


def answers_of(folder: RunFolder, manifest: Manifest) -> TraceAnswers:
    """Return the reading of the run's final answers, with what its judges state where they were asked."""
    return TraceAnswers(folder.judgments() if manifest.read_answers is ReadAnswers.JUDGE else ())


def save_report(folder: RunFolder) -> Report:
    """Make the report with the run's own settings and write `report.json`."""
    report = make_report(folder)
    write_json(folder.report_path, report.model_dump(mode="json"))
    return report
