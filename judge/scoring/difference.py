"""Compare two models' checklist scores on the same items: paired differences, with intervals and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.outcomes.counted_items import CriterionItems, cluster_codes
from judge.outcomes.item_features import image_clusters
from judge.outcomes.rates import DIGITS, LEVEL, rounded, rounded_p
from judge.report.report import IntervalSettings, Models
from judge.schema import Frozen, Group
from judge.scoring.scores import FIGURES, PARTS
from judge.stats.clusters import HALF
from judge.stats.intervals import N_RESAMPLES
from judge.stats.significance import Conclusion, Distribution, conclude, holm

if TYPE_CHECKING:
    from judge.outcomes.rates import Basis

PRIMARY = "trace_score"


class Difference(Frozen):
    """A figure of a minus the same figure of b, over the items where both have it."""

    a: float | None
    """mean of a over these items"""
    b: float | None
    """mean of b"""
    estimate: float | None
    """a - b, in [-1, 1]"""
    low: float | None
    """lower end of the interval of a - b"""
    high: float | None
    """upper end"""
    se: float | None = None
    """standard error of a - b"""
    n: int
    """items where both have the figure"""
    p_value: float
    """of the sign-flip test over items or clusters that neither model is better"""
    p_method: Distribution
    """as in the report of a criterion"""
    p_adjusted: float
    """the same after Holm over all figures but the trace score, which was declared as primary and keeps its own"""
    verdict: Conclusion
    """of a, by the adjusted p-value"""


class ScoreDifference(Frozen):
    """Two scores of the same items, figure by figure."""

    models: Models
    """names of both"""
    n_items: int
    """items of both runs, with the same checklist"""
    n_only_a: int
    """items of a's run alone"""
    n_only_b: int
    """items of b's run alone"""
    n_other_checklist: int
    """items of both runs whose checklists differ: they are left out"""
    interval: IntervalSettings
    """how every interval was made"""
    groups: dict[Group, dict[str, Difference]]
    """by group: presence, correctness, consistency, score"""
    trace_score: Difference
    """the primary figure"""
    answer_accuracy: Difference
    """share of right final answers"""
    right_and_grounded: Difference
    """share of right answers whose rationale units are all in order"""


class _Test(NamedTuple):
    credits: CriterionItems
    p_value: float
    method: Distribution


def compare_scores(a: pl.DataFrame, b: pl.DataFrame, models: Models, basis: Basis) -> ScoreDifference:
    """Compare two runs; exchanging them mirrors every digit.

    Args:
        a: rows of `Scores.items` of the one.
        b: of the other.
        models: their names.
        basis: how intervals are made (see `SCORE_METHOD`): of the credits (1 + a - b) / 2, which are in [0, 1].
    """
    both = a.join(b, on="item", suffix="_b").sort("item")
    paired = both.filter(pl.col("checklist") == pl.col("checklist_b"))
    counted = _clustered(paired, basis)
    tests = {name: _test(counted, name) for name in FIGURES}
    others = [name for name in FIGURES if name != PRIMARY]
    adjusted = dict(zip(others, holm(np.array([tests[name].p_value for name in others])).tolist(), strict=True))
    found = {name: _difference(name, test, adjusted.get(name, test.p_value)) for name, test in tests.items()}
    return ScoreDifference(
        models=models,
        n_items=len(paired),
        n_only_a=len(a) - len(both),
        n_only_b=len(b) - len(both),
        n_other_checklist=len(both) - len(paired),
        interval=IntervalSettings(method=basis.method, level=LEVEL, n_resamples=N_RESAMPLES, seed=basis.seed),
        groups={group: {part: found[f"{group}_{part}"] for part in PARTS} for group in Group},
        **{name: found[name] for name in ("trace_score", "answer_accuracy", "right_and_grounded")},
    )


def _clustered(paired: pl.DataFrame, basis: Basis) -> CriterionItems:
    """Join the clusters of both runs: items that share one in either run share one."""
    named = [
        tuple(f"{run}{own}" for run, own in enumerate(clusters) if own is not None)
        for clusters in paired.select("cluster", "cluster_b").iter_rows()
    ]
    clusters = image_clusters(named) or [None] * len(paired)
    items = paired.with_columns(cluster=pl.Series(clusters, dtype=pl.String))
    return CriterionItems(items, cluster_codes(items), basis)


def _test(counted: CriterionItems, name: str) -> _Test:
    """Test a figure over the items where both have it; their `credit` is 1/2 where a and b are equal."""
    credit = (1 + pl.col(name) - pl.col(f"{name}_b")) / 2
    with_credit = counted._replace(items=counted.items.with_columns(credit=credit))
    credits_ = with_credit.where(pl.col("credit").is_not_null())
    tested = credits_.sign_flip(credits_.column("credit") - HALF)
    return _Test(credits_, tested.p_value, tested.distribution)


def _difference(name: str, test: _Test, p_adjusted: float) -> Difference:
    rate = test.credits.mean("credit", complement=True)
    ends = {"estimate": rate.estimate, "low": rate.low, "high": rate.high}
    means = {side: test.credits.column(column) for side, column in (("a", name), ("b", f"{name}_b"))}
    return Difference(
        **{side: rounded(values.mean()) if len(values) else None for side, values in means.items()},
        **{end: None if value is None else round(2 * value - 1, DIGITS) + 0.0 for end, value in ends.items()},
        se=None if rate.se is None else round(2 * rate.se, DIGITS),
        n=round(rate.n),
        p_value=rounded_p(test.p_value),
        p_method=test.method,
        p_adjusted=rounded_p(p_adjusted),
        verdict=Conclusion.INCONCLUSIVE if rate.estimate is None else conclude(rate.estimate, p_adjusted),
    )
