"""Estimate the figures of a checklist score over items, or over the clusters that they form: never over units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.core.counted import Counted, cluster_codes
from judge.core.estimates import Estimate, Ratio, estimate_rate
from judge.core.pkr.scores import FIGURES, PARTS
from judge.core.table import Table
from judge.enums import Method
from judge.schema import Frozen, Group

if TYPE_CHECKING:
    import polars as pl

    from judge.core.estimates import Basis

SCORE_METHOD = Method.WILSON
"""Wilson's interval at the effective number of items holds 95 % for means of such figures and for their differences,
at the ends of the scale too, without random numbers. The half win and half loss of the Jeffreys method are large beside
the spread of traces (at 20 items a difference's interval is 1.6 times as long); the plain bootstrap is too short."""


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


def estimate_figures(items: pl.DataFrame, basis: Basis) -> Figures:
    """Estimate every figure.

    Args:
        items: rows of `Scores.items`.
        basis: how intervals are made.
    """
    table = Table.of_frame(items.select("item", "cluster", *FIGURES))
    counted = Counted(table, cluster_codes(table), basis)
    return Figures(
        groups={group: GroupFigures(**{part: _mean(counted, f"{group}_{part}") for part in PARTS}) for group in Group},
        trace_score=_mean(counted, "trace_score"),
        answer_accuracy=_mean(counted, "answer_accuracy"),
        right_and_grounded=_mean(counted, "right_and_grounded"),
    )


def _mean(counted: Counted, name: str) -> Estimate:
    """Estimate the mean of a column over the items that have it.

    Each figure is estimated by itself: together, hardly two items would share a pattern, and it would take minutes.
    """
    values = counted.column(name)
    has_value = ~np.isnan(values)
    return estimate_rate(Ratio(np.nan_to_num(values), has_value.astype(np.float64)), counted.codes, counted.basis)
