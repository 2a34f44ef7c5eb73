"""Whether a habit of answering one letter could pass for knowledge, and the strata with every letter counted alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.enums import Stratum
from judge.outcomes.rates import DIGITS, Estimate, Ratio, estimate_rate, rounded
from judge.schema import Frozen
from judge.stats.letter_shares import letter_habit
from judge.stats.strata import answer_rates

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems


class CorrectedStratum(Frozen):
    """A stratum of answers in which every right letter counts alike, however many items have it."""

    share: float
    """of the items whose answers can be read"""
    win_rate: Estimate
    """of a, on the overall criterion; its n is the weighted number of items"""


class RightOf(Frozen):
    """How often a model is right."""

    on_letter: float | None
    """share of the items whose right answer is the letter"""
    elsewhere: float | None
    """share of the others"""
    corrected: float | None
    """mean over the right letters: always answering one letter gives one over their number"""


class LetterHabit(Frozen):
    """The most frequent right letter, where answering it always would score clearly above chance."""

    letter: str
    """the most frequent one"""
    share: float
    """of the items: what always answering it would score"""
    low: float
    """lower end of its Wilson interval"""
    high: float
    """upper end"""
    n: int
    """items whose right answer is one letter"""
    a: RightOf
    """of model a"""
    b: RightOf
    """of model b"""
    strata: dict[Stratum, CorrectedStratum]
    """by whose answer is right, weighted"""


def report_letter_habit(counted: CriterionItems) -> LetterHabit | None:
    """Return what a letter habit would explain; None where no letter is frequent enough, or no answer is known.

    Args:
        counted: the items of the overall criterion with their features.
    """
    counted = counted.where(pl.col("right_letter").is_not_null())
    letters = counted.items["right_letter"]
    counts = dict(zip(*(column.to_list() for column in letters.value_counts().get_columns()), strict=True))
    n_options = counted.items["n_options"].mean()
    found = letter_habit(counts, float(n_options)) if isinstance(n_options, float) else None
    if found is None:
        return None
    weights = np.array([len(letters) / len(counts) / counts[letter] for letter in letters])
    is_it = (letters == found.letter).to_numpy()
    right_a, right_b = counted.column("right_a"), counted.column("right_b")
    rates = answer_rates(counted.column("credit"), right_a, right_b)
    total = float(weights @ rates.denominators[:, 4])
    strata = {}
    for at, stratum in enumerate(Stratum):
        within = weights * rates.denominators[:, at]
        ratio = Ratio(weights * rates.numerators[:, at], within, complement=True)
        rate = counted.basis.of_models(estimate_rate(ratio, counted.codes, counted.basis))
        strata[stratum] = CorrectedStratum(
            share=round(float(within.sum()) / total, DIGITS) if total else 0.0, win_rate=rate
        )
    return LetterHabit(
        letter=found.letter,
        share=round(found.share, DIGITS),
        low=round(found.low, DIGITS),
        high=round(found.high, DIGITS),
        n=len(letters),
        a=_right_of(right_a, is_it, weights),
        b=_right_of(right_b, is_it, weights),
        strata=strata,
    )


def habit_warning(found: LetterHabit, a: str, b: str) -> str:
    """Return what a reader must know of it, in one line."""
    percent = f"{100 * found.share:.0f} % of {found.n} items"
    told = "; ".join(
        f"{model} is right on {_percent(of.on_letter)} of them and on {_percent(of.elsewhere)} of the others"
        for model, of in ((a, found.a), (b, found.b))
    )
    return f"the right answer is {found.letter} in {percent}: always answering it would score that; {told}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def _right_of(right: np.ndarray, is_it: np.ndarray, weights: np.ndarray) -> RightOf:
    known = ~np.isnan(right)
    return RightOf(
        on_letter=_mean(right[known & is_it], weights[known & is_it]),
        elsewhere=_mean(right[known & ~is_it], np.ones(int((known & ~is_it).sum()))),
        corrected=_mean(right[known], weights[known]),
    )


def _mean(values: np.ndarray, weights: np.ndarray) -> float | None:
    return rounded(float(values @ weights / weights.sum())) if len(values) else None
