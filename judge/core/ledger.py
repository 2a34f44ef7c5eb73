"""Where every item of a comparison went, and what the missing ones could change."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.core.estimates import DIGITS, GRID
from judge.core.planning import Orders
from judge.schema import Frozen, Outcome, Verdict

if TYPE_CHECKING:
    from judge.core.counted import Counted, Subject

NOT_ASKED = "not_asked"
DECISIONS = [Verdict.FIRST.value, Verdict.SECOND.value, Verdict.TIE.value]


class Ledger(Frozen):
    """All items of a criterion; the counts add up to the report's n_items."""

    agreed_a: int
    agreed_b: int
    agreed_tie: int
    identical: int
    """identical traces: ties that no judge was asked about"""
    split_to_first: int
    """the orders disagree, and lean to the trace shown first"""
    split_to_second: int
    one_sided: int
    """every judge said who won in some order, and some judge in one order only"""
    cannot_judge: int
    """a judge said so, and no call failed"""
    missing: dict[str, int]
    """the rest, by kind of failure; `not_asked` where nothing failed"""

    @property
    def total(self) -> int:
        """The sum of all counts."""
        counts: dict[str, int] = self.model_dump(exclude={"missing"})
        return sum(counts.values()) + sum(self.missing.values())


class Bounds(Frozen):
    """The win rate of a if every missing item had gone to b, and if every one had gone to a."""

    low: float | None
    high: float | None


def take_stock(name: str, counted: Counted, verdicts: pl.DataFrame, subject: Subject) -> Ledger:
    """Count where each item went on a criterion."""
    items = counted.items
    outcomes = Counter(items["outcome"])
    to_first = items.filter((pl.col("outcome") == Outcome.SPLIT.value) & (pl.col("forward") > pl.col("swapped"))).height
    lost = _lost(name, counted, verdicts, subject)
    lost[NOT_ASKED] += subject.n_items - len(items) - lost.total()
    return Ledger(
        agreed_a=outcomes[Outcome.A.value],
        agreed_b=outcomes[Outcome.B.value],
        agreed_tie=outcomes[Outcome.TIE.value] - subject.n_identical,
        identical=subject.n_identical,
        split_to_first=to_first,
        split_to_second=outcomes[Outcome.SPLIT.value] - to_first,
        one_sided=lost.pop("one_sided", 0),
        cannot_judge=lost.pop("cannot_judge", 0),
        missing={kind: count for kind, count in sorted(lost.items()) if count},
    )


def _lost(name: str, counted: Counted, verdicts: pl.DataFrame, subject: Subject) -> Counter[str]:
    """Count the items that have judgments and are not counted, by the reason; of several failures the first by name."""
    verdict = pl.col("verdict")
    reason = (
        pl.when(pl.col("undecided") & pl.col("failure").is_null())
        .then(pl.lit("cannot_judge"))
        .when((pl.col("heard") == len(subject.judges)) & pl.lit(subject.orders is Orders.BOTH))
        .then(pl.lit("one_sided"))
        .otherwise(pl.col("failure").fill_null(NOT_ASKED))
    )
    reasons = (
        verdicts.filter(pl.col("criterion") == name)
        .filter(~pl.col("item").is_in(counted.items["item"].cast(pl.Categorical).implode()))
        .group_by("item")
        .agg(
            undecided=(verdict == Verdict.CANNOT_JUDGE.value).any(),
            failure=pl.col("failure").min().cast(pl.String),
            heard=pl.col("judge").filter(verdict.is_in(DECISIONS)).n_unique(),
        )
        .select(reason.alias("reason"))
    )
    return Counter(reasons["reason"])


def bounds(counted: Counted, n_items: int) -> Bounds:
    """Return the least and the greatest win rate that the missing items allow, mirrored exactly with the models."""
    if not n_items:
        return Bounds(low=None, high=None)
    won = float((np.rint(counted.column("credit") * GRID) / GRID).sum())
    lost = len(counted.items) - won
    missing = n_items - len(counted.items)
    least = round(min(won, lost) / n_items, DIGITS)
    most = round(1 - least, DIGITS) if won == lost else round((min(won, lost) + missing) / n_items, DIGITS)
    low, high = (least, most) if won <= lost else (round(1 - most, DIGITS), round(1 - least, DIGITS))
    return Bounds(low=low, high=high)
