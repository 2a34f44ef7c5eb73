"""How often each letter is the right answer, and whether answering one letter always could pass for knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scipy.special import ndtri

from judge.stats.closed_form import wilson_ends

FEWEST_ITEMS = 30
"""of fewer items nothing is said: any letter may be frequent among them"""
MARGIN = 0.05
"""by how much more than chance always answering one letter must score, at the least"""
LEVEL = 0.95


class LetterShare(NamedTuple):
    """The share of items whose right answer is a letter."""

    letter: str
    n: int
    share: float
    low: float
    """lower end of its Wilson interval at 95 %"""
    high: float


def letter_shares(counts: Mapping[str, int]) -> list[LetterShare]:
    """Return the share of each letter, the most frequent first; of equal ones, in the alphabet's order."""
    total = sum(counts.values())
    return [
        LetterShare(letter, n, n / total, *map(float, wilson_ends(n / total, total, ndtri((1 + LEVEL) / 2))))
        for letter, n in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        if n
    ]


def letter_habit(counts: Mapping[str, int], n_options: float) -> LetterShare | None:
    """Return the letter that answered always would score clearly above chance; None where there is none.

    The lower end of its share's interval, at 95 % over all letters together (Bonferroni), must exceed one over the
    number of options by 5 points.

    Args:
        counts: items by the letter of their right answer.
        n_options: how many options an item has, on the average; at least 1.
    """
    total, shares = sum(counts.values()), letter_shares(counts)
    if total < FEWEST_ITEMS or n_options < 1:
        return None
    quantile = ndtri(1 - (1 - LEVEL) / 2 / max(len(shares), n_options))
    low, _ = wilson_ends(shares[0].share, total, quantile)
    return shares[0] if low > 1 / n_options + MARGIN else None
