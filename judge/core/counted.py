"""The items that a criterion's rates are over, with the units that intervals and tests are made over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.core.facts import ItemFacts, judged_fields
from judge.core.panel import Pooling, pool
from judge.core.planning import Orders
from judge.core.tally import fold, identical_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.core.estimates import Basis
    from judge.core.stats.clusters import Codes
    from judge.core.stats.intervals import Floats


class Subject(NamedTuple):
    """What was planned: the facts of a run that its verdicts do not tell."""

    judges: Sequence[str]
    criteria: Sequence[str]
    orders: Orders
    n_items: int
    n_identical: int
    identical: Sequence[str] = ()
    """which items have identical traces, where their ids are known"""
    facts: ItemFacts | None = None


class Counted(NamedTuple):
    """Folded items of a criterion, identical ones among them, with their facts."""

    items: pl.DataFrame
    codes: Codes | None
    """the code of each item's cluster; None where each item is its own"""
    basis: Basis

    def column(self, name: str) -> Floats:
        """Return a column as floats, NaN where it is null."""
        return self.items[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def part(self, wanted: pl.Expr) -> Counted:
        """Return the items of which an expression is true."""
        mask = self.items.select(wanted.fill_null(value=False)).to_series()
        codes = None if self.codes is None else self.codes[mask.to_numpy()]
        return Counted(self.items.filter(mask), codes, self.basis)

    @property
    def n_units(self) -> int:
        """How many clusters, or items, there are."""
        return len(self.items) if self.codes is None else len(np.unique(self.codes))


class Panel(NamedTuple):
    """Counted items by criterion, in the rubric's order: of all judges together, and of each alone."""

    together: dict[str, Counted]
    alone: dict[str, dict[str, Counted]]


def count_panel(verdicts: pl.DataFrame, subject: Subject, basis: Basis, pooling: Pooling = Pooling.MEAN) -> Panel:
    """Fold the verdicts of each judge, and pool the judges, criterion by criterion."""
    identical = identical_items(sorted(subject.identical) or [None] * subject.n_identical)

    def counted(folded: pl.DataFrame) -> Counted:
        items = judged_fields(subject.facts, pl.concat([folded, identical]))
        return Counted(items, cluster_codes(items), basis)

    together: dict[str, Counted] = {}
    alone: dict[str, dict[str, Counted]] = {judge: {} for judge in subject.judges}
    for name in subject.criteria:
        own = verdicts.filter(pl.col("criterion") == name)
        folded = [fold(own.filter(pl.col("judge") == judge), orders=subject.orders) for judge in subject.judges]
        for judge, items in zip(subject.judges, folded, strict=True):
            alone[judge][name] = counted(items)
        several = len(folded) > 1
        together[name] = counted(pool(folded, pooling)) if several else alone[subject.judges[0]][name]
    return Panel(together, alone)


def cluster_codes(items: pl.DataFrame) -> Codes | None:
    """Return each item's cluster as a code from 0, by the clusters' names; None where no two items share one."""
    named = items["cluster"].drop_nulls()
    if named.n_unique() == len(named):
        return None
    label = pl.coalesce("cluster_" + pl.col("cluster"), "item_" + pl.col("item"))
    ranks = items.select(label.rank("dense").cast(pl.Int64) - 1).to_series()
    return np.asarray(ranks.to_numpy(), dtype=np.intp)
