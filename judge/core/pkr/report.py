"""Turn verdicts on checklists into the report of a score: the numbers and the words that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.core.costs import JudgeCost, Usd, total
from judge.core.estimates import LEVEL, Basis
from judge.core.pkr.cautions import warn
from judge.core.pkr.counts import Failures, GroupCounts, count_failures, count_groups, n_planned
from judge.core.pkr.figures import SCORE_METHOD, Figures, estimate_figures
from judge.core.pkr.scores import Scores, score
from judge.core.report import Clusters, IntervalSettings
from judge.core.stats.intervals import N_RESAMPLES
from judge.core.subgroups import SMALL
from judge.enums import Method
from judge.schema import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from judge.core.pkr.cases import CaseFacts
    from judge.core.pkr.readings import Readings
    from judge.schema import JudgeSpec

SCHEMA_VERSION = 1


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


class ScoreSetting(NamedTuple):
    """What the manifest of a score says, as far as its report repeats it, and what its replies cost."""

    model: str
    judges: Sequence[JudgeSpec]
    prompts: Mapping[Group, str]
    """name and version of each group's prompt"""
    samples: int
    seed: int
    left_out: Mapping[str, int]
    costs: Mapping[str, JudgeCost]


class ScoredRun(NamedTuple):
    """A report, and the rows that it is about."""

    report: ScoreReport
    scores: Scores
    """of all judges together: for pages, exports and `compare_scores`"""


def build_score_report(
    readings: Readings, facts: CaseFacts, setting: ScoreSetting, *, method: Method = SCORE_METHOD
) -> ScoredRun:
    """Derive the whole report from the judgments and the cases of a run.

    Args:
        readings: from `settle_readings`.
        facts: from `facts_of_cases`.
        setting: what the run is.
        method: how intervals are made.
    """
    basis = Basis(method, setting.seed)
    scores = score(readings, facts, setting.judges)
    figures = estimate_figures(scores.items, basis)
    alone = {judge.name: score(readings, facts, [judge]).items for judge in setting.judges[: _panel(setting)]}
    failures = readings.failures
    report = ScoreReport(
        schema_version=SCHEMA_VERSION,
        model=setting.model,
        judges=tuple(judge.name for judge in setting.judges),
        prompts=dict(setting.prompts),
        samples=setting.samples,
        **{name: getattr(figures, name) for name in Figures.model_fields},
        n_items=len(scores.items),
        n_judgments=len(readings.requests),
        n_failed=sum(failures.values()),
        n_not_asked=max(0, n_planned(facts, setting.judges, setting.samples) - len(readings.requests)),
        left_out=dict(setting.left_out),
        failures=failures,
        group_counts=count_groups(scores.items),
        n_without_answer=scores.items["answer_accuracy"].null_count(),
        n_unread=int(scores.items["unread"].sum()),
        failure_modes=count_failures(scores.units),
        interval=IntervalSettings(method=method, level=LEVEL, n_resamples=N_RESAMPLES, seed=setting.seed),
        clusters=_clusters(facts),
        by_judge={judge: estimate_figures(items, basis) for judge, items in alone.items()},
        subgroups=_divide(scores.items, facts.fields, basis),
        costs=dict(setting.costs),
        usd=total(one.usd for one in setting.costs.values()) if setting.costs else None,
        warnings=(),
    )
    return ScoredRun(report.model_copy(update={"warnings": warn(report, scores)}), scores)


def _panel(setting: ScoreSetting) -> int:
    """Return how many judges are also reported alone: all of a panel, none of one."""
    return len(setting.judges) if len(setting.judges) > 1 else 0


def _clusters(facts: CaseFacts) -> Clusters:
    clusters = facts.items["cluster"]
    return Clusters(field=facts.cluster_field, n=clusters.drop_nulls().n_unique() + clusters.null_count())


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
