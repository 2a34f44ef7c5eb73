"""What is known of each item beside its verdicts: its cluster, lengths, final answers and groups."""

from __future__ import annotations

import math
from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from judge.core.correctness import is_right
from judge.core.prompting import shown_text
from judge.core.table import Table, texts
from judge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from judge.schema import Judgment, Pair

BY_IMAGE = "image"
NO_VALUE = "(none)"
"""the group of items that lack the field"""
TEXT = "O"
_UNKNOWN = {"d": math.nan, "b": False, "Q": 0}
"""what stands for no value, by the type of an array"""
SCHEMA = {
    "item": TEXT,
    "cluster": TEXT,
    "length_a": "d",
    "length_b": "d",
    "right_a": "d",
    "right_b": "d",
    "has_answer": "?",
}
"""the columns' types, as numpy names them; `cluster` is None where an item is its own, `right` is NaN where an answer
cannot be read, else 0 or 1"""

_NO_FACTS = Table({name: np.empty(0, dtype=kind) for name, kind in SCHEMA.items()})


class ItemFacts(NamedTuple):
    """One row an item, sorted by item; columns of `SCHEMA` and one `by:FIELD` a field."""

    table: Table
    cluster_field: str | None
    """the field that makes clusters, `image`, or None where each item is its own"""
    fields: tuple[str, ...]


class Wanted(NamedTuple):
    """Which fields of the items a report needs."""

    cluster: str | None = None
    by: tuple[str, ...] = ()


class FactRow(NamedTuple):
    """What is known of one item, before its cluster and groups are."""

    values: dict[str, Any]
    """columns of the table's own schema"""
    fields: dict[str, Any]
    """what clusters and groups may be made by"""
    images: tuple[str, ...]
    """hashes"""


def facts_of_pairs(pairs: Iterable[Pair], wanted: Wanted, *, answers: bool = True) -> ItemFacts:
    """Read the facts of a run's pairs.

    Args:
        pairs: one in memory at a time.
        wanted: fields of the items, in `subgroup` or `meta`.
        answers: whether the judge was shown the final answers.

    Raises:
        InputError: no item has a wanted field.
    """
    return tabulate((_of_pair(pair, answers=answers) for pair in pairs), wanted, default=BY_IMAGE)


def facts_of_judgments(judgments: Iterable[Judgment], wanted: Wanted) -> ItemFacts:
    """Read, for imported judgments, what their `meta` says of clusters and groups (InputError as above)."""
    metas: dict[str, dict[str, Any]] = {}
    for judgment in judgments:
        metas.setdefault(judgment.item, {}).update(judgment.meta)
    rows = (FactRow({"item": item}, meta, ()) for item, meta in metas.items())
    return tabulate(rows, wanted, default="cluster")


def _of_pair(pair: Pair, *, answers: bool) -> FactRow:
    item = pair.item
    right = {"right_a": is_right(pair.a, item), "right_b": is_right(pair.b, item)}
    values = {
        "item": item.id,
        "length_a": float(len(shown_text(pair.a, answers=answers))),
        "length_b": float(len(shown_text(pair.b, answers=answers))),
        "has_answer": item.answer is not None,
        **{name: None if value is None else float(value) for name, value in right.items()},
    }
    known = {**item.meta, **item.subgroup}
    return FactRow(values, known, tuple(image.sha256 for image in item.images))


def tabulate(
    rows: Iterable[FactRow], wanted: Wanted, *, default: str, schema: Mapping[str, str] = MappingProxyType(SCHEMA)
) -> ItemFacts:
    """Build the table; without a field for clusters, the default one is taken where items share a value of it.

    Args:
        rows: one an item.
        wanted: fields of the items.
        default: `image`, or a field.
        schema: types of the columns beside `by:FIELD`; `item` and `cluster` are among them.

    Raises:
        InputError: no item has a wanted field.
    """
    columns = _Growing({**schema, **{f"by:{name}": TEXT for name in wanted.by}})
    images: list[tuple[str, ...]] = []
    seen: set[str] = set()
    clustering = wanted.cluster or (default if default != BY_IMAGE else None)
    for row in rows:
        seen |= row.fields.keys()
        groups = {f"by:{field}": as_group(row.fields.get(field)) or NO_VALUE for field in wanted.by}
        cluster = as_group(row.fields.get(clustering)) if clustering else None
        columns.add({**row.values, "cluster": cluster, **groups})
        images.append(row.images)
    _check(wanted, seen)
    field, table = wanted.cluster, columns.table()
    if field is None and default == BY_IMAGE:
        clusters = image_clusters(images)
        field = None if clusters is None else BY_IMAGE
        table = table if clusters is None else table.with_columns(cluster=texts(clusters))
    elif field is None:
        field = default if default in seen else None
    return ItemFacts(table.take(np.argsort(table["item"], kind="stable")), field, wanted.by)


class _Growing:
    """Columns that grow row by row: numbers as numbers, and texts of which many items have the same held once."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self._texts: dict[str, list[str | None]] = {name: [] for name, kind in types.items() if kind == TEXT}
        self._numbers = {name: _numbers(kind) for name, kind in types.items() if kind != TEXT}
        self._known: dict[str, str] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row; what it lacks is not known, and no truth."""
        for name, numbers in self._numbers.items():
            value = row.get(name)
            numbers.append(_UNKNOWN[numbers.typecode] if value is None else value)
        for name, column in self._texts.items():
            text = row.get(name)
            column.append(text if text is None or name == "item" else self._known.setdefault(text, text))

    def table(self) -> Table:
        """Return all rows."""
        columns = {name: texts(column) for name, column in self._texts.items()}
        columns |= {name: np.asarray(numbers).astype(self._types[name]) for name, numbers in self._numbers.items()}
        return Table({name: columns[name] for name in self._types})


def _numbers(kind: str) -> array[Any]:
    return array(kind.replace("?", "b"))


def as_group(value: object) -> str | None:
    """Return a field's value as the name of a group; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _check(wanted: Wanted, seen: set[str]) -> None:
    given = [("--cluster", wanted.cluster), *(("--by", field) for field in wanted.by)]
    for option, field in given:
        if field is not None and field not in seen:
            known = f"known fields: {', '.join(sorted(seen))}" if seen else "the items have no fields"
            raise InputError(option, f"no item has a field {field!r}", known)


def units_of_pairs(pairs: Iterable[Pair], cluster: str | None) -> tuple[list[str], list[str]]:
    """Return each pair's item and its unit: its cluster by a field, or by shared images, else itself.

    Args:
        pairs: one in memory at a time.
        cluster: a field of the items, in `subgroup` or `meta`; None: items that share an image form a cluster.

    Raises:
        InputError: no item has the field.
    """
    items: list[str] = []
    named: list[str | None] = []
    images: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for pair in pairs:
        known = {**pair.item.meta, **pair.item.subgroup}
        seen |= known.keys()
        items.append(pair.item.id)
        images.append(tuple(image.sha256 for image in pair.item.images))
        named.append(as_group(known.get(cluster)) if cluster else None)
    _check(Wanted(cluster), seen)
    clusters = named if cluster else image_clusters(images) or named
    return items, [
        f"item_{item}" if own is None else f"cluster_{own}" for item, own in zip(items, clusters, strict=True)
    ]


def image_clusters(images: Sequence[Sequence[str]]) -> list[str | None] | None:
    """Return one cluster for items that share an image, or are linked by such items; None where no items do."""
    parent: dict[str, str] = {}

    def root(image: str) -> str:
        while parent.setdefault(image, image) != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    for shown in images:
        for other in shown[1:]:
            roots = sorted((root(shown[0]), root(other)))
            parent[roots[1]] = roots[0]
    clusters = [root(shown[0]) if shown else None for shown in images]
    with_images = [cluster for cluster in clusters if cluster is not None]
    if len(set(with_images)) == len(with_images):
        return None
    return clusters


def judged_fields(facts: ItemFacts | None, items: Table) -> Table:
    """Add an item's facts to folded rows; NaN or None where nothing is known."""
    known = _NO_FACTS if facts is None else facts.table
    added = known.take(known.places(items["item"]))
    return items.with_columns(**{name: added[name] for name in added.names if name != "item"})
