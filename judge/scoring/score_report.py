"""The report of a checklist score, built from its judgments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
from pydantic import Field

from judge.costs.spending import JudgeCost, Usd, total
from judge.enums import FailureMode, Method
from judge.inputs.families import kinship_warnings
from judge.outcomes.rates import LEVEL, Basis
from judge.report.report import Clusters, IntervalSettings, clusters_of
from judge.report.subgroups import SMALL
from judge.schema import Group
from judge.scoring.figures import (
    SCORE_METHOD,
    Failures,
    Figures,
    GroupCounts,
    count_failures,
    count_groups,
    estimate_figures,
    n_planned,
)
from judge.scoring.scores import Scores, score
from judge.stats.clusters import FEW_UNITS
from judge.stats.intervals import N_RESAMPLES

if TYPE_CHECKING:
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.schema import JudgeSpec
    from judge.scoring.cases import CaseFeatures

SCHEMA_VERSION = 1
MANY_VERDICTS = 20
"""verdicts on units after which a judge that always says the same is called out"""
MANY_UNREAD = 0.05


class ScoreSubgroup(Figures):
    """Items with one value of a field."""

    n: int
    """items with this value"""
    small: bool
    """fewer than 20 items: read nothing into it"""


class ScoreReport(Figures):
    """Everything that a person is told about a score; derived from its folder alone."""

    schema_version: int
    """another one where a field is renamed or changes its meaning"""
    model: str
    """name of the model"""
    judges: tuple[str, ...]
    """names of the judges"""
    prompts: dict[Group, str]
    """name and version, by group"""
    samples: int
    """replies for each trace, group and judge"""
    n_items: int
    """items scored"""
    n_judgments: int
    """requests that have a judgment"""
    n_failed: int
    """among them: without verdicts"""
    n_not_asked: int
    """requests that the run consists of and that have no judgment yet"""
    left_out: dict[str, int]
    """items that were not scored, by reason"""
    failures: dict[str, int]
    """failed judgments by kind"""
    group_counts: dict[Group, GroupCounts]
    """how items stand with each group, by group"""
    n_without_answer: int
    """items whose right answer is unknown: they have no accuracy"""
    n_unread: int
    """traces whose final answer cannot be read, which is not right"""
    failure_modes: Failures
    """what is wrong with units, counted"""
    interval: IntervalSettings
    """how every interval was made"""
    clusters: Clusters
    """the units of every interval and test"""
    by_judge: dict[str, Figures]
    """per judge, where a panel has several"""
    subgroups: dict[str, dict[str, ScoreSubgroup]]
    """by field and value, for each field that was asked for"""
    costs: dict[str, JudgeCost]
    """by judge, at the run's pinned prices"""
    usd: Usd | None
    """what all replies cost; null where a price is unknown"""
    warnings: tuple[str, ...]
    """what a reader must know, in words"""
    fingerprint: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """SHA-256 of what decides the run and of every verdict that counts; absent in runs made before runs were sealed"""


class ScoreSetting(NamedTuple):
    """Facts about a score run that its report repeats, and what its replies cost."""

    model: str
    judges: Sequence[JudgeSpec]
    prompts: Mapping[Group, str]
    """name and version of each group's prompt"""
    samples: int
    seed: int
    left_out: Mapping[str, int]
    costs: Mapping[str, JudgeCost]
    fingerprint: str | None = None


class ScoredRun(NamedTuple):
    """A report, and the rows that it is about."""

    report: ScoreReport
    scores: Scores
    """of all judges together: for pages, exports and `compare_scores`"""


def build_score_report(
    latest: LatestJudgments, features: CaseFeatures, setting: ScoreSetting, *, method: Method = SCORE_METHOD
) -> ScoredRun:
    """Derive the whole report from the judgments and the cases of a run.

    Args:
        latest: the judgments.
        features: from `features_of_cases`.
        setting: what the run is.
        method: how intervals are made.
    """
    basis = Basis(method, setting.seed)
    scores = score(latest, features, setting.judges)
    figures, group_counts = estimate_figures(scores.items, basis), count_groups(scores.items)
    clusters = clusters_of(features.items, features.cluster_field)
    panel = setting.judges if len(setting.judges) > 1 else ()
    alone = {judge.name: score(latest, features, [judge]).items for judge in panel}
    judges, failures = tuple(judge.name for judge in setting.judges), latest.failures
    report = ScoreReport(
        schema_version=SCHEMA_VERSION,
        fingerprint=setting.fingerprint,
        model=setting.model,
        judges=judges,
        prompts=dict(setting.prompts),
        samples=setting.samples,
        **{name: getattr(figures, name) for name in Figures.model_fields},
        n_items=len(scores.items),
        n_judgments=len(latest),
        n_failed=sum(failures.values()),
        n_not_asked=max(0, n_planned(features, setting.judges, setting.samples) - len(latest)),
        left_out=dict(setting.left_out),
        failures=failures,
        group_counts=group_counts,
        n_without_answer=scores.items["answer_accuracy"].null_count(),
        n_unread=int(scores.items["unread"].sum()),
        failure_modes=count_failures(scores.units),
        interval=IntervalSettings(method=method, level=LEVEL, n_resamples=N_RESAMPLES, seed=setting.seed),
        clusters=clusters,
        by_judge={judge: estimate_figures(items, basis) for judge, items in alone.items()},
        subgroups=_divide(scores.items, features.fields, basis),
        costs=dict(setting.costs),
        usd=total(one.usd for one in setting.costs.values()) if setting.costs else None,
        warnings=(
            *_constant_verdicts(scores.units),
            *_gaps(scores.items, group_counts, clusters, round(figures.answer_accuracy.n)),
            *kinship_warnings(
                judges, {"under test": setting.model}, asked={judge.name: judge.model for judge in setting.judges}
            ),
        ),
    )
    return ScoredRun(report, scores)


def _divide(items: pl.DataFrame, fields: Sequence[str], basis: Basis) -> dict[str, dict[str, ScoreSubgroup]]:
    """Report each value of each field that was asked for."""
    found: dict[str, dict[str, ScoreSubgroup]] = {}
    for field in fields:
        parts = items.partition_by(f"by:{field}", as_dict=True)
        found[field] = {
            str(value): ScoreSubgroup(n=len(part), small=len(part) < SMALL, **dict(estimate_figures(part, basis)))
            for (value,), part in sorted(parts.items())
        }
    return found


def _constant_verdicts(units: pl.DataFrame) -> list[str]:
    """Return the warnings about judges that give every unit of a group the same verdict."""
    said = (
        units.lazy()
        .filter(pl.col("mode") != FailureMode.JUDGE_ERROR.value)
        .group_by(pl.col("judge").cast(pl.String), "group")
        .agg(pl.len(), same=pl.struct("presence", "correctness", "consistency").n_unique() == 1)
        .filter("same", pl.col("len") >= MANY_VERDICTS)
        .sort("judge", "group")
        .collect()
    )
    return [
        f"Judge {judge} gives all {n} {group} units the same verdict: it does not tell them apart. "
        "Draw no conclusion from these figures."
        for judge, group, n in said.select("judge", "group", "len").iter_rows()
    ]


def _gaps(
    items: pl.DataFrame, group_counts: Mapping[Group, GroupCounts], clusters: Clusters, answered: int
) -> Iterator[str]:
    """Yield the warnings about unseen images, few items or clusters, and answers that cannot be read."""
    n_items, unseen, unread = len(items), group_counts[Group.PERCEPTION].unseen, int(items["unread"].sum())
    if unseen:
        yield (
            f"No judge could be shown the images of {unseen} of {n_items} items: these have no perception figures and "
            "no trace score."
        )
    if clusters.field is not None and clusters.n < FEW_UNITS:
        few = f"Only {clusters.n} clusters: too few for a reliable interval."
        yield few if clusters.n > 1 else "All items are in one cluster: there is no interval."
    elif n_items < SMALL:
        yield f"Only {n_items} items: read little into these figures."
    if unread > MANY_UNREAD * answered:
        yield (
            f"The final answers of {unread} of {answered} traces cannot be read and count as not right: state them in "
            "the field `answer` where they are known."
        )
