"""Report the win rate within each value of a field, and whether it differs between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from judge.core.conclusions import preference_p
from judge.core.estimates import Estimate, Ratio, estimate_rate, rounded, rounded_p
from judge.core.stats.significance import benjamini_hochberg
from judge.core.stats.strata import heterogeneity
from judge.core.table import is_none, ranks
from judge.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge.core.columns import Mask
    from judge.core.counted import Counted
    from judge.core.facts import ItemFacts
    from judge.core.table import Table

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


def divide(counted: Mapping[str, Counted], facts: ItemFacts) -> Subgroups:
    """Report each value of each field that was asked for."""
    places = [(field, value) for field in facts.fields for value in sorted(set(facts.table[f"by:{field}"].tolist()))]
    overall = list(counted.values())[-1]
    p_values = [preference_p(overall.part(_is(overall.items, *place)))[0] for place in places]
    adjusted = benjamini_hochberg(np.array(p_values, dtype=np.float64)).tolist()
    found: Subgroups = {field: {} for field in facts.fields}
    for place, p_value, p_adjusted in zip(places, p_values, adjusted, strict=True):
        field, value = place
        n = int(_is(facts.table, *place).sum())
        found[field][value] = Subgroup(
            n=n,
            small=n < SMALL,
            win_rate={name: _win_rate(items.part(_is(items.items, *place))) for name, items in counted.items()},
            p_value=rounded_p(p_value),
            p_adjusted=rounded_p(p_adjusted),
        )
    return found


def interactions(overall: Counted, facts: ItemFacts) -> dict[str, Interaction | None]:
    """Test each field for an interaction; None where fewer than two values have counted items."""
    return {field: _interaction(overall, field) for field in facts.fields}


def _interaction(overall: Counted, field: str) -> Interaction | None:
    known = overall.part(~is_none(overall.items[f"by:{field}"]))
    if not len(known.items):
        return None
    groups = ranks(known.items[f"by:{field}"].tolist())
    tested = heterogeneity(known.column("credit"), groups, known.codes)
    if tested is None:
        return None
    return Interaction(statistic=rounded(tested.statistic), df=tested.df, p_value=rounded_p(tested.p_value))


def _is(items: Table, field: str, value: str) -> Mask:
    return np.asarray(items[f"by:{field}"] == value, dtype=bool)


def _win_rate(counted: Counted) -> Estimate:
    credit = counted.column("credit")
    return estimate_rate(Ratio(credit, np.ones_like(credit), complement=True), counted.codes, counted.basis)
