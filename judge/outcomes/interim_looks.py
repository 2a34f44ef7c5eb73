"""The looks of a run that may stop early: which items each is over, and who leads after it."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.enums import Orders
from judge.outcomes.counted_items import pool
from judge.outcomes.tally import HALF, fold
from judge.schema import Frozen
from judge.stats.sequential import ALPHA

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LOOK_EVERY = 50


class Stopping(Frozen):
    """The rule by which a run may stop early."""

    look_every: int = LOOK_EVERY
    """items from one look at the evidence to the next; whole clusters stay together"""
    alpha: float = ALPHA
    """the chance of calling equal models different, over all looks together"""
    cluster: str | None = None
    """the field whose values make clusters; None: items that share an image"""


class LookPanel(NamedTuple):
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
    looks = number_looks(units, seed=seed, every=every)
    return pl.DataFrame(
        {"item": items, "unit": units, "look": looks},
        schema={"item": pl.String(), "unit": pl.String(), "look": pl.Int64()},
    ).with_columns(identical=pl.col("item").is_in(list(identical)))


def follow(planned: pl.DataFrame, said: pl.DataFrame, panel: LookPanel) -> pl.DataFrame:
    """Return one row a look: what became of its items.

    A unit leans to the model with more than half of the credit of those of its items that have one. An item whose
    verdicts failed has none: it leans to nobody, and is neither a tie nor a loss.

    Args:
        planned: rows of `plan_looks`, all of them or those of some looks.
        said: on the panel's criterion, rows of `LatestJudgments.on` in any order.
        panel: who was to judge each item.

    Returns:
        Columns look, n_items, missing (items without credit), complete (every request was answered or failed), wins
        and losses (units that lean to a and to b), sorted by look.
    """
    said = said.filter(pl.col("judge").cast(pl.String).is_in(panel.judges))
    pooled = pool(fold(said, orders=panel.orders), panel.judges)
    requests = said.group_by("item").agg(n_asked=pl.struct("judge", "sample", "order").n_unique())
    items = (
        planned.join(pooled.select("item", "credit"), on="item", how="left", maintain_order="left")
        .join(requests, on="item", how="left", maintain_order="left")
        .with_columns(
            credit=pl.when("identical").then(HALF).otherwise("credit"),
            done=pl.col("identical") | (pl.col("n_asked").fill_null(0) >= panel.requests),
        )
    )
    leaning = (
        items.group_by("look", "unit")
        .agg(excess=(pl.col("credit") - HALF).sum().round(9))
        .group_by("look")
        .agg(wins=(pl.col("excess") > 0).sum(), losses=(pl.col("excess") < 0).sum())
    )
    counts = items.group_by("look").agg(
        n_items=pl.len(), missing=pl.col("credit").is_null().sum(), complete=pl.col("done").all()
    )
    return counts.join(leaning, on="look").sort("look")
