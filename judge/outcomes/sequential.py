"""Interim looks at a growing run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import polars as pl

from judge.outcomes.estimates import rounded_p
from judge.outcomes.interim_looks import LookPanel, Stopping, follow
from judge.schema import Frozen
from judge.stats.sequential import confidence_sequence, is_decided, log_e_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.outcomes.counted_items import Subject
    from judge.outcomes.latest_judgments import LatestJudgments

DIGITS = 6


class Sequential(Frozen):
    """What the looks of a run that may stop early show on the overall criterion."""

    decided: bool
    """whether the evidence decides for a model"""
    winner: Literal["a", "b"] | None
    """null where undecided"""
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
    """of the evidence against equal chances at the last look"""
    p_value: float
    """valid at any look: one over the greatest evidence that any look showed"""
    low: float
    """lower end of the confidence sequence of wins / (wins + losses), of level 1 - alpha over all looks together"""
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
    """What the looks show of the panel, and of each judge alone."""

    together: Sequential
    alone: dict[str, Sequential]


def follow_all(looks: InterimLooks, latest: LatestJudgments, subject: Subject) -> Stopped:
    """Follow the looks of a run, for the whole panel and for each judge."""
    overall = subject.criteria[-1]
    said = latest.on(overall)

    def of(judges: Sequence[str]) -> Sequential:
        panel = LookPanel(judges, subject.orders, looks.samples, overall)
        return read_looks(follow(looks.planned, said, panel), looks.rule)

    return Stopped(of(subject.judges), {judge: of([judge]) for judge in subject.judges})


def read_looks(by_look: pl.DataFrame, rule: Stopping) -> Sequential:
    """Read the evidence of the complete looks before the first that is not.

    Args:
        by_look: rows of `looks.follow`, of every planned look.
        rule: of the run.
    """
    whole = by_look.filter(pl.col("complete").cast(pl.Int8).cum_min() == 1)
    steps = whole.select(pl.col("wins", "losses").cum_sum()).rows()
    crossing = [(wins, losses) for wins, losses in steps if is_decided(wins, losses, alpha=rule.alpha)]
    wins, losses = steps[-1] if steps else (0, 0)
    evidence = max([0.0, *(log_e_value(*step) for step in steps)])
    sequence = confidence_sequence(wins, losses, alpha=rule.alpha)
    return Sequential(
        decided=bool(crossing),
        winner=("a" if crossing[0][0] > crossing[0][1] else "b") if crossing else None,
        n_looks=len(whole),
        n_looks_planned=len(by_look),
        items_asked=int(whole["n_items"].sum()),
        items_planned=int(by_look["n_items"].sum()),
        items_missing=int(whole["missing"].sum()),
        wins=wins,
        losses=losses,
        log10_e=round(log_e_value(wins, losses) / math.log(10), DIGITS) + 0.0,
        p_value=rounded_p(math.exp(-evidence)),
        low=round(sequence.low, DIGITS),
        high=round(sequence.high, DIGITS),
        alpha=rule.alpha,
        look_every=rule.look_every,
        cluster=rule.cluster,
    )


def asked_part(
    looks: InterimLooks, found: Sequential, latest: LatestJudgments, subject: Subject
) -> tuple[LatestJudgments, Subject]:
    """Return the judgments and the subject without the items that a decided run did not ask, by its own decision."""
    if not found.decided:
        return latest, subject
    asked = looks.planned.filter(pl.col("look") < found.n_looks)["item"]
    identical = sorted({*subject.identical} & {*asked})
    features = subject.features
    if features is not None:
        features = features._replace(items=features.items.filter(pl.col("item").is_in(asked.implode())))
    part = subject._replace(n_items=len(asked), n_identical=len(identical), identical=identical, features=features)
    return latest.about(asked), part
