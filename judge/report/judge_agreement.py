"""Agreement of judges and samples, and correlation of criteria (halo)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.outcomes.counted_items import CriterionItems, cluster_codes
from judge.outcomes.rates import GRID, Basis, Estimate, Figure, Ratio, estimate_rates, figure, is_mirror_first, rounded
from judge.outcomes.tally import HALF, SIDED, with_credits
from judge.report.position_length import SIDES, kappa_of_sides, sides
from judge.schema import Frozen, Order
from judge.stats.agreement import agreement, category_counts, flip_rates
from judge.stats.explained_variance import correlations, explained_variance

if TYPE_CHECKING:
    from judge.outcomes.item_features import ItemFeatures
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

CREDIT = pl.col("credit")
CREDIT_OF_SIDE = (1.0, HALF, 0.0)
ONE_SIDED_SHARE = 0.8
PAIR = 2
MIN_EXPLAINED = 30
"""items; with fewer, a few criteria explain much by chance"""


class AgreementReport(Frozen):
    """How far a criterion's judges, or repeated samples, agree on an item; null where there are not several."""

    n: int
    """items that several judges have judged"""
    raw: Figure | None = None
    """share of pairs of judges on the same side of an item: a's, neither's, or b's"""
    ac1: Figure | None = None
    """Gwet's AC1"""
    alpha_nominal: Figure | None = None
    """Krippendorff's alpha, sides as names"""
    alpha_interval: Figure | None = None
    """Krippendorff's alpha, sides as numbers"""
    kappa: Figure | None = None
    """Cohen's; for two judges only"""
    kappa_warning: str | None = None
    """why kappa says little here"""
    repeat_flip: Estimate | None = None
    """share of pairs of samples of one order and judge that differ: the judge's noise"""
    order_flip: Estimate | None = None
    """share of pairs of samples in different orders that differ"""


class HaloReport(Frozen):
    """How far the criteria go together within items that were judged on all of them."""

    n: int
    """items judged on all criteria"""
    correlations: dict[str, dict[str, float | None]]
    """of the credits of each two criteria; null where one does not vary"""
    overall: str
    """the criterion that the others are to explain"""
    together: Figure | None
    """share of its variance that the others explain together, adjusted for their number; null below 30 items"""
    alone: dict[str, float]
    """share that each explains on its own, adjusted; empty below 30 items, as the next"""
    added: dict[str, float]
    """share that each explains beyond the others, adjusted"""


def report_agreement(
    by_judge: Sequence[CriterionItems], said: pl.DataFrame, features: ItemFeatures | None, *, samples: int
) -> AgreementReport | None:
    """Report a criterion's agreement; None with one judge and one sample.

    Args:
        by_judge: the criterion's counted items, a judge each.
        said: what the judges say on the criterion, rows of `LatestJudgments.on`.
        features: of the items.
        samples: replies per pair, order and judge.
    """
    if len(by_judge) < PAIR and samples < PAIR:
        return None
    judged: dict[str, object] = {}
    if len(by_judge) >= PAIR:
        rated = side_by_side({str(index): judge for index, judge in enumerate(by_judge)}, of=pl.mean_horizontal(SIDED))
        judged = compare_raters(credits_of(rated), cluster_codes(rated), seed=by_judge[0].basis.seed)
    flips = _flips(said, features, by_judge[0].basis) if samples >= PAIR else {}
    return AgreementReport.model_validate({"n": 0, **judged, **flips})


def compare_raters(
    ratings: Floats, codes: Codes | None, *, seed: int, weights: Floats | None = None
) -> dict[str, object]:
    """Return the coefficients of an `AgreementReport` of several raters, kappa where there are two; none without items.

    Args:
        ratings: shape (items, raters), credits in [0, 1], taken for the side that they are on; NaN where there is none.
        codes: shape (items,), the code of each item's cluster; None where each item is its own.
        seed: of the bootstrap.
        weights: shape (items,), how many items each stands for; None where all were drawn alike.
    """
    several = (~np.isnan(ratings)).sum(axis=1) >= PAIR
    if not several.any():
        return {}
    rated = ratings[several]
    codes = None if codes is None else codes[several]
    weights = None if weights is None else weights[several]
    on_side = np.where(np.isnan(rated), np.nan, np.asarray(CREDIT_OF_SIDE)[sides(np.nan_to_num(rated))])
    counts = category_counts(on_side, CREDIT_OF_SIDE)
    if is_mirror_first(counts, counts[:, ::-1], codes):
        counts = np.ascontiguousarray(counts[:, ::-1])
    found = agreement(counts, CREDIT_OF_SIDE, codes, weights=weights, seed=seed)
    return {
        "n": len(rated),
        **{name: figure(value) for name, value in found._asdict().items()},
        **(_kappa(sides(rated), counts, codes, seed=seed, weights=weights) if rated.shape[1] == PAIR else {}),
    }


def _kappa(on: Codes, counts: Floats, codes: Codes | None, *, seed: int, weights: Floats | None) -> dict[str, object]:
    most = float((counts.sum(axis=0) / counts.sum()).max())
    warning = (
        f"{100 * most:.0f} % of the verdicts are the same: kappa is low here however often the judges agree; "
        "read raw agreement and AC1"
    )
    return {
        "kappa": kappa_of_sides(on, SIDES - 1 - on, codes, weights=weights, seed=seed),
        "kappa_warning": warning if most >= ONE_SIDED_SHARE else None,
    }


def side_by_side(columns: Mapping[str, CriterionItems], of: pl.Expr = CREDIT) -> pl.DataFrame:
    """Return item, cluster and one column of credits each, null where not judged, sorted by item.

    Args:
        columns: folded items by name.
        of: the credits; those of the most probable verdicts tell sides.
    """
    rows = pl.concat(
        [
            counted.judged.items.select("item", "cluster", credit=of, column=pl.lit(name))
            for name, counted in columns.items()
        ]
    )
    own = [pl.col("credit").filter(pl.col("column") == name).first().alias(f"credit:{name}") for name in columns]
    return rows.group_by("item").agg(pl.col("cluster").first(), *own).sort("item")


def credits_of(side_by_side: pl.DataFrame) -> Floats:
    """Return the credits of such rows, shape (items, columns), NaN where there is none."""
    return side_by_side.select(pl.selectors.starts_with("credit:")).to_numpy()


def _flips(said: pl.DataFrame, features: ItemFeatures | None, basis: Basis) -> dict[str, Estimate]:
    """Compare repeated samples of one order, and samples of different orders, within each judge and item."""
    cells = {
        f"{order}:{worth}": ((pl.col("order") == order) & (pl.col("on") == worth)).sum()
        for order in Order
        for worth in CREDIT_OF_SIDE
    }
    by_judge = with_credits(said).group_by("item", "judge").agg(**cells).sort("item", pl.col("judge").cast(pl.String))
    counts = by_judge.select(*cells).to_numpy().astype(np.float64)
    rates = flip_rates(counts[:, :SIDES], counts[:, SIDES:])
    flipped = {f"{part}{index}": getattr(rates, part)[:, index] for part in rates._fields for index in (0, 1)}
    by_item = by_judge.select("item").with_columns(**flipped).group_by("item").agg(pl.col(*flipped).sum()).sort("item")
    counted = CriterionItems.of(by_item, features, basis)
    ratios = {
        name: Ratio(counted.column(f"numerators{index}"), counted.column(f"denominators{index}"))
        for index, name in enumerate(("repeat_flip", "order_flip"))
    }
    return estimate_rates(ratios, counted.codes, basis)


def halo(counted: Mapping[str, CriterionItems]) -> HaloReport | None:
    """Report how far the criteria go together; None where there is one, or too few items for their number."""
    names = list(counted)
    if len(names) < PAIR:
        return None
    rated = side_by_side(counted).drop_nulls(pl.selectors.starts_with("credit:"))
    credits_, codes = np.rint(credits_of(rated) * GRID) / GRID, cluster_codes(rated)
    if len(credits_) <= len(names):
        return None
    found = correlations(credits_)
    exchanged = 1 - credits_
    if is_mirror_first(np.hstack([credits_, exchanged]), np.hstack([exchanged, credits_]), codes):
        credits_ = exchanged
    enough = len(credits_) >= MIN_EXPLAINED
    seed = counted[names[0]].basis.seed
    explained = explained_variance(credits_[:, -1], credits_[:, :-1], codes, seed=seed) if enough else None
    shares = {} if explained is None else {"alone": explained.alone, "added": explained.added}
    return HaloReport(
        n=len(credits_),
        correlations={
            name: {other: rounded(found[i, j]) for j, other in enumerate(names)} for i, name in enumerate(names)
        },
        overall=names[-1],
        together=None if explained is None else figure(explained.together),
        alone={name: round(float(x), 6) for name, x in zip(names, shares.get("alone", ()), strict=False)},
        added={name: round(float(x), 6) for name, x in zip(names, shares.get("added", ()), strict=False)},
    )
