"""What is known of each item beside its verdicts: its cluster, lengths, final answers and groups."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import polars as pl

from judge.core.correctness import is_right
from judge.core.prompting import shown_text
from judge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from judge.schema import Judgment, Pair

BY_IMAGE = "image"
NO_VALUE = "(none)"
"""the group of items that lack the field"""
SCHEMA = {
    "item": pl.String,
    "cluster": pl.String,
    "length_a": pl.Float64,
    "length_b": pl.Float64,
    "right_a": pl.Float64,
    "right_b": pl.Float64,
    "has_answer": pl.Boolean,
}
"""`cluster` is null where an item is its own; `right` is null where an answer cannot be read, else 0 or 1"""


class ItemFacts(NamedTuple):
    """One row an item, sorted by item; columns of `SCHEMA` and one `by:FIELD` a field."""

    frame: pl.DataFrame
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
    rows: Iterable[FactRow], wanted: Wanted, *, default: str, schema: Mapping[str, Any] = MappingProxyType(SCHEMA)
) -> ItemFacts:
    """Build the table; without a field for clusters, the default one is taken where items share a value of it.

    Args:
        rows: one an item.
        wanted: fields of the items.
        default: `image`, or a field.
        schema: columns of the table beside `by:FIELD`; `item` and `cluster` are among them.

    Raises:
        InputError: no item has a wanted field.
    """
    values: list[dict[str, Any]] = []
    images: list[tuple[str, ...]] = []
    seen: set[str] = set()
    clustering = wanted.cluster or (default if default != BY_IMAGE else None)
    for row in rows:
        seen |= row.fields.keys()
        groups = {f"by:{field}": as_group(row.fields.get(field)) or NO_VALUE for field in wanted.by}
        cluster = as_group(row.fields.get(clustering)) if clustering else None
        values.append({**row.values, "cluster": cluster, **groups})
        images.append(row.images)
    _check(wanted, seen)
    field = wanted.cluster
    if field is None and default == BY_IMAGE:
        field = BY_IMAGE if _add_image_clusters(values, images) else None
    elif field is None:
        field = default if default in seen else None
    columns = {**schema, **{f"by:{name}": pl.String for name in wanted.by}}
    return ItemFacts(pl.DataFrame(values, schema=columns).sort("item"), field, wanted.by)


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


def _add_image_clusters(values: Sequence[dict[str, Any]], images: Sequence[tuple[str, ...]]) -> bool:
    """Give items that share an image one cluster; return whether any do."""
    clusters = image_clusters(images)
    if clusters is None:
        return False
    for row, cluster in zip(values, clusters, strict=True):
        row["cluster"] = cluster
    return True


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


def judged_fields(facts: ItemFacts | None, items: pl.DataFrame) -> pl.DataFrame:
    """Add an item's facts to folded rows; null where nothing is known."""
    if facts is None:
        return items.with_columns(
            pl.lit(None, dtype=kind).alias(name) for name, kind in SCHEMA.items() if name != "item"
        )
    return items.join(facts.frame, on="item", how="left", maintain_order="left")
