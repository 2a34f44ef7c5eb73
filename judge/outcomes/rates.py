"""Estimates of rates with intervals over units; exchanging the models mirrors every digit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from judge.enums import Method
from judge.schema import Frozen
from judge.stats.closed_form import ratio_errors, wilson
from judge.stats.clusters import collapse, sum_by_cluster
from judge.stats.intervals import Patterns, Rates, bootstrap

if TYPE_CHECKING:
    from judge.stats.agreement import Interval
    from judge.stats.closed_form import Coefficient
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

LEVEL = 0.95
DIGITS = 6
GRID = 2.0**30
"""credits are rounded to multiples of 1 / GRID, so that sums of them and of their complements are exact"""
STEPS = 10**DIGITS


class Estimate(Frozen):
    """A rate in [0, 1] with its interval; null where nothing was counted, the ends also where there is one cluster."""

    estimate: float | None
    """the rate"""
    low: float | None
    """lower end of its interval"""
    high: float | None
    """upper end"""
    n: int | float
    """how many items (for `first_slot`: decisive verdicts, of soft ones how many are expected) the rate is over"""
    numerator: float | None = None
    """what of them counts: the rate is numerator / n, but for rates corrected by labels or weighted"""
    se: float | None = None
    """standard error over units (items, or clusters), linearised as of a ratio of sums; of single items s / sqrt(n)"""


class Figure(Frozen):
    """A number that is no rate, with its interval; null where it is undefined."""

    estimate: float | None
    """the number"""
    low: float | None
    """lower end of its interval"""
    high: float | None
    """upper end"""
    se: float | None = None
    """standard error over units: in closed form; of coefficients of agreement, the deviation of the resamples"""


Rate = TypeVar("Rate", Estimate, Figure)


class Basis(NamedTuple):
    """Settings of every interval."""

    method: Method
    seed: int
    may_stop: bool = False
    """whether the number of items depends on what they show: then no interval of the models' rates would hold"""

    def of_models(self, rate: Rate) -> Rate:
        """Return a figure of the models (not of the judge): without its interval in a run that may stop early."""
        return rate.model_copy(update={"low": None, "high": None, "se": None}) if self.may_stop else rate


class Ratio(NamedTuple):
    """A rate as a ratio of sums of item columns, and its symmetry under exchange of the models."""

    numerators: Floats
    denominators: Floats
    complement: bool = False
    """it becomes 1 minus the rate named by `mirror`"""
    mirror: str | None = None
    """another rate of the same call; None: this one"""

    @classmethod
    def over_known(cls, values: Floats, *, complement: bool = False, mirror: str | None = None) -> Ratio:
        """Return the mean of item values over the items that have one; NaN: it has none."""
        return cls(np.nan_to_num(values), (~np.isnan(values)).astype(np.float64), complement, mirror)


class _Ends(NamedTuple):
    estimate: float
    low: float
    high: float
    se: float

    def flipped(self) -> _Ends:
        estimate, low, high = (round(1 - value, DIGITS) for value in (self.estimate, self.high, self.low))
        return _Ends(estimate, low, high, self.se)


def estimate_rate(ratio: Ratio, codes: Codes | None, basis: Basis) -> Estimate:
    """Estimate one rate over the items that it counts.

    Args:
        ratio: item columns.
        codes: shape (items,), the code of each item's cluster; None where each item is its own.
        basis: how its interval is made.
    """
    counts = ratio.denominators > 0
    own = ratio._replace(numerators=ratio.numerators[counts], denominators=ratio.denominators[counts])
    return estimate_rates({"rate": own}, None if codes is None else codes[counts], basis)["rate"]


def estimate_rates(
    ratios: Mapping[str, Ratio], codes: Codes | None, basis: Basis, counts: Floats | None = None
) -> dict[str, Estimate]:
    """Estimate rates jointly, from the same resampling weights (arguments as for `estimate_rate`).

    Where each item is its own, `counts` may tell how many items each row of the ratios stands for.

    Resampling is done for the greater of the two tables of patterns that the models have by either name, and turned
    round for the other: whoever is called a, the digits are the same.
    """
    names = list(ratios)
    numerators, denominators = (
        np.column_stack([np.rint(np.asarray(ratios[name][part], dtype=np.float64) * GRID) / GRID for name in names])
        for part in (0, 1)
    )
    given = collapse(sum_by_cluster(numerators, codes), sum_by_cluster(denominators, codes), counts)
    mirrored = _mirrored(given, ratios)
    comparison = _compare(given, mirrored)
    canonical = mirrored if comparison < 0 else given
    found = (*_intervals(canonical, basis, clustered=codes is not None), np.sqrt(ratio_errors(canonical).variance))
    ends = {name: _Ends(*(_rounded(values[index]) for values in found)) for index, name in enumerate(names)}
    if comparison < 0:
        ends = {name: _exchanged(name, ratios, ends) for name in names}
    elif comparison == 0:
        ends = _symmetric(ratios, ends)
    sums, totals = given.counts @ given.numerators, given.counts @ given.denominators
    return {name: _estimate(ends[name], sums[index], totals[index]) for index, name in enumerate(names)}


def is_mirror_first(given: Floats, mirrored: Floats, codes: Codes | None) -> bool:
    """Return whether the mirrored columns are the canonical ones: exchanging the models then gives the same digits."""
    tables = [collapse(units, units[:, :0]) for units in (sum_by_cluster(c, codes) for c in (given, mirrored))]
    return _compare(*tables) < 0


def rounded(value: float) -> float | None:
    """Round a number for the report; None where it is undefined."""
    return round(float(value), DIGITS) + 0.0 if np.isfinite(value) else None


def figure(numbers: Interval | Coefficient) -> Figure:
    """Round an estimate and its interval for the report."""
    return Figure(**{name: rounded(getattr(numbers, name)) for name in Figure.model_fields})


def rounded_p(value: float) -> float:
    """Round a p-value to six significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _intervals(patterns: Patterns, basis: Basis, *, clustered: bool) -> Rates:
    """Return the rates by the method asked for; without an interval where all items are in one cluster."""
    if basis.method is Method.WILSON:
        rates = wilson(patterns, level=LEVEL)
    else:
        rates = bootstrap(patterns, method=basis.method, level=LEVEL, seed=basis.seed)
    if clustered and patterns.counts.sum() <= 1:
        nothing = np.full_like(rates.estimate, np.nan)
        return rates._replace(low=nothing, high=nothing)
    return rates


def _mirrored(patterns: Patterns, ratios: Mapping[str, Ratio]) -> Patterns:
    """Return the patterns of the same units with the models exchanged."""
    at = {name: index for index, name in enumerate(ratios)}
    columns = [at[ratio.mirror or name] for name, ratio in ratios.items()]
    complement = np.array([ratio.complement for ratio in ratios.values()])
    numerators, denominators = patterns.numerators[:, columns], patterns.denominators[:, columns]
    numerators = np.where(complement, denominators - numerators, numerators)
    descending = np.lexsort(np.hstack([numerators, denominators]).T[::-1])[::-1]
    return Patterns(numerators[descending], denominators[descending], patterns.counts[descending])


def _compare(one: Patterns, other: Patterns) -> float:
    """Compare two tables of patterns lexicographically: positive where the first is greater, 0 where equal."""
    difference = np.column_stack(one).ravel() - np.column_stack(other).ravel()
    at = np.flatnonzero(difference)
    return float(difference[at[0]]) if len(at) else 0.0


def _exchanged(name: str, ratios: Mapping[str, Ratio], ends: Mapping[str, _Ends]) -> _Ends:
    """Return a rate from the rates with the models exchanged."""
    mirror = ends[ratios[name].mirror or name]
    return mirror.flipped() if ratios[name].complement else mirror


def _symmetric(ratios: Mapping[str, Ratio], ends: Mapping[str, _Ends]) -> dict[str, _Ends]:
    """Average each rate with its mirror, where exchanging the models changes no unit and so may change no interval."""
    done: dict[str, _Ends] = {}
    for name, ratio in ratios.items():
        mirror = ratio.mirror or name
        if mirror in done:
            done[name] = _exchanged(name, ratios, done)
            continue
        pairs = zip(ends[name], _exchanged(name, ratios, ends), strict=True)
        means = _Ends(*(_middle(one, other) for one, other in pairs))
        itself = mirror == name and ratio.complement
        done[name] = means._replace(high=round(1 - means.low, DIGITS)) if itself else means
    return done


def _middle(one: float, other: float) -> float:
    if np.isnan(one) or np.isnan(other):
        return float("nan")
    return float((round(one * STEPS) + round(other * STEPS)) // 2 / STEPS)


def _rounded(value: float) -> float:
    return value if np.isnan(value) else round(float(value), DIGITS) + 0.0


def _estimate(ends: _Ends, numerator: float, total: float) -> Estimate:
    values = {name: None if np.isnan(value) else value + 0.0 for name, value in ends._asdict().items()}
    n = round(float(total), DIGITS)
    return Estimate(**values, n=int(n) if n.is_integer() else n, numerator=round(float(numerator), DIGITS) + 0.0)
