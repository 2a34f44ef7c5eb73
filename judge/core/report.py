"""Turn folded verdicts into the report: the numbers and the words that go with them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.core.planning import Orders
from judge.core.stats.intervals import N_RESAMPLES, Method, Rates, bootstrap, collapse
from judge.core.tally import HALF, Settled, fold, identical_items, verdict_rows
from judge.schema import Failed, Frozen, Outcome, Usage, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA_VERSION = 1
LEVEL = 0.95
DIGITS = 6
NEARLY_ALWAYS = 0.9
"""a judge that picks one slot in this share of its decisions, or more, is called out"""


class Estimate(Frozen):
    """A rate in [0, 1] with its interval; null where nothing was counted."""

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    """how many items (for `first_slot`: decisive verdicts) the rate is over"""


class Shares(Frozen):
    """The outcomes as shares of the items in the rate."""

    wins_a: Estimate
    wins_b: Estimate
    ties: Estimate
    splits: Estimate


class OrderRates(Frozen):
    """The win rate of a in each order."""

    forward: Estimate
    swapped: Estimate


class CriterionReport(Frozen):
    """One criterion: wins_a + wins_b + ties + splits + missing = the report's n_items."""

    win_rate: Estimate
    """mean credit of a; a tie or a split counts half"""
    consistent_only: Estimate
    """wins of a in both orders, with ties and splits counted half"""
    consistency: Estimate
    """share of items whose two orders agree; identical traces, never judged, are left out"""
    first_slot: Estimate
    """share of decisive verdicts that picked the trace shown first"""
    wins_a: int
    wins_b: int
    ties: int
    splits: int
    missing: int
    identical: int
    """among the ties: items with byte-identical traces, which needed no call"""
    cannot_judge: int
    """among the missing: items where a judge said that it cannot judge, and no call failed"""
    shares: Shares
    by_order: OrderRates
    chance_consistency: float | None
    """consistency of a judge with the same verdicts by slot that ignores what the traces say"""
    signal: bool | None
    """false: these verdicts cannot be told from those of a judge that ignores the traces"""


class Models(Frozen):
    """Whose traces were compared."""

    a: str
    b: str


class IntervalSettings(Frozen):
    """How every interval of the report was made."""

    method: Method
    level: float
    n_resamples: int
    seed: int


class Report(Frozen):
    """Everything that a person is told about a run; derived from its folder alone."""

    schema_version: int
    models: Models
    judges: tuple[str, ...]
    prompt: str | None
    rubric: str
    orders: Orders
    samples: int
    n_items: int
    n_judgments: int
    n_failed: int
    n_not_asked: int
    n_identical: int
    left_out: dict[str, int]
    """items that were not compared, by reason"""
    failures: dict[str, int]
    interval: IntervalSettings
    criteria: dict[str, CriterionReport]
    by_judge: dict[str, dict[str, CriterionReport]]
    """per judge, where a panel has several"""
    tokens: dict[str, Usage]
    """what each judge's replies were billed for, failed ones included"""
    warnings: tuple[str, ...]


class Subject(NamedTuple):
    """What was planned: the facts of a run that its verdicts do not tell."""

    judges: Sequence[str]
    criteria: Sequence[str]
    orders: Orders
    n_items: int
    n_identical: int


def criterion_reports(
    verdicts: pl.DataFrame, subject: Subject, *, method: Method, seed: int
) -> dict[str, CriterionReport]:
    """Fold verdicts and report each criterion, in the rubric's order."""
    folded = fold(verdicts, judges=subject.judges, orders=subject.orders)
    undecided = _undecided_items(verdicts)
    reports = {}
    for name in subject.criteria:
        items = folded.filter(pl.col("criterion") == name)
        cannot_judge = undecided.filter(pl.col("criterion") == name).join(items, on="item", how="anti").height
        reports[name] = _criterion(items, subject, cannot_judge=cannot_judge, method=method, seed=seed)
    return reports


def _undecided_items(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return the items where a judge said cannot_judge and no call failed, per criterion."""
    verdict = pl.col("verdict")
    return (
        verdicts.group_by("criterion", "item")
        .agg(undecided=(verdict == Verdict.CANNOT_JUDGE.value).any(), failed=verdict.is_null().any())
        .filter(pl.col("undecided") & ~pl.col("failed"))
    )


def _criterion(
    items: pl.DataFrame, subject: Subject, *, cannot_judge: int, method: Method, seed: int
) -> CriterionReport:
    counted = pl.concat([items, identical_items(subject.n_identical)], how="diagonal")
    outcomes = {outcome: int((counted["outcome"] == outcome.value).sum()) for outcome in Outcome}
    rates = _rates(counted, method=method, seed=seed)
    chance = _chance_consistency(items, subject.orders)
    return CriterionReport(
        win_rate=rates["win_rate"],
        consistent_only=rates["consistent_only"],
        consistency=rates["consistency"],
        first_slot=rates["first_slot"],
        wins_a=outcomes[Outcome.A],
        wins_b=outcomes[Outcome.B],
        ties=outcomes[Outcome.TIE],
        splits=outcomes[Outcome.SPLIT],
        missing=subject.n_items - len(counted),
        identical=subject.n_identical,
        cannot_judge=cannot_judge,
        shares=Shares(**{name: rates[name] for name in Shares.model_fields}),
        by_order=OrderRates(forward=rates["forward"], swapped=rates["swapped"]),
        chance_consistency=chance,
        signal=_signal(rates["consistency"], rates["first_slot"], chance),
    )


def _ratios() -> dict[str, tuple[pl.Expr, pl.Expr]]:
    """Return each rate as numerator and denominator of a folded item; sorted patterns follow this order."""
    outcome, one = pl.col("outcome"), pl.lit(1.0)
    agreed = pl.when(outcome == Outcome.A.value).then(1.0).when(outcome == Outcome.B.value).then(0.0).otherwise(HALF)
    return {
        "forward": (pl.col("forward"), pl.col("forward").is_not_null()),
        "swapped": (pl.col("swapped"), pl.col("swapped").is_not_null()),
        "win_rate": (pl.col("credit"), one),
        "consistent_only": (agreed, one),
        "consistency": (pl.col("consistent"), pl.col("consistent").is_not_null()),
        "first_slot": (pl.col("first_picks"), pl.col("decisive")),
        "wins_a": (outcome == Outcome.A.value, one),
        "wins_b": (outcome == Outcome.B.value, one),
        "ties": (outcome == Outcome.TIE.value, one),
        "splits": (outcome == Outcome.SPLIT.value, one),
    }


def _rates(items: pl.DataFrame, *, method: Method, seed: int) -> dict[str, Estimate]:
    """Estimate every rate of a criterion from one pass of weights over its items."""
    ratios = _ratios()
    numerators, denominators = (
        items.select(
            [ratio[part].cast(pl.Float64).fill_null(0.0).alias(name) for name, ratio in ratios.items()]
        ).to_numpy()
        for part in (0, 1)
    )
    rates = bootstrap(collapse(numerators, denominators), method=method, level=LEVEL, seed=seed)
    totals = denominators.sum(axis=0)
    return {name: _estimate(rates, index, totals[index]) for index, name in enumerate(ratios)}


def _estimate(rates: Rates, index: int, total: float) -> Estimate:
    values = {name: _rounded(getattr(rates, name)[index]) for name in Rates._fields}
    return Estimate(**values, n=round(total))


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), DIGITS)


def _chance_consistency(items: pl.DataFrame, orders: Orders) -> float | None:
    """Return how often two orders agree by chance when verdicts depend on the slot alone.

    With shares f, s and t of first, second and tie among the verdicts, the orders agree when one says first and the
    other second, or both say tie: 2 f s + t t.
    """
    if orders is Orders.ONE or items.is_empty():
        return None
    first, decisive = int(items["first_picks"].sum()), int(items["decisive"].sum())
    total = int(items["n_verdicts"].sum())
    f, s, t = first / total, (decisive - first) / total, (total - decisive) / total
    return round(2 * f * s + t * t, DIGITS)


def _signal(consistency: Estimate, first_slot: Estimate, chance: float | None) -> bool | None:
    """Tell whether the orders agree more than a judge that ignores the traces would make them agree."""
    if chance is None or consistency.low is None:
        return None
    one_slot = first_slot.estimate is not None and not 1 - NEARLY_ALWAYS < first_slot.estimate < NEARLY_ALWAYS
    return consistency.low > chance and not one_slot


def signal_warnings(reports: Mapping[str, CriterionReport], judge: str) -> list[str]:
    """Say in words, criterion by criterion, where a judge shows no signal."""
    silent = [name for name, report in reports.items() if report.signal is False]
    if not silent:
        return []
    text = (
        f"Judge {judge} shows no signal on {', '.join(silent)}: its verdicts cannot be told from those of a judge that "
        "ignores what the traces say (orders agree no more than by chance, or one slot is nearly always picked). "
        "Draw no conclusion about the models from these rates."
    )
    return [text]


class Facts(NamedTuple):
    """What the manifest of a run says, as far as its report repeats it."""

    models: Models
    prompt: str | None
    rubric: str
    samples: int
    seed: int
    left_out: dict[str, int]


def build_report(settled: Settled, subject: Subject, facts: Facts, *, method: Method) -> Report:
    """Derive the whole report from the judgments of a run."""
    verdicts = verdict_rows(settled.judgments, subject.criteria)
    failed = Counter(j.result.failure.value for j in settled.judgments if isinstance(j.result, Failed))
    by_judge = {
        judge: criterion_reports(
            verdicts.filter(pl.col("judge") == judge), subject._replace(judges=[judge]), method=method, seed=facts.seed
        )
        for judge in subject.judges
    }
    panel = len(subject.judges) > 1
    warnings = [text for judge, reports in by_judge.items() for text in signal_warnings(reports, judge)]
    return Report(
        schema_version=SCHEMA_VERSION,
        models=facts.models,
        judges=tuple(subject.judges),
        prompt=facts.prompt,
        rubric=facts.rubric,
        orders=subject.orders,
        samples=facts.samples,
        n_items=subject.n_items,
        n_judgments=len(settled.judgments),
        n_failed=failed.total(),
        n_not_asked=max(0, _planned(subject, facts.samples) - len(settled.judgments)) if facts.prompt else 0,
        n_identical=subject.n_identical,
        left_out=facts.left_out,
        failures=dict(sorted(failed.items())),
        interval=IntervalSettings(method=method, level=LEVEL, n_resamples=N_RESAMPLES, seed=facts.seed),
        criteria=criterion_reports(verdicts, subject, method=method, seed=facts.seed)
        if panel
        else by_judge[subject.judges[0]],
        by_judge=by_judge if panel else {},
        tokens=settled.usage,
        warnings=tuple(warnings),
    )


def _planned(subject: Subject, samples: int) -> int:
    """Return how many requests the run consists of."""
    orders = 2 if subject.orders is Orders.BOTH else 1
    return (subject.n_items - subject.n_identical) * orders * samples * len(subject.judges)
