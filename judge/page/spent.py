"""What replies cost from a run's first to its last, as curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from judge.costs.spending import cost_of
from judge.schema import Judgment, Price

MOST_POINTS = 240
"""of a curve: more than the eye tells apart"""
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
STEPS = (0.2, 0.5, 1, 2)
MOST_STEPS = 5
ROUNDING = 1e-9


class Spent(NamedTuple):
    """Running sums by judge."""

    unit: str
    """US dollars, or tokens where a price is unknown"""
    since: str
    """the time of the first reply"""
    curves: Mapping[str, str]
    """by judge: points of a polyline, right and down from the upper left corner, in percent"""
    along: list[tuple[float, str]]
    """ticks of the time: where, in percent from the left, and what"""
    up: list[tuple[float, str]]
    """ticks of the sum: where, in percent from the bottom, and what"""


def spent(judgments: Iterable[Judgment], prices: Mapping[str, Price]) -> Spent | None:
    """Return the running sums of a run's replies; None where they have no times, all have one, or cost nothing.

    Args:
        judgments: all of a run, those that do not count included.
        prices: by judge.
    """
    dated = [
        (datetime.fromisoformat(one.time), one.judge, cost_of(one, prices), _tokens(one))
        for one in judgments
        if one.time is not None and one.replies
    ]
    dated.sort(key=lambda paid: paid[0])
    if not dated or not (span := (dated[-1][0] - dated[0][0]).total_seconds()):
        return None
    in_dollars = all(usd is not None for _, _, usd, _ in dated)
    sums: dict[str, list[tuple[float, float]]] = {judge: [(0.0, 0.0)] for _, judge, _, _ in dated}
    for when, judge, usd, tokens in dated:
        amount = float(usd or 0) if in_dollars else tokens
        sums[judge].append(((when - dated[0][0]).total_seconds(), sums[judge][-1][1] + amount))
    top = max(own[-1][1] for own in sums.values())
    if not top:
        return None
    unit = next(name for name in reversed(UNITS) if span >= 2 * UNITS[name] or name == "s")
    times = [(100 * at * UNITS[unit] / span, f"{at:g} {unit}") for at in _ticks(span / UNITS[unit])]
    amounts = [(100 * at / top, f"${at:g}" if in_dollars else f"{at:,.0f}") for at in _ticks(top)]
    curves = {judge: _points(own, span, top) for judge, own in sums.items()}
    return Spent("US dollars" if in_dollars else "tokens", f"{dated[0][0]:%Y-%m-%d %H:%M} UTC", curves, times, amounts)


def _tokens(judgment: Judgment) -> int:
    return sum(reply.usage.input + reply.usage.output for reply in judgment.replies)


def _points(sums: list[tuple[float, float]], span: float, top: float) -> str:
    """Return a curve that ends at the right edge, of at most some points."""
    kept = [*sums[:: -(-len(sums) // MOST_POINTS)], sums[-1], (span, sums[-1][1])]
    return " ".join(f"{100 * when / span:.2f},{100 - 100 * amount / top:.2f}" for when, amount in kept)


def _ticks(most: float) -> list[float]:
    """Return up to six round values from 0 on, the last no greater than the greatest."""
    power = 10.0 ** math.floor(math.log10(most))
    step = next(part * power for part in STEPS if most <= MOST_STEPS * part * power)
    return [step * number for number in range(int(most / step + ROUNDING) + 1)]
