"""Say in words what a reader of a checklist score must know before its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from judge.core.families import kinship_warnings
from judge.core.stats.clusters import FEW_UNITS
from judge.core.subgroups import SMALL
from judge.enums import FailureMode
from judge.schema import Group

if TYPE_CHECKING:
    from judge.core.pkr.report import ScoreReport
    from judge.core.pkr.scores import Scores

MANY_VERDICTS = 20
"""verdicts on units after which a judge that always says the same is called out"""
MANY_UNREAD = 0.05
_SAID = ("presence", "correctness", "consistency")


def warn(report: ScoreReport, scores: Scores) -> tuple[str, ...]:
    """Return the warnings of a report, the gravest first."""
    return (
        *_monotone(scores.units),
        *_unseen(report),
        *_few(report),
        *_unread(report),
        *kinship_warnings(report.judges, {"under test": report.model}),
    )


def _monotone(units: pl.DataFrame) -> list[str]:
    """Call out a judge that says the same of every unit of a group."""
    said = (
        units.lazy()
        .filter(pl.col("mode") != FailureMode.JUDGE_ERROR.value)
        .group_by(pl.col("judge").cast(pl.String), "group")
        .agg(pl.len(), same=pl.struct(_SAID).n_unique() == 1)
        .filter("same", pl.col("len") >= MANY_VERDICTS)
        .sort("judge", "group")
        .collect()
    )
    return [
        f"Judge {judge} gives all {n} {group} units the same verdict: it does not tell them apart. "
        "Draw no conclusion from these figures."
        for judge, group, n in said.select("judge", "group", "len").iter_rows()
    ]


def _unseen(report: ScoreReport) -> list[str]:
    unseen = report.group_counts[Group.PERCEPTION].unseen
    if not unseen:
        return []
    text = (
        f"No judge could be shown the images of {unseen} of {report.n_items} items: these have no perception figures "
        "and no trace score."
    )
    return [text]


def _few(report: ScoreReport) -> list[str]:
    if report.clusters.field is not None and report.clusters.n < FEW_UNITS:
        few = f"Only {report.clusters.n} clusters: too few for a reliable interval."
        return [few if report.clusters.n > 1 else "All items are in one cluster: there is no interval."]
    if report.n_items < SMALL:
        return [f"Only {report.n_items} items: read little into these figures."]
    return []


def _unread(report: ScoreReport) -> list[str]:
    if report.n_unread <= MANY_UNREAD * report.answer_accuracy.n:
        return []
    text = (
        f"The final answers of {report.n_unread} of {report.answer_accuracy.n} traces cannot be read and count as not "
        "right: state them in the field `answer` where they are known."
    )
    return [text]
