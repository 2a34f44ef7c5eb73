"""Pair the traces of two models by item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from judge.schema import Item

if TYPE_CHECKING:
    from collections.abc import Container, Sequence


@dataclass(frozen=True)
class Partners:
    """Which items both models answered, and which only one did; each in file order."""

    both: Sequence[str]
    only_a: Sequence[str]
    only_b: Sequence[str]


def find_partners(
    ids_a: Sequence[str], ids_b: Sequence[str], *, in_a: Container[str], in_b: Container[str]
) -> Partners:
    """Sort item ids by who answered them; `in_a` and `in_b` answer membership fast."""
    return Partners(
        both=[id_ for id_ in ids_a if id_ in in_b],
        only_a=[id_ for id_ in ids_a if id_ not in in_b],
        only_b=[id_ for id_ in ids_b if id_ not in in_a],
    )


def merge_items(items: Sequence[Item]) -> Item:
    """Return one item from several records of it, at least one: each field from the first record that has it."""
    first, *others = items
    found = {}
    for name in first.__struct_fields__ if others else ():
        values = (getattr(item, name) for item in items)
        if not getattr(first, name) and (value := next(filter(None, values), None)):
            found[name] = value
    return replace(first, **found) if found else first
