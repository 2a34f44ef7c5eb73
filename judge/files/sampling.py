"""Random samples of items, simple and stratified, with their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Drawn(NamedTuple):
    """An item of a random sample."""

    item: str
    weight: float
    """how many items it stands for: the inverse of the probability that it was drawn"""
    stratum: str | None = None


def shuffled(items: Iterable[str], *, seed: int | str) -> list[str]:
    """Return items in an order that the seed decides, in whatever order they are given."""
    return sorted(items, key=lambda item: (hashlib.sha256(f"{seed}\x1f{item}".encode()).digest(), item))


def draw(items: Sequence[str], n: int, *, seed: int | str) -> list[Drawn]:
    """Draw so many different items, each with the same probability; all of them where there are no more."""
    chosen = shuffled(items, seed=seed)[:n]
    return [Drawn(item, len(items) / len(chosen)) for item in chosen]


def draw_by_stratum(strata: Mapping[str, str], n: int, *, seed: int | str) -> list[Drawn]:
    """Draw as many items of each stratum as of any other, or all of a smaller one, and shuffle them.

    Args:
        strata: the stratum of each item.
        n: how many items to draw, at least one a stratum.
        seed: decides which, and in which order.
    """
    members: dict[str, list[str]] = {}
    for item, stratum in strata.items():
        members.setdefault(stratum, []).append(item)
    shares = allocate({stratum: len(items) for stratum, items in members.items()}, n)
    drawn = {
        one.item: one._replace(stratum=stratum)
        for stratum, items in members.items()
        for one in draw(items, shares[stratum], seed=seed)
    }
    return [drawn[item] for item in shuffled(drawn, seed=f"{seed} order")]


def allocate(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    """Share n places out equally, one at a time, smallest strata first, to strata that have items left."""
    shares = dict.fromkeys(sizes, 0)
    order = sorted(sizes, key=lambda stratum: (sizes[stratum], stratum))
    left = min(n, sum(sizes.values()))
    while left:
        for stratum in order:
            if left and shares[stratum] < sizes[stratum]:
                shares[stratum] += 1
                left -= 1
    return shares
