"""What people say of pairs: who is shown what first, which labels count, and how they become credits."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from judge.outcomes.tally import CREDITS
from judge.schema import Label, Order, Verdict, Winner

if TYPE_CHECKING:
    from collections.abc import Iterable


def first_shown(item: str, *, reader: str, seed: int | str) -> Order:
    """Return the order in which a reader is shown an item: half of them each way, as a hash decides."""
    digest = hashlib.sha256(f"{seed}\x1f{reader}\x1f{item}".encode()).digest()
    return Order.FORWARD if digest[0] % 2 else Order.SWAPPED


def shown_as(winner: Winner, order: Order) -> Verdict:
    """Return a winner in slot words: `core.tally.winner` undone."""
    if winner is Winner.TIE:
        return Verdict.TIE
    if winner is Winner.CANNOT_JUDGE:
        return Verdict.CANNOT_JUDGE
    return Verdict.FIRST if (winner is Winner.A) == (order is Order.FORWARD) else Verdict.SECOND


def settle_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Keep, of several labels by one reader on one item and criterion, the latest; of equal times the last given."""
    latest: dict[tuple[str, str, str], Label] = {}
    for label in labels:
        key = (label.reader, label.item, label.criterion)
        known = latest.get(key)
        if known is None or label.time >= known.time:
            latest[key] = label
    return tuple(latest.values())


def credit(label: Label) -> float | None:
    """Return what a label is worth to model a; None where the reader could not judge."""
    return CREDITS[label.winner]
