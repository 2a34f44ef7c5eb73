"""Count how the groups of the checklists stand, and what is wrong with their units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from judge.core.pkr.scores import Standing
from judge.enums import FailureMode
from judge.schema import Frozen, Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.core.pkr.cases import CaseFacts
    from judge.schema import JudgeSpec

Modes = dict[FailureMode, int]
IMPORTANCES = {"core": True, "supporting": False}


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


def n_planned(facts: CaseFacts, judges: Sequence[JudgeSpec], samples: int) -> int:
    """Return how many requests a run consists of."""
    asked = facts.units.select("item", "group").unique().join(facts.items.select("item", "seen"), on="item")
    perception = asked["group"] == Group.PERCEPTION.value
    blind, seen = int((~perception).sum()), int((perception & asked["seen"]).sum())
    return samples * sum(blind + seen * judge.sees_images for judge in judges)
