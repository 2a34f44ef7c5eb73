"""Folded items of a criterion, and the units (items or clusters) that its intervals and tests are computed over."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, assert_never

import numpy as np
import polars as pl

from judge.enums import Orders
from judge.outcomes.item_features import SCHEMA, ItemFeatures, unit_name
from judge.outcomes.rates import Ratio, estimate_rate
from judge.outcomes.tally import COUNTS, FOLDED, HALF, MEANS, ORDERS, SIDED, fold, identical_items, side, with_outcomes
from judge.stats.clusters import sum_by_cluster
from judge.stats.significance import sign_flip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.outcomes.rates import Basis, Estimate
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats
    from judge.stats.significance import SignFlip


class Pooling(StrEnum):
    """Rule by which the verdicts of a panel are pooled."""

    MEAN = "mean"
    """their credits are averaged"""
    MAJORITY = "majority"
    """in each order of an item, the side that more than half of them are on; a tie where there is none"""


class Subject(NamedTuple):
    """The plan of a run: judges, criteria, orders and items."""

    judges: Sequence[str]
    criteria: Sequence[str]
    orders: Orders
    n_items: int
    n_identical: int
    identical: Sequence[str] = ()
    """which items have identical traces, where their ids are known"""
    features: ItemFeatures | None = None


class CriterionItems(NamedTuple):
    """Folded items of a criterion, identical ones among them, with their features."""

    items: pl.DataFrame
    codes: Codes | None
    """the code of each item's cluster; None where each item is its own"""
    basis: Basis

    @classmethod
    def of(cls, items: pl.DataFrame, features: ItemFeatures | None, basis: Basis) -> CriterionItems:
        """Return rows that have an `item` with its features, null where nothing is known, in their order."""
        known = pl.DataFrame(schema=SCHEMA) if features is None else features.items
        joined = items.join(known, on="item", how="left", maintain_order="left")
        return cls(joined, cluster_codes(joined), basis)

    def column(self, name: str) -> Floats:
        """Return a column as floats, NaN where nothing is known."""
        return self.items[name].cast(pl.Float64).to_numpy()

    def part(self, wanted: NDArray[np.bool_]) -> CriterionItems:
        """Return some of the items."""
        return self._replace(items=self.items.filter(wanted), codes=None if self.codes is None else self.codes[wanted])

    def where(self, wanted: pl.Expr) -> CriterionItems:
        """Return the items for which an expression is true."""
        return self.part(self.items.select(wanted.fill_null(value=False)).to_series().to_numpy())

    @property
    def judged(self) -> CriterionItems:
        """The items that have verdicts: identical traces have none."""
        return self.where(pl.col("n_verdicts") > 0)

    def mean(self, name: str, *, complement: bool = False) -> Estimate:
        """Estimate the mean of a column in [0, 1] over the items that have it.

        Args:
            name: of the column.
            complement: whether it becomes 1 minus itself when the models are exchanged.
        """
        return estimate_rate(Ratio.over_known(self.column(name), complement=complement), self.codes, self.basis)

    def sign_flip(self, values: Floats) -> SignFlip:
        """Run the sign-flip test over units on item values, shape (items,)."""
        return sign_flip(sum_by_cluster(values[:, None], self.codes)[:, 0], seed=self.basis.seed)

    def unit_sums(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the sum over each unit of item values, shape (items,), and how many of its items have one (not NaN).

        Units without any are left out.
        """
        known = (~np.isnan(values)).astype(np.float64)
        sums, sizes = sum_by_cluster(np.column_stack([np.nan_to_num(values), known]), self.codes).T
        return sums[sizes > 0], sizes[sizes > 0]

    def distinct(self) -> tuple[CriterionItems, Floats]:
        """Return the distinct items (equal in all folded columns) and how many items equal each."""
        kinds = self.items.group_by(FOLDED[1:], maintain_order=True).len("n_items")
        return CriterionItems(kinds, None, self.basis), kinds["n_items"].cast(pl.Float64).to_numpy()

    @property
    def n_units(self) -> int:
        """Number of units: clusters, or items where each is its own."""
        return len(self.items) if self.codes is None else int(np.count_nonzero(np.bincount(self.codes)))


class PanelItems(NamedTuple):
    """Folded items by criterion, in the rubric's order: of all judges together, and of each alone."""

    together: dict[str, CriterionItems]
    alone: dict[str, dict[str, CriterionItems]]


def fold_panel(
    latest: LatestJudgments,
    subject: Subject,
    basis: Basis,
    pooling: Pooling = Pooling.MEAN,
    *,
    may_stop: bool = False,
) -> PanelItems:
    """Fold each judge's verdicts and pool the judges, criterion by criterion.

    Args:
        latest: the judgments.
        subject: what was planned.
        basis: how intervals are made.
        pooling: how several judges become one.
        may_stop: whether the last criterion, the overall one, could stop the run.
    """
    identical = identical_items(sorted(subject.identical) or [None] * subject.n_identical)

    def counted(folded: pl.DataFrame, name: str) -> CriterionItems:
        own = basis._replace(may_stop=may_stop and name == subject.criteria[-1])
        return CriterionItems.of(pl.concat([folded.select(FOLDED), identical]), subject.features, own)

    together: dict[str, CriterionItems] = {}
    alone: dict[str, dict[str, CriterionItems]] = {judge: {} for judge in subject.judges}
    for name in subject.criteria:
        folded = fold(latest.on(name), orders=subject.orders)
        for judge in subject.judges:
            alone[judge][name] = counted(folded.filter(pl.col("judge") == judge), name)
        together[name] = alone[subject.judges[0]][name]
        if len(subject.judges) > 1:
            together[name] = counted(pool(folded, subject.judges, pooling), name)
    return PanelItems(together, alone)


def pool(folded: pl.DataFrame, judges: Sequence[str], pooling: Pooling = Pooling.MEAN) -> pl.DataFrame:
    """Pool the judges of a panel.

    Args:
        folded: rows of `fold`.
        judges: of the panel; one is left as it is.
        pooling: how their verdicts become one.

    Returns:
        Columns `FOLDED`, one row per item that every judge has, sorted by item.
    """
    by_item = (
        folded.with_columns(pl.col("judge").cast(pl.String))
        .filter(pl.col("judge").is_in(judges))
        .sort(pl.col("judge").cast(pl.Enum(judges)))
        .group_by("item")
    )
    shared, counts = pl.len() == len(judges), pl.col(COUNTS).sum()
    match pooling:
        case Pooling.MEAN:
            pooled = by_item.agg(pl.col(MEANS).mean(), counts, shared=shared)
        case Pooling.MAJORITY:
            votes = {order: _majority(on) for order, on in zip(ORDERS, SIDED, strict=True)}
            pooled = by_item.agg(**votes, shared=shared).with_columns(
                on_forward="forward",
                on_swapped="swapped",
                consistent=(pl.col("forward") == pl.col("swapped")).cast(pl.Float64),
                first_picks=_count(pl.col("forward") == 1, pl.col("swapped") == 0),
                decisive=_count(pl.col("forward") != HALF, pl.col("swapped") != HALF),
                n_verdicts=_count(pl.col("forward").is_not_null(), pl.col("swapped").is_not_null()),
            )
        case _:
            assert_never(pooling)
    return with_outcomes(pooled.filter("shared").drop("shared").sort("item"))


def _majority(name: str) -> pl.Expr:
    """Return 1 or 0 where more than half of the judges are on that side, 1/2 where not, null without verdicts."""
    for_a, for_b = (2 * (side(name) == one).sum() > pl.len() for one in (1, -1))
    vote = pl.when(for_a).then(1.0).when(for_b).then(0.0).otherwise(HALF)
    return pl.when(pl.col(name).is_not_null().any()).then(vote)


def _count(*truths: pl.Expr) -> pl.Expr:
    return pl.sum_horizontal(truth.cast(pl.Int32) for truth in truths)


def cluster_codes(items: pl.DataFrame) -> Codes | None:
    """Return each item's cluster as a code from 0, sorted by name; None where no two items share one."""
    named = items["cluster"].drop_nulls()
    if named.n_unique() == len(named):
        return None
    names = items.select(unit_name()).to_series()
    return (names.rank("dense") - 1).to_numpy().astype(np.intp)
