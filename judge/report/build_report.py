"""The making of a comparison's report from its judgments."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from judge.costs.spending import JudgeCost, total
from judge.enums import Method, Orders
from judge.inputs.families import kinship_warnings
from judge.outcomes.counted_items import Pooling, Subject, fold_panel
from judge.outcomes.interim_looks import InterimLooks, asked_part, follow_all
from judge.outcomes.latest_judgments import LatestJudgments
from judge.outcomes.rates import LEVEL, Basis
from judge.report.conclusions import stopping_warnings
from judge.report.control_report import ControlReport, control_warnings
from judge.report.criterion import CriterionReport, report_criteria
from judge.report.instruments import compare_instruments
from judge.report.judge_agreement import halo, report_agreement
from judge.report.judge_answers import JudgeAnswers
from judge.report.judge_sensitivity import judge_sensitivity
from judge.report.judge_signal import signal_warnings
from judge.report.letter_habit import habit_warning, report_letter_habit
from judge.report.position_length import length, position
from judge.report.report import SCHEMA_VERSION, Clusters, IntervalSettings, Models, Report, clusters_of
from judge.report.served_models import report_served, served_warnings
from judge.report.standardised import standardise
from judge.report.subgroups import interactions, report_subgroups
from judge.report.variance_components import report_variance
from judge.stats.clusters import FEW_UNITS
from judge.stats.intervals import N_RESAMPLES

if TYPE_CHECKING:
    import polars as pl

    from judge.outcomes.counted_items import CriterionItems
    from judge.report.acceptance import Acceptance
    from judge.report.certificate import CertificateStanding
    from judge.report.escalation import FirstJudge
    from judge.stats.alpaca_length import Difficulties


class Extras(NamedTuple):
    """Optional parts of a report."""

    equivalence: float | None = None
    length_control: bool = False
    majority: bool = False
    """pool the judges of a panel by majority instead of the mean"""
    difficulties: Difficulties | None = None
    """of AlpacaEval's instructions"""
    acceptance: Acceptance | None = None
    """which items can be accepted, where that was asked for"""


NO_EXTRAS = Extras()
SOFT = (
    "{n:,} verdicts are probabilities: rates, intervals and tests are of expected credits, and wins, ties and splits "
    "count the most probable verdict, so that they do not add up to the win rate; the credit does."
)


class RunDescription(NamedTuple):
    """Facts about a run that its report repeats or rests on, beside its judgments."""

    models: Models
    prompt: str | None
    rubric: str
    samples: int
    seed: int
    left_out: dict[str, int]
    costs: Mapping[str, JudgeCost] = MappingProxyType({})
    """what each judge's replies took"""
    judge_models: Mapping[str, str] = MappingProxyType({})
    """the model of each judge; of one that is not there, its name says it"""
    looks: InterimLooks | None = None
    """of a run that may stop early"""
    scores: tuple[pl.DataFrame, pl.DataFrame] | None = None
    """rows of `Scores.items` of model a and model b, to be set beside the comparison"""
    controls: dict[str, ControlReport] | None = None
    """by kind; None where the run has none"""
    escalated: FirstJudge | None = None
    """of a run that asks a second judge about doubtful items"""
    certificate: CertificateStanding | None = None
    """how the certificate of its judges stands with it; None where there is none"""
    notes: tuple[str, ...] = ()
    """further warnings"""
    fingerprint: str | None = None
    input_counts: Mapping[str, int] = MappingProxyType({})
    """as in the manifest"""
    judge_answers: JudgeAnswers | None = None
    """of a run whose judge is asked for the traces' final answers"""


def build_report(
    latest: LatestJudgments, subject: Subject, run: RunDescription, *, method: Method, extras: Extras = NO_EXTRAS
) -> Report:
    """Derive the whole report from the judgments of a run."""
    n_judgments, failures = len(latest), latest.failures
    stopped = follow_all(run.looks, latest, subject) if run.looks else None
    if run.looks and stopped:
        latest, subject = asked_part(run.looks, stopped.together, latest, subject)
    is_panel, margin = len(subject.judges) > 1, extras.equivalence
    overall, features = subject.criteria[-1], subject.features
    pooling = (Pooling.MAJORITY if extras.majority else Pooling.MEAN) if is_panel else None
    basis = Basis(method, run.seed)
    panel, alone = fold_panel(latest, subject, basis, pooling or Pooling.MEAN, may_stop=stopped is not None)
    alone_first = _first_alone(run.escalated, subject, basis, margin)
    by_judge = {
        judge: report_criteria(
            items,
            latest.of(judge),
            subject._replace(judges=[judge]),
            margin=margin,
            stopped=stopped and stopped.alone[judge],
            measured=alone_first,
        )
        for judge, items in alone.items()
    }
    served = report_served(latest, subject, basis._replace(may_stop=stopped is not None))
    n_planned = (subject.n_items - subject.n_identical) * run.samples * len(subject.judges)
    n_planned *= 2 if subject.orders is Orders.BOTH else 1
    together = next(iter(by_judge.values()))
    if is_panel:
        together = report_criteria(
            panel,
            latest,
            subject,
            margin=margin,
            stopped=stopped and stopped.together,
            by_judge=by_judge if pooling is Pooling.MEAN else {},
        )
    subgroups = report_subgroups(panel, features) if features else {}
    habit = report_letter_habit(panel[overall]) if features else None
    return Report(
        schema_version=SCHEMA_VERSION,
        models=run.models,
        judges=tuple(subject.judges),
        pooling=pooling,
        prompt=run.prompt,
        rubric=run.rubric,
        orders=subject.orders,
        samples=run.samples,
        n_items=subject.n_items,
        n_judgments=n_judgments,
        n_failed=sum(failures.values()),
        n_not_asked=max(0, n_planned - n_judgments) if run.prompt else 0,
        n_identical=subject.n_identical,
        left_out=run.left_out,
        input_counts=dict(run.input_counts),
        failures=failures,
        interval=IntervalSettings(method=method, level=LEVEL, n_resamples=N_RESAMPLES, seed=run.seed),
        criteria=together,
        by_judge=by_judge if is_panel else {},
        costs=dict(run.costs),
        usd=total(one.usd for one in run.costs.values()) if run.costs else None,
        warnings=(
            *_warnings(by_judge, panel[overall], subject, run),
            *_refusals(subject, extras),
            *(stopping_warnings(stopped.together, overall, margin) if stopped else ()),
            *run.notes,
            *([SOFT.format(n=latest.n_soft)] if latest.n_soft else []),
            *([run.judge_answers.told()] if run.judge_answers else ()),
            *([habit_warning(habit, run.models.a, run.models.b)] if habit else ()),
            *served_warnings(served, overall),
            *control_warnings(run.controls or {}),
        ),
        equivalence=margin,
        clusters=_clusters(subject),
        instruments=compare_instruments(panel, *run.scores) if run.scores else None,
        sequential=stopped and stopped.together,
        judge_answers=run.judge_answers,
        letter_habit=habit,
        controls=run.controls,
        acceptance=extras.acceptance,
        escalation=run.escalated and run.escalated.report(alone_first),
        certificate=run.certificate,
        served_models=served or None,
        n_soft=latest.n_soft,
        fingerprint=run.fingerprint,
        position={name: position(items, together[name].first_slot) for name, items in panel.items()},
        length={
            name: length(items, adjust=extras.length_control, difficulties=extras.difficulties)
            for name, items in panel.items()
        },
        agreement={
            name: report_agreement(
                [own[name] for own in alone.values()], latest.on(name), features, samples=run.samples
            )
            for name in panel
        },
        halo=halo(panel),
        subgroups=subgroups,
        interactions=interactions(panel[overall], features) if features else {},
        standardised=standardise(panel[overall], overall, subgroups),
        judge_sensitivity=judge_sensitivity(alone, panel, features, pooling) if pooling else None,
        variance_components=report_variance(latest, subject, together, panel, samples=run.samples, pooling=pooling)
        or None,
    )


def _first_alone(
    first: FirstJudge | None, subject: Subject, basis: Basis, margin: float | None
) -> dict[str, CriterionReport]:
    """Report what the first judge alone shows; empty where nothing is escalated."""
    if first is None:
        return {}
    own = subject._replace(judges=[first.name])
    return report_criteria(fold_panel(first.latest, own, basis).together, first.latest, own, margin=margin)


def _clusters(subject: Subject) -> Clusters:
    features = subject.features
    if features is None or features.cluster_field is None:
        return Clusters(field=None, n=subject.n_items)
    return clusters_of(features.items, features.cluster_field)


def _warnings(
    by_judge: Mapping[str, Mapping[str, CriterionReport]],
    overall: CriterionItems,
    subject: Subject,
    run: RunDescription,
) -> list[str]:
    texts = [text for judge, reports in by_judge.items() for text in signal_warnings(reports, judge)]
    if overall.codes is not None and overall.n_units < FEW_UNITS:
        few = f"only {overall.n_units} clusters: too few for a reliable interval"
        texts.append(few if overall.n_units > 1 else "All items are in one cluster: there is no interval.")
    return texts + kinship_warnings(subject.judges, run.models.model_dump(), asked=run.judge_models)


def _refusals(subject: Subject, extras: Extras) -> list[str]:
    """Return the warnings about options that have no effect on this run."""
    texts = []
    if extras.majority and len(subject.judges) == 1:
        texts.append("This run has one judge: there is no majority to take.")
    lengths = subject.features is not None and not subject.features.items["length_a"].is_null().all()
    if (extras.length_control or extras.difficulties) and not lengths:
        texts.append("The traces of this run are not known: there is no length-controlled win rate.")
    return texts
