"""A second judge for doubtful items: which they are, and the verdicts of both together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.outcomes.rates import Estimate
from judge.outcomes.tally import fold, side
from judge.schema import Frozen, Outcome

if TYPE_CHECKING:
    from judge.enums import Orders
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.report.criterion import CriterionReport


class EscalationReport(Frozen):
    """What was escalated in a run, and what its first judge alone shows."""

    first: str
    """the judge of all items"""
    second: str
    """the judge of the doubtful ones, whose verdicts on them count alone"""
    n_escalated: int
    """items that the second judge was to be asked about, by the rule in the manifest"""
    n_not_asked: int
    """among them: not asked yet; the first judge's verdicts count so far"""
    first_alone: dict[str, Estimate]
    """by criterion, the win rate of a by the first judge alone"""


class FirstJudge(NamedTuple):
    """The first judge of a run that escalates doubtful items to a second one."""

    name: str
    second: str
    """name of the second judge"""
    latest: LatestJudgments
    """the first judge's judgments of all items"""
    n_escalated: int
    n_not_asked: int

    def report(self, alone: Mapping[str, CriterionReport]) -> EscalationReport:
        """Report what was escalated; `alone` are the criteria by the first judge alone."""
        return EscalationReport(
            first=self.name,
            second=self.second,
            n_escalated=self.n_escalated,
            n_not_asked=self.n_not_asked,
            first_alone={name: row.win_rate for name, row in alone.items()},
        )


def together(first: str, second: str) -> str:
    """Return how reports call two judges of whom the second has the doubtful items."""
    return f"{first}, doubtful items by {second}"


def doubtful_items(latest: LatestJudgments, criteria: Sequence[str], orders: Orders, items: Sequence[str]) -> list[str]:
    """Return the items that are escalated, in the order given.

    Those whose orders disagree on the last criterion, or that have no verdict on it, or whose winner on it has more of
    the other criteria against it than for it.

    Args:
        latest: the first judge's judgments.
        criteria: of the rubric.
        orders: in which each item was judged.
        items: that the judge was asked about.
    """
    *others, overall = criteria
    folded = fold(latest.on(overall), orders=orders).select("item", "outcome", leaning=side("credit"))
    for name in others:
        other = fold(latest.on(name), orders=orders).select("item", side("credit").alias(name))
        folded = folded.join(other, on="item", how="left")
    against = (
        pl.sum_horizontal(pl.col(name).fill_null(0) * pl.col("leaning") for name in others) if others else pl.lit(0)
    )
    sure = folded.filter((pl.col("outcome") != Outcome.SPLIT) & (against >= 0))
    kept = set(sure["item"])
    return [item for item in items if item not in kept]


def escalated(first: LatestJudgments, second: LatestJudgments, judge: str) -> LatestJudgments:
    """Return the judgments of two judges as those of one: of items that the second was asked about, its own alone.

    Args:
        first: of all items.
        second: of the doubtful ones.
        judge: how the two together are called.
    """
    places = max(int(first.requests["place"].max() or 0), int(first.verdicts["place"].max() or 0)) + 1  # type: ignore[arg-type]
    later = pl.col("place") + pl.lit(places, dtype=pl.UInt32)
    asked = second.requests["item"].unique()
    kept = first.requests.filter(~pl.col("item").is_in(asked.implode()))
    requests = pl.concat([kept, second.requests.with_columns(later)])
    return replace(
        first,
        requests=requests.with_columns(judge=pl.lit(judge).cast(pl.Categorical())),
        verdicts=pl.concat([first.verdicts, second.verdicts.with_columns(later)]),
        chances=pl.concat([first.chances, second.chances.with_columns(later)]),
    )


def escalation_clause(found: EscalationReport, n_items: int) -> str:
    """Return what the sentence to quote must add: by whom the doubtful items were judged, and how many they are."""
    left = f", {found.n_not_asked} of them not yet" if found.n_not_asked else ""
    share = f"{found.n_escalated} of {n_items} items, doubtful by a rule set beforehand,"
    return f"{share} were judged anew by {found.second}{left}"
