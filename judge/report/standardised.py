"""The win rate with every value of a field counting alike, beside the one over items: a check for reversals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.outcomes.rates import Figure, figure
from judge.schema import Frozen
from judge.stats.clusters import HALF
from judge.stats.pooled_means import standardised_rate
from judge.stats.significance import ALPHA

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems
    from judge.report.subgroups import Subgroup

PAIR = 2


class Standardised(Frozen):
    """The overall win rate of a standardised over the values of a field; the raw one is the criterion's `win_rate`."""

    win_rate: Figure
    """the mean of the values' win rates, each value alike, however many items it has"""
    n_values: int
    """values with items in the rate"""
    reversed: tuple[str, ...]
    """values of 20 items at least whose interval lies on the other side of 1/2 than the raw win rate, and whose
    `p_adjusted` is at most 0.05: of many values, some lie there by chance"""


def standardise(
    overall: CriterionItems, name: str, subgroups: Mapping[str, Mapping[str, Subgroup]]
) -> dict[str, Standardised | None]:
    """Standardise the overall win rate over each field; None where fewer than two values have items in the rate.

    Args:
        overall: folded items of the overall criterion.
        name: of that criterion.
        subgroups: by field and value.
    """
    return {field: _standardised(overall, field, name, values) for field, values in subgroups.items()}


def _standardised(
    overall: CriterionItems, field: str, name: str, values: Mapping[str, Subgroup]
) -> Standardised | None:
    known = overall.where(pl.col(f"by:{field}").is_not_null())
    groups = (known.items[f"by:{field}"].rank("dense") - 1).to_numpy().astype(np.intp)
    if len(np.unique(groups)) < PAIR:
        return None
    rate = standardised_rate(known.column("credit"), groups, known.codes)
    raw = float(overall.column("credit").mean()) - HALF
    return Standardised(
        win_rate=overall.basis.of_models(figure(rate)),
        n_values=len(np.unique(groups)),
        reversed=tuple(value for value, own in values.items() if _is_opposite(own, name, raw)),
    )


def _is_opposite(own: Subgroup, name: str, raw: float) -> bool:
    rate = own.win_rate[name]
    if own.small or own.p_adjusted > ALPHA or rate.low is None or rate.high is None:
        return False
    return rate.high < HALF if raw > 0 else raw < 0 and rate.low > HALF
