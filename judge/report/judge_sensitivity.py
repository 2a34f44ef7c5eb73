"""How far a panel's win rate rests on which judges it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from judge.outcomes.counted_items import CriterionItems, Pooling, cluster_codes, pool
from judge.outcomes.rates import Estimate, Figure, figure
from judge.outcomes.tally import FOLDED, HALF
from judge.report.judge_agreement import credits_of, side_by_side
from judge.schema import Frozen
from judge.stats.pooled_means import rate_over_raters

if TYPE_CHECKING:
    from judge.outcomes.item_features import ItemFeatures

PAIR = 2
FEWEST_JUDGES = 3


class JudgeSensitivity(Frozen):
    """What a panel's win rate on a criterion would be with other judges; the fixed panel's is its `win_rate`."""

    without: dict[str, Estimate]
    """with each judge left out, over the items that all others have"""
    random_judges: Figure | None
    """the mean of the judges' credits with an interval over other items and other judges of their kind; null with fewer
    than two units or three judges, and where the panel speaks by majority"""


def judge_sensitivity(
    alone: Mapping[str, Mapping[str, CriterionItems]],
    panel: Mapping[str, CriterionItems],
    features: ItemFeatures | None,
    pooling: Pooling,
) -> dict[str, JudgeSensitivity]:
    """Report each criterion's sensitivity to the judges of a panel.

    Args:
        alone: folded items of two judges at least, by judge and criterion.
        panel: folded items of all judges together.
        features: of the items.
        pooling: how judges become one.
    """
    return {
        name: _on_criterion({judge: own[name] for judge, own in alone.items()}, items, features, pooling)
        for name, items in panel.items()
    }


def _on_criterion(
    alone: Mapping[str, CriterionItems], panel: CriterionItems, features: ItemFeatures | None, pooling: Pooling
) -> JudgeSensitivity:
    folded = pl.concat([own.judged.items.select(pl.lit(judge).alias("judge"), *FOLDED) for judge, own in alone.items()])
    identical = panel.items.filter(pl.col("n_verdicts") == 0)
    without = {}
    for left_out in alone:
        pooled = pool(folded, [judge for judge in alone if judge != left_out], pooling)
        counted = CriterionItems.of(pl.concat([pooled, identical.select(FOLDED)]), features, panel.basis)
        without[left_out] = panel.basis.of_models(counted.mean("credit", complement=True))
    # One difference, of two judges, hardly tells how far judges of their kind differ: intervals cover 85 to 90 %.
    over_judges = pooling is Pooling.MEAN and len(alone) >= FEWEST_JUDGES
    random_judges = _over_judges(alone, panel, identical) if over_judges else None
    return JudgeSensitivity(without=without, random_judges=random_judges)


def _over_judges(alone: Mapping[str, CriterionItems], panel: CriterionItems, identical: pl.DataFrame) -> Figure | None:
    rated = side_by_side(alone).drop_nulls(pl.selectors.starts_with("credit:"))
    ties = [pl.lit(HALF).alias(f"credit:{judge}") for judge in alone]
    rows = pl.concat([rated, identical.select("item", "cluster", *ties)])
    codes = cluster_codes(rows)
    if len(rows) < PAIR or (codes is not None and codes.max() < 1):
        return None
    return panel.basis.of_models(figure(rate_over_raters(credits_of(rows), codes)))
