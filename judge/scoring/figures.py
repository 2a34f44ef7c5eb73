"""Estimate the figures of a checklist score over items, or their clusters, never over units; and count both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from judge.enums import FailureMode, Method
from judge.outcomes.counted_items import CriterionItems, cluster_codes
from judge.outcomes.estimates import Estimate
from judge.schema import Frozen, Group
from judge.scoring.scores import PARTS, Standing

if TYPE_CHECKING:
    from judge.outcomes.estimates import Basis
    from judge.schema import JudgeSpec
    from judge.scoring.cases import CaseFeatures

SCORE_METHOD = Method.WILSON
"""Wilson's interval at the effective number of items holds 95 % for means of such figures and for their differences,
at the ends of the scale too, without random numbers. The half win and half loss of the Jeffreys method are large beside
the spread of traces (at 20 items a difference's interval is 1.6 times as long); the plain bootstrap is too short."""


Modes = dict[FailureMode, int]
IMPORTANCES = {"core": True, "supporting": False}


class GroupFigures(Frozen):
    """What holds of one group of the checklists: means over traces."""

    presence: Estimate
    """mean of how far the units are spoken of: absent 0, vague 1/2, asserted 1"""
    correctness: Estimate
    """share of right ones among the units spoken of; over the traces that speak of any"""
    consistency: Estimate
    """share that other statements agree with among the units spoken of; over the traces that speak of any"""
    score: Estimate
    """presence x correctness of each trace; 0 where it speaks of no unit"""


class Figures(Frozen):
    """What holds of a set of traces: means over those that have the figure, with intervals over items or clusters."""

    groups: dict[Group, GroupFigures]
    """by group"""
    trace_score: Estimate
    """mean of the groups' scores, over the traces with a score in every group of their checklist"""
    answer_accuracy: Estimate
    """share of right final answers; one that cannot be read is not right"""
    right_and_grounded: Estimate
    """share of right final answers whose rationale units are all in order"""


class GroupCounts(Frozen):
    """Items by how they stand with one group: scored + missing + unseen + without_units = the report's n_items."""

    scored: int
    """every judge that could be asked has a verdict"""
    missing: int
    """a call failed, or was not made yet"""
    unseen: int
    """perception, and no judge could be shown the images"""
    without_units: int
    """the checklist asks nothing of it"""
    nothing_present: int
    """among the scored: no reading finds a unit spoken of, so that there is no correctness and no consistency"""


class Failures(Frozen):
    """How many units have each failure mode, every reading (judge and sample) of a unit counted by itself."""

    all: Modes
    """all units, by mode"""
    by_group: dict[Group, Modes]
    """by group and mode"""
    by_importance: dict[str, Modes]
    """by `core` or `supporting`, and mode"""


def estimate_figures(items: pl.DataFrame, basis: Basis) -> Figures:
    """Estimate every figure by itself: together, hardly two items would share a pattern, and it would take minutes.

    Args:
        items: rows of `Scores.items`.
        basis: how intervals are made.
    """
    counted = CriterionItems(items, cluster_codes(items), basis)
    return Figures(
        groups={group: GroupFigures(**{part: counted.mean(f"{group}_{part}") for part in PARTS}) for group in Group},
        trace_score=counted.mean("trace_score"),
        answer_accuracy=counted.mean("answer_accuracy"),
        right_and_grounded=counted.mean("right_and_grounded"),
    )


def count_groups(items: pl.DataFrame) -> dict[Group, GroupCounts]:
    """Count the rows of `Scores.items` by their standing."""
    counts = {}
    for group in Group:
        standing, correctness = items[f"{group}_standing"], items[f"{group}_correctness"]
        scored = standing == Standing.SCORED.value
        counts[group] = GroupCounts(
            **{which.value: int((standing == which.value).sum()) for which in Standing},
            nothing_present=int((scored & correctness.is_null()).sum()),
        )
    return counts


def count_failures(units: pl.DataFrame) -> Failures:
    """Count the rows of `Scores.units` by their mode."""
    return Failures(
        all=_modes(units),
        by_group={group: _modes(units.filter(pl.col("group") == group.value)) for group in Group},
        by_importance={name: _modes(units.filter(pl.col("core") == core)) for name, core in IMPORTANCES.items()},
    )


def _modes(units: pl.DataFrame) -> Modes:
    counted = dict(units["mode"].value_counts().iter_rows())
    return {mode: counted.get(mode.value, 0) for mode in FailureMode}


def n_planned(features: CaseFeatures, judges: Sequence[JudgeSpec], samples: int) -> int:
    """Return how many requests a run consists of."""
    asked = features.units.select("item", "group").unique().join(features.items.select("item", "seen"), on="item")
    perception = asked["group"] == Group.PERCEPTION.value
    blind, seen = int((~perception).sum()), int((perception & asked["seen"]).sum())
    return samples * sum(blind + seen * judge.sees_images for judge in judges)
