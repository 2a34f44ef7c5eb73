"""Win rates by subgroup, and tests of interaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.outcomes.rates import Estimate, rounded, rounded_p
from judge.report.conclusions import preference_test
from judge.schema import Frozen
from judge.stats.significance import benjamini_hochberg
from judge.stats.strata import heterogeneity

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems
    from judge.outcomes.item_features import ItemFeatures

SMALL = 20


class Subgroup(Frozen):
    """Items with one value of a field."""

    n: int
    """items compared"""
    small: bool
    """fewer than 20 items: read nothing into it"""
    win_rate: dict[str, Estimate]
    """by criterion"""
    p_value: float
    """of the overall criterion, by sign-flip over units"""
    p_adjusted: float
    """the same after Benjamini and Hochberg over all subgroups of the report"""


class Interaction(Frozen):
    """The permutation test that the overall win rate is the same for all values of a field."""

    statistic: float | None
    """of the score test, studentised; null where it is undefined"""
    df: int
    """values with counted items, less one"""
    p_value: float | None
    """share of up to 10,000 permutations of the values over units, or of flips of their signs if it is larger, that
    reach the statistic; above 10,000 units, of the chi-square distribution"""


Subgroups = dict[str, dict[str, Subgroup]]


def report_subgroups(counted: Mapping[str, CriterionItems], features: ItemFeatures) -> Subgroups:
    """Report each value of each field that was asked for."""
    places = [
        (field, value, pl.col(f"by:{field}") == value)
        for field in features.fields
        for value in sorted(features.items[f"by:{field}"].unique())
    ]
    overall = list(counted.values())[-1]
    p_values = [preference_test(overall.where(within))[0] for _, _, within in places]
    adjusted = benjamini_hochberg(np.array(p_values, dtype=np.float64)).tolist()
    found: Subgroups = {field: {} for field in features.fields}
    for (field, value, within), p_value, p_adjusted in zip(places, p_values, adjusted, strict=True):
        n = len(features.items.filter(within))
        found[field][value] = Subgroup(
            n=n,
            small=n < SMALL,
            win_rate={
                name: items.basis.of_models(items.where(within).mean("credit", complement=True))
                for name, items in counted.items()
            },
            p_value=rounded_p(p_value),
            p_adjusted=rounded_p(p_adjusted),
        )
    return found


def interactions(overall: CriterionItems, features: ItemFeatures) -> dict[str, Interaction | None]:
    """Test each field for an interaction; None where fewer than two values have counted items."""
    return {field: _interaction(overall, field) for field in features.fields}


def _interaction(overall: CriterionItems, field: str) -> Interaction | None:
    known = overall.where(pl.col(f"by:{field}").is_not_null())
    if not len(known.items):
        return None
    groups = (known.items[f"by:{field}"].rank("dense") - 1).to_numpy().astype(np.intp)
    tested = heterogeneity(known.column("credit"), groups, known.codes, seed=known.basis.seed)
    if tested is None:
        return None
    return Interaction(statistic=rounded(tested.statistic), df=tested.df, p_value=rounded_p(tested.p_value))
