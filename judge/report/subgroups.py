"""Win rates by subgroup, and tests of interaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.outcomes.estimates import Estimate, rounded, rounded_p
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
    """The score test that the overall win rate is the same for all values of a field."""

    statistic: float | None
    """of the score test; null where it is undefined"""
    df: int
    """degrees of freedom"""
    p_value: float | None
    """of the same test"""


Subgroups = dict[str, dict[str, Subgroup]]


def report_subgroups(counted: Mapping[str, CriterionItems], features: ItemFeatures) -> Subgroups:
    """Report each value of each field that was asked for."""
    places = [(field, value) for field in features.fields for value in sorted(features.items[f"by:{field}"].unique())]
    overall = list(counted.values())[-1]
    p_values = [preference_test(overall.where(_is(*place)))[0] for place in places]
    adjusted = benjamini_hochberg(np.array(p_values, dtype=np.float64)).tolist()
    found: Subgroups = {field: {} for field in features.fields}
    for place, p_value, p_adjusted in zip(places, p_values, adjusted, strict=True):
        field, value = place
        n = len(features.items.filter(_is(*place)))
        found[field][value] = Subgroup(
            n=n,
            small=n < SMALL,
            win_rate={name: _win_rate(items.where(_is(*place))) for name, items in counted.items()},
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
    tested = heterogeneity(known.column("credit"), groups, known.codes)
    if tested is None:
        return None
    return Interaction(statistic=rounded(tested.statistic), df=tested.df, p_value=rounded_p(tested.p_value))


def _is(field: str, value: str) -> pl.Expr:
    return pl.col(f"by:{field}") == value


def _win_rate(counted: CriterionItems) -> Estimate:
    return counted.basis.of_models(counted.mean("credit", complement=True))
