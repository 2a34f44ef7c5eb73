"""Position bias and length bias of a criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl
from pydantic import Field

from judge.outcomes.rates import (
    DIGITS,
    Estimate,
    Figure,
    Ratio,
    estimate_rate,
    figure,
    is_mirror_first,
    rounded,
    rounded_p,
)
from judge.outcomes.tally import HALF, ORDERS, SIDED
from judge.schema import Frozen
from judge.stats.agreement import cohen_kappa
from judge.stats.alpaca_length import alpaca_length_controlled
from judge.stats.length import NotIdentified, length_adjusted, longer_wins, matched_win_rate
from judge.stats.position import balanced_win_rate, decompose, splits

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems
    from judge.stats.alpaca_length import Difficulties
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

SIDES = 3
"""a, neither, b"""
ALPACA_EVAL = "length-controlled win rate (AlpacaEval 2)"
WITHOUT_GAMED = "win rate at equal length by difficulty (AlpacaEval's model without its gamed baselines)"
FINE = 9
"""digits that tell a credit from 1/2 but for the rounding of thirds"""


class PositionReport(Frozen):
    """What the slot a trace is shown in does to the verdicts on a criterion; null where it cannot be known."""

    first_slot: Estimate
    """share of decisive verdicts that picked the trace shown first"""
    to_first: int | None = None
    """splits that lean to the first slot; null with one order"""
    to_second: int | None = None
    """splits that lean to the second slot"""
    p_value: float | None = None
    """of one against the other, by exact sign-flip over units"""
    kappa: Figure | None = None
    """Cohen's kappa between the sides that the two orders are on"""
    preference: Figure | None = None
    """log-odds of a verdict for a, net of the slot"""
    slot_effect: Figure | None = None
    """what being shown first adds to them"""
    win_rate: Figure | None
    """of a, net of the slot: from the preference, or with one order the mean of the two halves"""


class LengthAdjustedReport(Frozen):
    """The win rate of a at equal length, by fractional logistic regression."""

    win_rate: Figure
    """of a, were both traces of the same length"""
    preference: Figure
    """the same as log-odds"""
    length_effect: Figure
    """log-odds for a longer trace, per standard deviation of the log length ratio"""


class AlpacaLengthReport(Frozen):
    """AlpacaEval's length-controlled win rate of a, by its difficulties; its error there is none of the estimate."""

    name: str
    """what it may be called: AlpacaEval's own name only where the file has its gamed baselines"""
    win_rate: float
    """of a, at the same length as b"""
    preference: float
    """log-odds at that length and a difficulty of 0"""
    length_effect: float
    """log-odds for a longer trace of b, by tanh of the difference in standard deviations"""
    difficulty_effect: float
    """log-odds per unit of difficulty"""
    n: int
    """items whose lengths and difficulties are known"""


class LengthReport(Frozen):
    """How far the length of a trace goes with winning on a criterion."""

    longer_wins: Estimate
    """share of wins, ties and equal lengths left out, that went to the longer trace"""
    matched: Estimate
    """win rate of a where neither trace is longer than 1.25 times the other"""
    matched_share: float | None
    """share of items that are matched so"""
    n: int
    """items in the rate whose lengths are known"""
    adjusted: LengthAdjustedReport | None
    """null where not asked for, or not identified"""
    alpaca_eval: Annotated[AlpacaLengthReport | None, Field(exclude_if=lambda found: found is None)] = None
    """of runs with `--difficulty`"""
    not_identified: str | None
    """why there is no adjusted rate, in words"""


def position(counted: CriterionItems, first_slot: Estimate) -> PositionReport:
    """Report the position bias of a criterion; identical traces, which nobody judged, are left out."""
    judged, of_models = counted.judged, counted.basis.of_models
    forward, swapped = (judged.column(name).round(FINE) for name in ORDERS)
    both = ~np.isnan(forward) & ~np.isnan(swapped)
    if not len(forward) or not both.all():
        credit = judged.column("credit")
        net = balanced_win_rate(credit, ~np.isnan(forward), judged.codes) if len(forward) and not both.any() else None
        return PositionReport(first_slot=first_slot, win_rate=net and of_models(figure(net)))
    on_forward, on_swapped = (judged.column(name).round(FINE) for name in SIDED)
    on = np.column_stack([sides(on_forward), sides(on_swapped)])
    directions = splits(on_forward, on_swapped, judged.codes, seed=judged.basis.seed)
    parts = decompose(forward, swapped, judged.codes)
    return PositionReport(
        first_slot=first_slot,
        to_first=directions.to_first,
        to_second=directions.to_second,
        p_value=rounded_p(directions.p_value),
        kappa=kappa_of_sides(on, SIDES - 1 - on[:, ::-1], judged.codes, seed=judged.basis.seed),
        preference=parts and of_models(figure(parts.preference)),
        slot_effect=parts and figure(parts.slot_effect),
        win_rate=parts and of_models(figure(parts.win_rate)),
    )


def sides(credit: Floats) -> Codes:
    """Return the side that each credit is on: 0 is a's, 1 neither's, 2 b's."""
    return np.asarray(1 - np.sign((credit - HALF).round(FINE)), dtype=np.intp)


def kappa_of_sides(
    on: Codes, mirrored: Codes, codes: Codes | None, *, seed: int, weights: Floats | None = None
) -> Figure:
    """Return Cohen's kappa of two raters, the same when the models are exchanged.

    Args:
        on: shape (items, 2), the sides that the raters are on.
        mirrored: the same with the models exchanged.
        codes: shape (items,), the code of each item's cluster; None where each item is its own.
        seed: of the bootstrap.
        weights: shape (items,), how many items each stands for; None where all were drawn alike.
    """
    cells = np.eye(SIDES * SIDES, dtype=np.int8)
    given, exchanged = (cells[both[:, 0] * SIDES + both[:, 1]] for both in (on, mirrored))
    one, other = (mirrored if is_mirror_first(given, exchanged, codes) else on).T
    return figure(cohen_kappa(one, other, SIDES, codes, weights=weights, seed=seed))


def _alpaca_length(known: CriterionItems, difficulties: Difficulties) -> AlpacaLengthReport | None:
    ids, numbers = known.items["item"].to_list(), known.items["index"].to_list()
    by = difficulties.by_item
    difficulty = np.array([by.get(id_, by.get(str(number), np.nan)) for id_, number in zip(ids, numbers, strict=True)])
    has = ~np.isnan(difficulty)
    part = known.part(has)
    credit, length_a, length_b = (part.column(name) for name in ("credit", "length_a", "length_b"))
    found = alpaca_length_controlled(credit, length_a, length_b, difficulty[has], difficulties.gamed)
    if found is None:
        return None
    name = ALPACA_EVAL if len(difficulties.gamed) else WITHOUT_GAMED
    return AlpacaLengthReport(
        name=name, n=int(has.sum()), **{field: round(value, DIGITS) for field, value in found._asdict().items()}
    )


def length(counted: CriterionItems, *, adjust: bool, difficulties: Difficulties | None = None) -> LengthReport | None:
    """Report how length goes with winning; None where no length is known.

    Args:
        counted: the items of a criterion.
        adjust: whether to estimate the win rate at equal length.
        difficulties: of AlpacaEval's instructions, for its own rate.
    """
    known = counted.where(pl.col("length_a").is_not_null())
    if not len(known.items):
        return None
    of_models = known.basis.of_models
    of_items = known.column("credit").round(FINE), known.column("length_a"), known.column("length_b")
    longer, matched = longer_wins(*of_items), matched_win_rate(*of_items)
    adjusted = length_adjusted(*of_items, known.codes) if adjust else None
    refused = adjusted.words if isinstance(adjusted, NotIdentified) else None
    return LengthReport(
        longer_wins=of_models(estimate_rate(Ratio(*longer), known.codes, known.basis)),
        matched=of_models(estimate_rate(Ratio(*matched, complement=True), known.codes, known.basis)),
        matched_share=rounded(matched.denominators.mean()),
        n=len(known.items),
        adjusted=None
        if adjusted is None or isinstance(adjusted, NotIdentified)
        else LengthAdjustedReport(**{name: of_models(figure(value)) for name, value in adjusted._asdict().items()}),
        alpaca_eval=None if difficulties is None else _alpaca_length(known, difficulties),
        not_identified=refused,
    )
