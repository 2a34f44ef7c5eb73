"""The items that a criterion's rates are over, with the units that intervals and tests are made over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.core.facts import ItemFacts, judged_fields
from judge.core.panel import Pooling, pool
from judge.core.table import Table, is_none, ranks, stack
from judge.core.tally import fold, identical_items
from judge.enums import Orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.core.columns import Mask, Settled
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

    items: Table
    codes: Codes | None
    """the code of each item's cluster; None where each item is its own"""
    basis: Basis

    def column(self, name: str) -> Floats:
        """Return a column as floats, NaN where nothing is known."""
        return self.items[name].astype(np.float64, copy=False)

    def part(self, wanted: Mask) -> Counted:
        """Return some of the items."""
        codes = None if self.codes is None else self.codes[wanted]
        return Counted(self.items.take(wanted), codes, self.basis)

    @property
    def is_judged(self) -> Mask:
        """Which items have verdicts: identical traces have none."""
        return np.asarray(self.items["n_verdicts"] > 0)

    def distinct(self) -> tuple[Counted, Floats]:
        """Return one item of each kind that the verdicts make, in place of all, and how many items are of it."""
        kinds = self.items.kinds
        if kinds is None:
            return self, np.ones(len(self.items))
        counts = np.bincount(kinds.of_row, minlength=len(kinds.table))
        used = counts > 0
        return Counted(kinds.table.take(used), None, self.basis), counts[used].astype(np.float64)

    @property
    def n_units(self) -> int:
        """How many clusters, or items, there are."""
        return len(self.items) if self.codes is None else int(np.count_nonzero(np.bincount(self.codes)))


class Panel(NamedTuple):
    """Counted items by criterion, in the rubric's order: of all judges together, and of each alone."""

    together: dict[str, Counted]
    alone: dict[str, dict[str, Counted]]


def count_panel(settled: Settled, subject: Subject, basis: Basis, pooling: Pooling = Pooling.MEAN) -> Panel:
    """Fold what is said by each judge, and pool the judges, criterion by criterion."""
    identical = identical_items(sorted(subject.identical) or [None] * subject.n_identical)

    def counted(folded: Table) -> Counted:
        items = judged_fields(subject.facts, stack([folded, identical]))
        return Counted(items, cluster_codes(items), basis)

    together: dict[str, Counted] = {}
    alone: dict[str, dict[str, Counted]] = {judge: {} for judge in subject.judges}
    for name in subject.criteria:
        said = settled.on(name)
        folded = [fold(said.of(judge), orders=subject.orders) for judge in subject.judges]
        for judge, items in zip(subject.judges, folded, strict=True):
            alone[judge][name] = counted(items)
        several = len(folded) > 1
        together[name] = counted(pool(folded, pooling)) if several else alone[subject.judges[0]][name]
    return Panel(together, alone)


def cluster_codes(items: Table) -> Codes | None:
    """Return each item's cluster as a code from 0, by the clusters' names; None where no two items share one."""
    clusters = items["cluster"]
    named = clusters[~is_none(clusters)].tolist()
    if len(set(named)) == len(named):
        return None
    return ranks(
        [
            f"item_{item}" if cluster is None else f"cluster_{cluster}"
            for item, cluster in zip(items["item"], clusters, strict=True)
        ]
    )
