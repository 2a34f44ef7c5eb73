"""The report of a comparison, built from its judgments."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from judge.costs.spending import JudgeCost, Usd, total
from judge.enums import Method, Orders
from judge.inputs.families import kinship_warnings
from judge.outcomes.counted_items import Pooling, Subject, fold_panel
from judge.outcomes.interim_looks import InterimLooks, Sequential, asked_part, follow_all
from judge.outcomes.latest_judgments import LatestJudgments
from judge.outcomes.rates import LEVEL, Basis
from judge.report.conclusions import stopping_warnings
from judge.report.control_report import ControlReport, control_warnings
from judge.report.criterion import CriterionReport, report_criteria
from judge.report.instruments import Instruments, compare_instruments
from judge.report.judge_agreement import AgreementReport, HaloReport, halo, report_agreement
from judge.report.judge_sensitivity import JudgeSensitivity, judge_sensitivity
from judge.report.judge_signal import signal_warnings
from judge.report.position_length import LengthReport, PositionReport, length, position
from judge.report.served_models import ServedModels, report_served, served_warnings
from judge.report.standardised import Standardised, standardise
from judge.report.subgroups import Interaction, Subgroups, interactions, report_subgroups
from judge.report.variance_components import VarianceComponents, report_variance
from judge.schema import Frozen
from judge.stats.clusters import FEW_UNITS
from judge.stats.intervals import N_RESAMPLES

if TYPE_CHECKING:
    import polars as pl

    from judge.outcomes.counted_items import CriterionItems

SCHEMA_VERSION = 2


class Models(Frozen):
    """Whose traces were compared."""

    a: str
    """name of model a, the first file of `compare`"""
    b: str
    """name of model b"""


class IntervalSettings(Frozen):
    """How every interval of the report was made."""

    method: Method
    """how: see Intervals"""
    level: float
    """such as 0.95"""
    n_resamples: int
    """resamples drawn; `wilson` draws none"""
    seed: int
    """the run's"""


class Clusters(Frozen):
    """The units of every interval and test."""

    field: str | None
    """the field whose values make them, `image` where items share images, null where each item is its own"""
    n: int
    """how many units"""


class Extras(NamedTuple):
    """Optional parts of a report."""

    equivalence: float | None = None
    length_control: bool = False
    majority: bool = False
    """pool the judges of a panel by majority instead of the mean"""


class Report(Frozen):
    """Everything that a person is told about a run; derived from its folder alone."""

    schema_version: int
    """another one where a field is renamed or changes its meaning; a field may be added without"""
    models: Models
    """whose traces were compared"""
    judges: tuple[str, ...]
    """names of the judges"""
    pooling: Pooling | None
    """how several judges became one; null with one"""
    prompt: str | None
    """name and version, and where judges have several, whose; null for imported runs"""
    rubric: str
    """name and version"""
    orders: Orders
    """whether each pair was judged in both orders, or half of them each way"""
    samples: int
    """replies for each pair, order and judge"""
    n_items: int
    """items compared"""
    n_judgments: int
    """requests that have a judgment"""
    n_failed: int
    """among them: without verdicts"""
    n_not_asked: int
    """requests that have no judgment yet"""
    n_identical: int
    """items whose traces are the same bytes: ties that no judge was asked about"""
    left_out: dict[str, int]
    """items not compared, by reason: `only_a`, `only_b`, `no_item`, `no_image`"""
    failures: dict[str, int]
    """failed judgments by kind"""
    interval: IntervalSettings
    """how every interval was made"""
    criteria: dict[str, CriterionReport]
    """by criterion, in the rubric's order"""
    by_judge: dict[str, dict[str, CriterionReport]]
    """the same of each judge of a panel alone, by judge and criterion"""
    costs: dict[str, JudgeCost]
    """by judge, at the run's pinned prices; empty for imported runs"""
    usd: Usd | None
    """what all replies cost; null where a price is unknown, and for imported runs"""
    warnings: tuple[str, ...]
    """what a reader must know, in words"""
    equivalence: float | None
    """the margin around 1/2 within which a person calls the models equivalent; null where none was set"""
    clusters: Clusters
    """the units of every interval and test"""
    position: dict[str, PositionReport]
    """by criterion, as all that follows but `halo`"""
    length: dict[str, LengthReport | None]
    """null where the traces are not known: imported runs"""
    agreement: dict[str, AgreementReport | None]
    """null with one judge and one sample"""
    halo: HaloReport | None
    """null with one criterion, or with hardly more items than criteria"""
    subgroups: Subgroups
    """by field and value, for each field that was asked for"""
    interactions: dict[str, Interaction | None]
    """by field; null where fewer than two values have counted items"""
    standardised: dict[str, Standardised | None]
    """by field; null where fewer than two values have counted items"""
    judge_sensitivity: dict[str, JudgeSensitivity] | None = None
    """by criterion; null with one judge"""
    instruments: dict[str, Instruments] | None = None
    """by criterion that a checklist measures too, where two checklist scores are set beside the comparison"""
    sequential: Sequential | None = None
    """null where the number of items was fixed beforehand; else the overall criterion has no other interval"""
    controls: dict[str, ControlReport] | None = None
    """by kind; null where the run has none"""
    served_models: Annotated[ServedModels | None, Field(exclude_if=lambda models: models is None)] = None
    """by judge and model, where the verdicts of a judge come from several; absent where they do not"""
    fingerprint: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """SHA-256 of what decides the run and of every verdict that counts; absent in runs made before runs were sealed"""
    variance_components: Annotated[
        dict[str, VarianceComponents] | None, Field(exclude_if=lambda components: components is None)
    ] = None
    """by criterion; absent with one judge and one sample"""


NO_EXTRAS = Extras()


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
    notes: tuple[str, ...] = ()
    """further warnings"""
    fingerprint: str | None = None


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
    by_judge = {
        judge: report_criteria(
            items,
            latest.of(judge),
            subject._replace(judges=[judge]),
            margin=margin,
            stopped=stopped and stopped.alone[judge],
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
            *served_warnings(served, overall),
            *control_warnings(run.controls or {}),
        ),
        equivalence=margin,
        clusters=_clusters(subject),
        instruments=compare_instruments(panel, *run.scores) if run.scores else None,
        sequential=stopped and stopped.together,
        controls=run.controls,
        served_models=served or None,
        fingerprint=run.fingerprint,
        position={name: position(items, together[name].first_slot) for name, items in panel.items()},
        length={name: length(items, adjust=extras.length_control) for name, items in panel.items()},
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
        variance_components=report_variance(latest, subject, together, samples=run.samples, pooling=pooling) or None,
    )


def _clusters(subject: Subject) -> Clusters:
    features = subject.features
    if features is None or features.cluster_field is None:
        return Clusters(field=None, n=subject.n_items)
    return clusters_of(features.items, features.cluster_field)


def clusters_of(items: pl.DataFrame, field: str | None) -> Clusters:
    """Count the units that items with a column `cluster` form: an item without one is its own."""
    clusters = items["cluster"]
    return Clusters(field=field, n=clusters.drop_nulls().n_unique() + clusters.null_count())


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
    if extras.length_control and not lengths:
        texts.append("The traces of this run are not known: there is no length-adjusted win rate.")
    return texts
