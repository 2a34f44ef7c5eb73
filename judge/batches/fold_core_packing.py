"""Pack requests by the limits of a provider's batches, one in memory at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


@dataclass(frozen=True)
class PackLimits:
    """What one batch may hold."""

    requests: int
    size: int
    """bytes of all its requests"""


def packs(parts: Iterable[T], *, size_of: Callable[[T], int], limits: PackLimits) -> Iterator[Iterator[T]]:
    """Yield consecutive packs as full as the limits allow, in order and without loss.

    A pack is read before the next one is drawn: what is left of it then is skipped, as with `itertools.groupby`.

    Args:
        parts: what is packed, drawn lazily.
        size_of: the bytes of a part; ValueError if one alone is above the limit.
        limits: of each pack.
    """
    for _, pack in groupby(_numbered(parts, size_of, limits), key=itemgetter(0)):
        yield (part for _, part in pack)


def _numbered(parts: Iterable[T], size_of: Callable[[T], int], limits: PackLimits) -> Iterator[tuple[int, T]]:
    """Yield each part with the number of its pack."""
    number = count = filled = 0
    for part in parts:
        size = size_of(part)
        if size > limits.size:
            raise ValueError(f"a part of {size} bytes fits into no pack of {limits.size}")
        if count == limits.requests or filled + size > limits.size:
            number, count, filled = number + 1, 0, 0
        count, filled = count + 1, filled + size
        yield number, part
