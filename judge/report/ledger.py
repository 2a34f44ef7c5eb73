"""The ledger of a criterion's items, and worst-case bounds for the missing ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.enums import Orders
from judge.outcomes.rates import DIGITS, GRID, rounded_p
from judge.outcomes.tally import DECISIONS
from judge.schema import Frozen, Outcome, Verdict
from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.significance import sign_flip

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems, Subject

NOT_ASKED = "not_asked"
ONE_SIDED = "one_sided"


class Ledger(Frozen):
    """All items of a criterion; the counts add up to the report's n_items."""

    agreed_a: int
    """both orders agree on a; with one order, its verdict names a"""
    agreed_b: int
    """the same for b"""
    agreed_tie: int
    """both say that it is a tie"""
    identical: int
    """identical traces: ties that no judge was asked about"""
    split_to_first: int
    """the orders disagree, and lean to the trace shown first"""
    split_to_second: int
    """the orders disagree, and lean to the trace shown second"""
    one_sided: int
    """every judge said who won in some order, and some judge in one order only"""
    cannot_judge: int
    """a judge said so, and no call failed"""
    missing: dict[str, int]
    """the rest, by kind of failure; `not_asked` where nothing failed"""


class Bounds(Frozen):
    """The win rate of a if every missing item had gone to b, and if every one had gone to a."""

    low: float | None
    """if every missing item had gone to b"""
    high: float | None
    """if every missing item had gone to a"""
    p_value_low: float | None = None
    """of the sign-flip test if every missing item, a unit of its own, had gone to b"""
    p_value_high: float | None = None
    """the same, if every one had gone to a"""


def count_ledger(counted: CriterionItems, said: pl.DataFrame, subject: Subject) -> Ledger:
    """Count where each item went on a criterion.

    Args:
        counted: its folded items.
        said: what the judges that they are of say on it, rows of `LatestJudgments.on`.
        subject: what was planned.
    """
    outcomes = Counter(counted.items["outcome"].to_list())
    splits = counted.items.filter(outcome=Outcome.SPLIT.value)
    to_first = int((splits["on_forward"] > splits["on_swapped"]).sum())
    lost = _lost(counted, said, subject)
    lost[NOT_ASKED] += subject.n_items - len(counted.items) - lost.total()
    return Ledger(
        agreed_a=outcomes[Outcome.A.value],
        agreed_b=outcomes[Outcome.B.value],
        agreed_tie=outcomes[Outcome.TIE.value] - subject.n_identical,
        identical=subject.n_identical,
        split_to_first=to_first,
        split_to_second=outcomes[Outcome.SPLIT.value] - to_first,
        one_sided=lost.pop(ONE_SIDED, 0),
        cannot_judge=lost.pop(Verdict.CANNOT_JUDGE, 0),
        missing={kind: count for kind, count in sorted(lost.items()) if count},
    )


def _lost(counted: CriterionItems, said: pl.DataFrame, subject: Subject) -> Counter[str]:
    """Count the items with judgments but without an outcome, by reason; of several failures the first by name."""
    reason = (
        pl.when(pl.col("undecided") & pl.col("failure").is_null())
        .then(pl.lit(Verdict.CANNOT_JUDGE.value))
        .when((pl.col("deciding") == len(subject.judges)) & (subject.orders is Orders.BOTH))
        .then(pl.lit(ONE_SIDED))
        .otherwise(pl.col("failure").fill_null(NOT_ASKED))
    )
    reasons = (
        said.join(counted.items, on="item", how="anti")
        .group_by("item")
        .agg(
            pl.col("failure").cast(pl.String).min(),
            undecided=(pl.col("verdict") == Verdict.CANNOT_JUDGE).any(),
            deciding=pl.col("judge").filter(pl.col("verdict").is_in(DECISIONS)).n_unique(),
        )
        .select(reason)
    )
    return Counter(reasons.to_series().to_list())


def bounds(counted: CriterionItems, n_items: int, p_value: float) -> Bounds:
    """Return the worst-case bounds of the win rate, mirrored exactly when the models are exchanged.

    Args:
        counted: folded items of the criterion.
        n_items: those and the missing ones.
        p_value: of the criterion's own test, which stands where nothing is missing.
    """
    if not n_items:
        return Bounds(low=None, high=None)
    won = float((np.rint(counted.column("credit") * GRID) / GRID).sum())
    lost = len(counted.items) - won
    missing = n_items - len(counted.items)
    least = round(min(won, lost) / n_items, DIGITS)
    most = round(1 - least, DIGITS) if won == lost else round((min(won, lost) + missing) / n_items, DIGITS)
    low, high = (least, most) if won <= lost else (round(1 - most, DIGITS), round(1 - least, DIGITS))
    p_low, p_high = (_p_value(counted, missing, credit) if missing else p_value for credit in (0, 1))
    return Bounds(low=low, high=high, p_value_low=p_low, p_value_high=p_high)


def _p_value(counted: CriterionItems, missing: int, credit: int) -> float:
    """Test for a preference with every missing item at one credit."""
    units = sum_by_cluster(counted.column("credit")[:, None] - HALF, counted.codes)[:, 0]
    return rounded_p(sign_flip(np.append(units, np.full(missing, credit - HALF)), seed=counted.basis.seed).p_value)
