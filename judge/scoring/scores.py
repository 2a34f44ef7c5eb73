"""The formulas of a checklist score, from verdicts on units to figures of each trace (docs/score.md)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import polars as pl

from judge.enums import FailureMode
from judge.outcomes.latest_judgments import LatestJudgments
from judge.prompting.checklist_score import parse_evidence
from judge.prompting.final_text import UnparsedError
from judge.schema import Group, JudgeSpec, Judgment, Scored
from judge.scoring.cases import CaseFeatures

PARTS = ("presence", "correctness", "consistency", "score")
"""the figures of a group"""
FIGURES = (
    *(f"{group}_{part}" for group in Group for part in PARTS),
    "trace_score",
    "answer_accuracy",
    "right_and_grounded",
)
"""columns of `Scores.items`, each in [0, 1], null where a trace has no such figure"""


class Standing(StrEnum):
    """Standing of one group of an item's checklist."""

    SCORED = "scored"
    """every judge that could be asked has a verdict"""
    MISSING = "missing"
    """a judge has none: a call failed, or was not made yet"""
    UNSEEN = "unseen"
    """perception, and no judge could be shown the images"""
    WITHOUT_UNITS = "without_units"
    """the checklist asks nothing of it"""


class Scores(NamedTuple):
    """Figures of each case, and the verdicts on its units."""

    items: pl.DataFrame
    """one row a case, sorted by item: its features, `FIGURES`, and `{group}_standing`"""
    units: pl.DataFrame
    """one row a unit and reading (judge and sample), failed calls among them: `item`, `judge`, `sample`, `group`,
    `unit`, `core`, the fields of `UnitVerdict` (null where the call failed) and `mode`"""


def score(latest: LatestJudgments, features: CaseFeatures, judges: Sequence[JudgeSpec]) -> Scores:
    """Score every case by the pooled verdicts of some judges.

    A reading is what one judge said in one sample. The formulas hold for each reading; a judge's readings of a group
    are averaged over its samples with a verdict, and the judges' with equal weight, where every judge that could be
    asked has one. So a panel's figure is the mean of what each of its judges would have published.
    """
    names = [judge.name for judge in judges]
    units = _units(latest, features).filter(pl.col("judge").cast(pl.String).is_in(names))
    groups = _pool(_groups(units), _expected(features, judges))
    return Scores(_items(groups, features), units.drop("by_letters"))


def _units(latest: LatestJudgments, features: CaseFeatures) -> pl.DataFrame:
    """Return every unit asked about with its verdict and failure mode."""
    letters = features.items.select("item", "by_letters")
    return (
        latest.requests.lazy()
        .join(features.units.lazy(), on=["item", "group"])
        .join(latest.units.lazy(), on=["place", "unit"], how="left")
        .join(letters.lazy(), on="item")
        .with_columns(mode=_mode().cast(pl.Enum(FailureMode)))
        .drop("place", "order", "failure", "criterion")
        .sort("item", "group", "unit", pl.col("judge").cast(pl.String), "sample")
        .collect()
    )


def _mode() -> pl.Expr:
    rationale = pl.col("group") == Group.RATIONALE.value
    return (
        pl.when(pl.col("presence").is_null())
        .then(pl.lit(FailureMode.JUDGE_ERROR.value))
        .when(pl.col("presence") == 0)
        .then(pl.lit(FailureMode.OMISSION.value))
        .when((pl.col("correctness") == -1) & rationale & pl.col("by_letters"))
        .then(pl.lit(FailureMode.OPTION_ELIMINATION.value))
        .when(pl.col("correctness") == -1)
        .then(pl.lit(FailureMode.FACTUAL_ERROR.value))
        .when(pl.col("consistency") == -1)
        .then(pl.lit(FailureMode.INTERNAL_INCONSISTENCY.value))
        .when(rationale & ~pl.col("grounded"))
        .then(pl.lit(FailureMode.CHAIN_BREAK.value))
        .otherwise(pl.lit(FailureMode.OK.value))
    )


def _groups(units: pl.DataFrame) -> pl.LazyFrame:
    """Return the figures of each item, group and judge, averaged over the samples that have verdicts.

    Nothing present: no correctness and no consistency, and the score is 0, as presence is. `sound`: whether each of
    the group's units is in order.
    """
    judged, present = pl.col("presence").is_not_null(), pl.col("presence") > 0
    return (
        units.lazy()
        .filter(judged)
        .group_by("item", "group", "judge", "sample")
        .agg(
            presence=pl.col("presence").mean() / 2,
            correctness=(pl.col("correctness").filter(present) == 1).mean(),
            consistency=(pl.col("consistency").filter(present) == 1).mean(),
            sound=(pl.col("mode") == FailureMode.OK.value).all().cast(pl.Float64),
        )
        .with_columns(score=pl.col("presence") * pl.col("correctness").fill_null(0.0))
        .sort("sample")
        .group_by("item", "group", "judge")
        .agg(pl.col(*PARTS, "sound").mean())
    )


def _expected(features: CaseFeatures, judges: Sequence[JudgeSpec]) -> pl.LazyFrame:
    """Return how many judges can be asked about each group of each item."""
    seeing = sum(judge.sees_images for judge in judges)
    seen = features.items.lazy().select("item", "seen")
    hidden = pl.col("group") == Group.PERCEPTION.value
    n_judges = pl.when(~hidden).then(len(judges)).when("seen").then(seeing).otherwise(0)
    return features.units.lazy().select("item", "group").unique().join(seen, on="item").with_columns(n_judges=n_judges)


def _pool(groups: pl.LazyFrame, expected: pl.LazyFrame) -> pl.DataFrame:
    """Average the judges where every judge that could be asked has a verdict, and add each group's standing."""
    pooled = (
        groups.sort(pl.col("judge").cast(pl.String))
        .group_by("item", "group")
        .agg(pl.col(*PARTS, "sound").mean(), heard=pl.len())
    )
    scored = pl.col("heard").fill_null(0) == pl.col("n_judges")
    standing = (
        pl.when(pl.col("n_judges") == 0)
        .then(pl.lit(Standing.UNSEEN.value))
        .when(scored)
        .then(pl.lit(Standing.SCORED.value))
        .otherwise(pl.lit(Standing.MISSING.value))
    )
    return (
        expected.join(pooled, on=["item", "group"], how="left")
        .with_columns(standing=standing)
        .with_columns(pl.when(pl.col("standing") == Standing.SCORED.value).then(pl.col(*PARTS, "sound")))
        .select("item", "group", "standing", *PARTS, "sound")
        .collect()
    )


def _items(groups: pl.DataFrame, features: CaseFeatures) -> pl.DataFrame:
    """Return one row a case: its features, and the figures of its groups and of the whole trace."""
    items = features.items.lazy()
    for group in Group:
        own = groups.lazy().filter(pl.col("group") == group.value).drop("group")
        columns = (*PARTS, "sound", "standing")
        items = items.join(own.rename({name: f"{group}_{name}" for name in columns}), on="item", how="left")
    standing = pl.col(*(f"{group}_standing" for group in Group)).fill_null(Standing.WITHOUT_UNITS.value)
    complete = pl.all_horizontal(
        pl.col(f"{group}_standing").is_in([Standing.SCORED.value, Standing.WITHOUT_UNITS.value]) for group in Group
    )
    mean = pl.mean_horizontal(*(f"{group}_score" for group in Group))
    right, sound = pl.col("right"), pl.col(f"{Group.RATIONALE}_sound")
    return (
        items.with_columns(standing.cast(pl.Enum(Standing)))
        .with_columns(
            trace_score=pl.when(complete).then(mean),
            answer_accuracy=right,
            right_and_grounded=right * sound,
        )
        .drop("right", *(f"{group}_sound" for group in Group))
        .sort("item")
        .collect()
    )


def quoted(judgment: Judgment) -> dict[str, str]:
    """Return by unit what the judge quoted of the trace; nothing where there are no verdicts."""
    if judgment.reply is None or not isinstance(judgment.result, Scored):
        return {}
    try:
        return parse_evidence(judgment.reply.text, list(judgment.result.units), group=judgment.group)
    except UnparsedError:
        return {}
