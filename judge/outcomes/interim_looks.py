"""Interim looks of a run that may stop early: the items of each look, and the evidence so far."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import polars as pl

from judge.enums import Orders
from judge.outcomes.counted_items import pool
from judge.outcomes.rates import DIGITS, rounded_p
from judge.outcomes.tally import HALF, fold
from judge.schema import Frozen
from judge.stats.sequential import ALPHA, UnitCredits, confidence_sequence, is_decided, log_e_value, log_wealth

if TYPE_CHECKING:
    from judge.outcomes.counted_items import Subject
    from judge.outcomes.latest_judgments import LatestJudgments

LOOK_EVERY = 50


class Evidence(StrEnum):
    """What the looks of a run that may stop early are evidence of."""

    CREDITS = "credits"
    """the win rate: the mean credit of a"""
    SIGNS = "signs"
    """of runs made before: the share of units that lean to a, whatever their credit"""


class Stopping(Frozen):
    """The rule by which a run may stop early."""

    look_every: int = LOOK_EVERY
    """items from one look at the evidence to the next; whole clusters stay together"""
    alpha: float = ALPHA
    """the chance of calling equal models different, over all looks together"""
    cluster: str | None = None
    """the field whose values make clusters; None: items that share an image"""
    evidence: Evidence = Evidence.SIGNS
    """what the looks are over"""


class LookPanel(NamedTuple):
    """The judges of a look and the requests that each item needs."""

    judges: Sequence[str]
    orders: Orders
    samples: int
    criterion: str
    """the one that decides"""

    @property
    def requests(self) -> int:
        """Number of requests per item."""
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
    """Count wins, losses and missing items and sum credits, one row a look.

    A unit leans to the model with more than half of the credit of those of its items that have one. An item whose
    verdicts failed has none: it leans to nobody, and is neither a tie nor a loss.

    Args:
        planned: rows of `plan_looks`, all of them or those of some looks.
        said: on the panel's criterion, rows of `LatestJudgments.on` in any order.
        panel: who was to judge each item.

    Returns:
        Columns look, n_items, missing (items without credit), complete (every request was answered or failed), wins
        and losses (units that lean to a and to b), sums and sizes (lists over units: their credit, and how many of
        their items have one), sorted by look.
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
    excess = (pl.col("sums") - HALF * pl.col("sizes")).round(9)
    leaning = (
        items.group_by("look", "unit", maintain_order=True)
        .agg(sums=pl.col("credit").sum(), sizes=pl.col("credit").count().cast(pl.Float64))
        .group_by("look")
        .agg("sums", "sizes", wins=(excess > 0).sum(), losses=(excess < 0).sum())
    )
    counts = items.group_by("look").agg(
        n_items=pl.len(), missing=pl.col("credit").is_null().sum(), complete=pl.col("done").all()
    )
    columns = ("look", "n_items", "missing", "complete", "wins", "losses", "sums", "sizes")
    return counts.join(leaning, on="look").sort("look").select(columns)


def largest_unit(planned: pl.DataFrame) -> float:
    """Return the number of items of the largest unit of a plan, rows of `plan_looks`."""
    return float(max(Counter(planned["unit"]).values(), default=1))


def lead(units: UnitCredits) -> float:
    """Return by how much the credits of a exceed half of the items."""
    return float(units.sums.sum() - HALF * units.sizes.sum())


def evidence_of(followed: pl.DataFrame, rule: Stopping, largest: float) -> UnitCredits:
    """Return the units of looks as the rule counts them.

    Args:
        followed: rows of `follow`.
        rule: of the run.
        largest: items of the plan's largest unit.
    """
    if rule.evidence is Evidence.CREDITS:
        sums, sizes = (followed[name].explode().drop_nulls().to_numpy() for name in ("sums", "sizes"))
        return UnitCredits(sums, sizes, largest)
    wins, losses = int(followed["wins"].sum()), int(followed["losses"].sum())
    return UnitCredits(np.repeat([1.0, 0.0], [wins, losses]), np.ones(wins + losses), 1.0)


class Sequential(Frozen):
    """What the looks of a run that may stop early show on the overall criterion."""

    decided: bool
    """whether the evidence decides for a model"""
    winner: Literal["a", "b"] | None
    """null where undecided, and where later looks of a judge alone lean the other way"""
    n_looks: int
    """looks whose items all have their verdicts or failed; the evidence is theirs"""
    n_looks_planned: int
    """looks that the run would have without stopping"""
    items_asked: int
    """items of those looks"""
    items_planned: int
    """items of the whole run"""
    items_missing: int
    """among the asked: they have no credit, and count for neither model"""
    wins: int
    """units (clusters, or items) that lean to a"""
    losses: int
    """units that lean to b"""
    log10_e: float
    """of the evidence against equal models at the last look"""
    p_value: float
    """valid at any look: one over the greatest evidence that any look showed"""
    evidence: Evidence = Evidence.SIGNS
    """what the rule, `estimate`, `low` and `high` are of: `credits`, the win rate of a over items; `signs`, in
    runs made before, wins / (wins + losses)"""
    estimate: float | None = None
    """null before the first"""
    low: float
    """lower end of its confidence sequence, of level 1 - alpha over all looks together"""
    high: float
    """its upper end"""
    alpha: float
    """the chance of calling equal models different, over all looks"""
    look_every: int
    """items from one look to the next"""
    cluster: str | None
    """the field whose values make units; null: items that share an image"""


class InterimLooks(NamedTuple):
    """A run's rule with its planned looks, rows of `plan_looks`."""

    rule: Stopping
    planned: pl.DataFrame
    samples: int


class Stopped(NamedTuple):
    """Results of the looks: of the panel, and of each judge alone."""

    together: Sequential
    alone: dict[str, Sequential]


def follow_all(looks: InterimLooks, latest: LatestJudgments, subject: Subject) -> Stopped:
    """Follow the looks of a run, for the whole panel and for each judge."""
    overall = subject.criteria[-1]
    said = latest.on(overall)

    largest = largest_unit(looks.planned)

    def of(judges: Sequence[str]) -> Sequential:
        panel = LookPanel(judges, subject.orders, looks.samples, overall)
        return read_looks(follow(looks.planned, said, panel), looks.rule, largest)

    return Stopped(of(subject.judges), {judge: of([judge]) for judge in subject.judges})


def read_looks(by_look: pl.DataFrame, rule: Stopping, largest: float) -> Sequential:
    """Evaluate the complete looks before the first incomplete one.

    A judge alone may have seen looks beyond the one that would have decided, and may lean the other way by then: that
    decides for nobody.

    Args:
        by_look: rows of `follow`, of every planned look.
        rule: of the run.
        largest: items of the plan's largest unit.
    """
    whole = by_look.filter(pl.col("complete").cast(pl.Int8).cum_min() == 1)
    evidence = evidence_of(whole, rule, largest)
    steps = [evidence_of(look, rule, largest) for look in whole.iter_slices(1)]
    wealth = list(accumulate((log_wealth(step) for step in steps), np.add))
    leads = list(accumulate(lead(step) for step in steps))
    logs = [log_e_value(one) for one in wealth]
    decided = [ahead for ahead, one in zip(leads, wealth, strict=True) if is_decided(one, alpha=rule.alpha)]
    sequence = confidence_sequence(evidence, alpha=rule.alpha)
    total = evidence.sizes.sum()
    return Sequential(
        decided=bool(decided),
        winner=("a" if leads[-1] > 0 else "b") if decided and decided[0] * leads[-1] > 0 else None,
        n_looks=len(whole),
        n_looks_planned=len(by_look),
        items_asked=int(whole["n_items"].sum()),
        items_planned=int(by_look["n_items"].sum()),
        items_missing=int(whole["missing"].sum()),
        wins=int(whole["wins"].sum()),
        losses=int(whole["losses"].sum()),
        log10_e=round((logs[-1] if logs else 0.0) / math.log(10), DIGITS) + 0.0,
        p_value=rounded_p(math.exp(-max([0.0, *logs]))),
        evidence=rule.evidence,
        estimate=round(float(evidence.sums.sum() / total), DIGITS) if total else None,
        low=round(sequence.low, DIGITS),
        high=round(sequence.high, DIGITS),
        alpha=rule.alpha,
        look_every=rule.look_every,
        cluster=rule.cluster,
    )


def asked_part(
    looks: InterimLooks, found: Sequential, latest: LatestJudgments, subject: Subject
) -> tuple[LatestJudgments, Subject]:
    """Return the judgments and the plan without the items that a decided run left out."""
    if not found.decided:
        return latest, subject
    asked = looks.planned.filter(pl.col("look") < found.n_looks)["item"]
    identical = sorted({*subject.identical} & {*asked})
    features = subject.features
    if features is not None:
        features = features._replace(items=features.items.filter(pl.col("item").is_in(asked.implode())))
    part = subject._replace(n_items=len(asked), n_identical=len(identical), identical=identical, features=features)
    return latest.about(asked), part
