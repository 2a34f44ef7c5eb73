"""Plan a comparison: how many items and calls a target needs, by formula and by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.planning.power import (
    N_RUNS,
    TOLERANCE,
    Units,
    cluster_correlation,
    clustered_units,
    design_effect,
    is_reachable,
    items_as_units,
    items_for_half_width,
    items_needed,
    pilot_units,
    smallest_with_power,
    tilted,
)
from judge.schema import Frozen, Outcome
from judge.stats.clusters import HALF

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems

TABLE_WIN_RATES = (0.52, 0.55, 0.6, 0.65, 0.7, 0.8)
TABLE_POWERS = (0.8, 0.9)
DIGITS = 6


class Needed(Frozen):
    """What it takes to find one win rate, the smallest number that has the power in simulation.

    Null where no number of items has it.
    """

    win_rate: float
    power: float
    items: int | None
    clusters: int | None
    calls: int | None
    simulated_power: float | None = None


class Precision(Frozen):
    """What it takes for an interval of one width."""

    half_width: float
    items: int
    calls: int


class PilotFindings(Frozen):
    """What a pilot run showed of one criterion."""

    run: str
    criterion: str
    n_items: int
    n_clusters: int | None
    win_rate: float


class PowerPlan(Frozen):
    """How many items and calls a target needs."""

    win_rate: float | None
    """the target: of a, over items whose orders agree where `consistency` was given; null: none was set"""
    resolved_win_rate: float | None
    """the same over all items, where a split counts half"""
    ties: float
    """share of items that end at half a credit, ties and splits together"""
    consistency: float | None
    """share of items whose two orders agree; null with one order"""
    spread: float
    """mean squared distance of an item's credit from 1/2"""
    cluster_size: float
    icc: float
    design_effect: float
    power: float
    alpha: float
    calls_per_item: int
    reps: int
    seed: int
    needed: Needed | None
    """for the target"""
    precision: Precision | None
    table: tuple[Needed, ...]
    """for usual win rates, where no target was set"""
    pilot: PilotFindings | None
    notes: tuple[str, ...]


class Target(NamedTuple):
    """The effect to find, with power and level."""

    win_rate: float | None = None
    power: float = 0.8
    alpha: float = 0.05
    half_width: float | None = None


class Effort(NamedTuple):
    """Calls per item, and the size of the simulation."""

    calls_per_item: int
    reps: int = N_RUNS
    seed: int = 0


class PlanBasis(NamedTuple):
    """Assumptions about the items to come, from numbers or from a pilot."""

    ties: float
    consistency: float | None
    spread: float
    cluster_size: float
    icc: float
    resolve: Callable[[float], float]
    """the win rate over all items that follows from the one that a person names"""
    units: Callable[[float], Units]
    """the units of a comparison with such a resolved win rate; ValueError where it is out of reach"""
    pilot: PilotFindings | None = None
    notes: tuple[str, ...] = ()


def from_numbers(*, ties: float, consistency: float, cluster_size: int, icc: float) -> PlanBasis:
    """Assume items that are won, tied or lost; a split counts half, and so pulls the win rate to 1/2.

    Args:
        ties: share of ties among the items whose orders agree, in [0, 1).
        consistency: share of items whose orders agree, in (0, 1].
        cluster_size: items a cluster, at least 1.
        icc: correlation of two items' credits in a cluster, in [0, 1].
    """
    half = 1 - consistency * (1 - ties)

    def units(win_rate: float) -> Units:
        if not is_reachable(win_rate, (1 - half) / 4):
            raise ValueError(f"a win rate of {win_rate:g} is out of reach with a share of ties and splits of {half:g}")
        items = items_as_units(win_rate, half)
        return items if cluster_size == 1 else clustered_units(items, cluster_size, icc)

    return PlanBasis(
        ties=round(half, DIGITS),
        consistency=consistency,
        spread=round((1 - half) / 4, DIGITS),
        cluster_size=cluster_size,
        icc=icc,
        resolve=lambda win_rate: round(HALF + consistency * (win_rate - HALF), DIGITS),
        units=units,
    )


def from_pilot(counted: CriterionItems, *, run: str, criterion: str, stopped: bool) -> PlanBasis:
    """Assume items like those of a pilot.

    Args:
        counted: the pilot's items of one criterion, at least one.
        run: the pilot's name.
        criterion: the criterion's name.
        stopped: whether the pilot stopped when it was decided.
    """
    credit, codes = counted.column("credit"), counted.codes
    pilot = pilot_units(credit, codes)
    own = round(float(credit.mean()), DIGITS)
    outcome = counted.items["outcome"]
    consistent = counted.column("consistent")
    sizes = np.ones(len(credit)) if codes is None else np.bincount(codes)
    notes = [
        (
            "A pilot overestimates: what looked good enough to follow up was partly luck. Plan for a smaller win rate "
            "with --win-rate; the pilot's ties, splits and clusters are kept."
        )
    ]
    if stopped:
        notes.append("This pilot stopped when it was decided: its win rate is biased away from 50 % all the more.")
    return PlanBasis(
        ties=round(float(np.isin(outcome, [Outcome.TIE.value, Outcome.SPLIT.value]).sum()) / len(credit), DIGITS),
        consistency=None if np.isnan(consistent).all() else round(float(np.nanmean(consistent)), DIGITS),
        spread=round(float(((credit - HALF) ** 2).mean()), DIGITS),
        cluster_size=round(float(sizes @ sizes / sizes.sum()), DIGITS),
        icc=0.0 if codes is None else round(cluster_correlation(credit, codes), DIGITS),
        resolve=lambda win_rate: win_rate,
        units=lambda win_rate: pilot if win_rate == own else tilted(pilot, win_rate),
        pilot=PilotFindings(
            run=run,
            criterion=criterion,
            n_items=len(credit),
            n_clusters=None if codes is None else counted.n_units,
            win_rate=own,
        ),
        notes=tuple(notes),
    )


def make_plan(ground: PlanBasis, target: Target, effort: Effort) -> PowerPlan:
    """Work out what a target needs; a pilot's own win rate is the target where none was set.

    Raises:
        ValueError: the target is 1/2, or out of reach.
    """
    win_rate = target.win_rate
    if win_rate is None and ground.pilot is not None and ground.pilot.win_rate != HALF:
        win_rate = ground.pilot.win_rate
    effect = design_effect(ground.cluster_size, ground.icc)
    resolved = None if win_rate is None else ground.resolve(win_rate)
    needed = None if win_rate is None else _needed(ground, target, effort, win_rate)
    return PowerPlan(
        win_rate=win_rate,
        resolved_win_rate=resolved,
        ties=ground.ties,
        consistency=ground.consistency,
        spread=ground.spread,
        cluster_size=ground.cluster_size,
        icc=ground.icc,
        design_effect=round(effect, DIGITS),
        power=target.power,
        alpha=target.alpha,
        calls_per_item=effort.calls_per_item,
        reps=effort.reps,
        seed=effort.seed,
        needed=needed,
        precision=_precision(ground, target, effort, resolved),
        table=() if target.win_rate is not None else _table(ground, target, effort),
        pilot=ground.pilot,
        notes=ground.notes,
    )


def _needed(ground: PlanBasis, target: Target, effort: Effort, win_rate: float) -> Needed:
    """Return the smallest number of units whose simulated power reaches the target, and the items in them."""
    resolved = ground.resolve(win_rate)
    units, is_clustered = ground.units(resolved), ground.cluster_size > 1
    effect = design_effect(ground.cluster_size, ground.icc)
    by_formula = items_needed(resolved, spread=ground.spread, power=target.power, alpha=target.alpha, effect=effect)
    near = math.ceil(by_formula / units.mean_size)
    found = smallest_with_power(units, target.power, near, alpha=target.alpha, n_runs=effort.reps, seed=effort.seed)
    items = math.ceil(found.n_units * units.mean_size - TOLERANCE)
    return Needed(
        win_rate=win_rate,
        power=target.power,
        items=items,
        clusters=found.n_units if is_clustered else None,
        calls=items * effort.calls_per_item,
        simulated_power=round(found.power, DIGITS),
    )


def _precision(ground: PlanBasis, target: Target, effort: Effort, resolved: float | None) -> Precision | None:
    """Return the items for the interval; without a win rate at the greatest variance, that of 1/2."""
    if target.half_width is None:
        return None
    variance = max(ground.spread - ((resolved or HALF) - HALF) ** 2, 0.0)
    effect = design_effect(ground.cluster_size, ground.icc)
    items = items_for_half_width(target.half_width, variance=variance, alpha=target.alpha, effect=effect)
    return Precision(half_width=target.half_width, items=items, calls=items * effort.calls_per_item)


def _table(ground: PlanBasis, target: Target, effort: Effort) -> tuple[Needed, ...]:
    rows = []
    for win_rate in TABLE_WIN_RATES:
        for power in TABLE_POWERS:
            try:
                rows.append(_needed(ground, target._replace(power=power), effort, win_rate))
            except ValueError:  # out of reach with so many ties
                rows.append(Needed(win_rate=win_rate, power=power, items=None, clusters=None, calls=None))
    return tuple(rows)
