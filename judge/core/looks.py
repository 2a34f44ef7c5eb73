"""The looks of a run that may stop early: which items each is over, and who leads after it."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.core.panel import Pooling, pool
from judge.core.planning import Orders
from judge.core.stats.sequential import ALPHA
from judge.core.tally import HALF, fold
from judge.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LOOK_EVERY = 50
ASKED = ["item", "judge", "sample", "order"]


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
) -> pl.DataFrame:
    """Return the plan: columns item, unit, look, and identical (traces: a tie that no judge is asked about)."""
    same = set(identical)
    columns = {
        "item": items,
        "unit": units,
        "look": number_looks(units, seed=seed, every=every),
        "identical": [item in same for item in items],
    }
    schema = {"item": pl.String, "unit": pl.String, "look": pl.Int64, "identical": pl.Boolean}
    return pl.DataFrame(columns, schema=schema)


def follow(planned: pl.DataFrame, verdicts: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """Return one row a look: what became of its items.

    A unit leans to the model with more than half of the credit of those of its items that have one. An item whose
    verdicts failed has none: it leans to nobody, and is neither a tie nor a loss.

    Args:
        planned: rows of `plan_looks`, all of them or those of some looks.
        verdicts: rows of `VERDICTS_SCHEMA`, in any order.
        panel: who was to judge each item.

    Returns:
        Columns look, n_items, missing (items without credit), complete (every request was answered or failed), wins
        and losses (units that lean to a and to b), sorted by look.
    """
    own = verdicts.filter(pl.col("criterion") == panel.criterion, pl.col("judge").is_in(list(panel.judges)))
    by_judge = [fold(own.filter(pl.col("judge") == judge), orders=panel.orders) for judge in panel.judges]
    credit = pool(by_judge, Pooling.MEAN) if len(by_judge) > 1 else by_judge[0]
    asked = own.unique(ASKED).group_by(pl.col("item").cast(pl.String)).agg(asked=pl.len())
    items = (
        planned.join(credit.select("item", "credit"), on="item", how="left")
        .join(asked, on="item", how="left")
        .with_columns(
            credit=pl.when("identical").then(pl.lit(HALF)).otherwise("credit"),
            done=pl.col("identical") | (pl.col("asked").fill_null(0) >= panel.requests),
        )
    )
    lean = (pl.col("credit") - HALF).sum().round(9).sign()
    units = items.group_by("look", "unit").agg(
        lean=lean, n_items=pl.len(), missing=pl.col("credit").is_null().sum(), complete=pl.col("done").all()
    )
    return (
        units.group_by("look")
        .agg(
            pl.col("n_items", "missing").cast(pl.Int64).sum(),
            pl.col("complete").all(),
            wins=(pl.col("lean") > 0).cast(pl.Int64).sum(),
            losses=(pl.col("lean") < 0).cast(pl.Int64).sum(),
        )
        .sort("look")
    )
