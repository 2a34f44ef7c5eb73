"""The looks of a run that may stop early: which items each is over, and who leads after it."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.core.panel import Pooling, pool
from judge.core.stats.sequential import ALPHA
from judge.core.table import Table, ranks, sum_by, texts
from judge.core.tally import HALF, fold
from judge.enums import Orders
from judge.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from judge.core.columns import Mask, Spoken
    from judge.core.stats.clusters import Codes
    from judge.core.table import Column

LOOK_EVERY = 50


class Stopping(Frozen):
    """The rule by which a run may stop early."""

    look_every: int = LOOK_EVERY
    """items from one look at the evidence to the next; whole clusters stay together"""
    alpha: float = ALPHA
    """the chance of calling equal models different, over all looks together"""
    cluster: str | None = None
    """the field whose values make clusters; None: items that share an image"""


class Panel(NamedTuple):
    """Who judges each item, and how often."""

    judges: Sequence[str]
    orders: Orders
    samples: int
    criterion: str
    """the one that decides"""

    @property
    def requests(self) -> int:
        """How many requests an item needs."""
        return len(self.judges) * self.samples * (2 if self.orders is Orders.BOTH else 1)


def number_looks(units: Sequence[str], *, seed: int, every: int) -> list[int]:
    """Return the look, from 0, that each item belongs to: units in random order, until a look has enough items.

    The order follows from the seed and the units' names alone, whatever the order of the items.

    Args:
        units: each item's unit, its cluster or itself.
        seed: of the run.
        every: items a look; a look ends with the unit that reaches so many.
    """
    sizes = Counter(units)
    look_of, look, filled = dict.fromkeys(sizes, 0), 0, 0
    for unit in sorted(sizes, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        look_of[unit] = look
        filled += sizes[unit]
        if filled >= every:
            look, filled = look + 1, 0
    return [look_of[unit] for unit in units]


def plan_looks(
    items: Sequence[str], units: Sequence[str], identical: Collection[str], *, seed: int, every: int
) -> Table:
    """Return the plan: columns item, unit, look, and identical (traces: a tie that no judge is asked about)."""
    same = set(identical)
    return Table(
        {
            "item": texts(items),
            "unit": texts(units),
            "look": np.array(number_looks(units, seed=seed, every=every), dtype=np.int64),
            "identical": np.array([item in same for item in items], dtype=bool),
        }
    )


def follow(planned: Table, said: Spoken, panel: Panel) -> Table:
    """Return one row a look: what became of its items.

    A unit leans to the model with more than half of the credit of those of its items that have one. An item whose
    verdicts failed has none: it leans to nobody, and is neither a tie nor a loss.

    Args:
        planned: rows of `plan_looks`, all of them or those of some looks.
        said: on the panel's criterion, in any order.
        panel: who was to judge each item.

    Returns:
        Columns look, n_items, missing (items without credit), complete (every request was answered or failed), wins
        and losses (units that lean to a and to b), sorted by look.
    """
    by_judge = [fold(said.of(judge), orders=panel.orders) for judge in panel.judges]
    folded = pool(by_judge, Pooling.MEAN) if len(by_judge) > 1 else by_judge[0]
    identical = planned["identical"]
    credit = np.where(identical, HALF, folded.take(folded.places(planned["item"]))["credit"])
    done = identical | (_requests(said, panel, planned["item"]) >= panel.requests)
    looks, look = np.unique(planned["look"], return_inverse=True)
    units, unit = np.unique(look * len(planned) + ranks(planned["unit"].tolist()), return_inverse=True)
    excess = sum_by(unit, np.nan_to_num(credit - HALF), len(units))
    lean, of = np.sign(excess.round(9)), units // max(1, len(planned))

    def count(which: Mask, places: Codes = look) -> Codes:
        return sum_by(places, which, len(looks)).astype(np.int64)

    return Table(
        {
            "look": looks,
            "n_items": count(look >= 0),
            "missing": count(np.isnan(credit)),
            "complete": count(~done) == 0,
            "wins": count(lean > 0, of),
            "losses": count(lean < 0, of),
        }
    )


def _requests(said: Spoken, panel: Panel, items: Column) -> Codes:
    """Return how many requests of each item were answered, or failed."""
    rows = said.rows.take(
        np.isin(said.rows.judge, [said.rows.judges.index(j) for j in panel.judges if j in said.rows.judges])
    )
    asked = np.unique(np.column_stack([rows.item, rows.judge, rows.sample, rows.order]), axis=0)
    counts = dict(zip(rows.items, np.bincount(asked[:, 0], minlength=len(rows.items)).tolist(), strict=True))
    return np.array([counts.get(item, 0) for item in items], dtype=np.int64)
