"""The items that a criterion's rates are over, with the units that intervals and tests are made over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.core.facts import ItemFacts, judged_fields
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


def count_items(verdicts: pl.DataFrame, subject: Subject, basis: Basis) -> dict[str, Counted]:
    """Fold verdicts and return the counted items of each criterion, in the rubric's order."""
    folded = fold(verdicts, judges=subject.judges, orders=subject.orders)
    identical = identical_items(subject.n_identical)
    if subject.identical:
        identical = identical.with_columns(item=pl.Series(sorted(subject.identical), dtype=pl.String))
    counted = {}
    for name in subject.criteria:
        own = pl.concat([folded.filter(pl.col("criterion") == name), identical], how="diagonal")
        items = judged_fields(subject.facts, own)
        counted[name] = Counted(items, cluster_codes(items), basis)
    return counted


def cluster_codes(items: pl.DataFrame) -> Codes | None:
    """Return each item's cluster as a code from 0, by the clusters' names; None where no two items share one."""
    named = items["cluster"].drop_nulls()
    if named.n_unique() == len(named):
        return None
    label = pl.coalesce("cluster_" + pl.col("cluster"), "item_" + pl.col("item"))
    ranks = items.select(label.rank("dense").cast(pl.Int64) - 1).to_series()
    return np.asarray(ranks.to_numpy(), dtype=np.intp)
