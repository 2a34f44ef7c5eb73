"""Features of items beside their verdicts: cluster, trace lengths, correctness of the answers, subgroups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
import polars as pl

from judge.enums import Show
from judge.errors import InputError
from judge.outcomes.latest_judgments import FrameBuilder
from judge.prompting.correctness import right_labels
from judge.prompting.embedded_options import options_of
from judge.prompting.pairwise_prompt import shown_text
from judge.prompting.trace_answers import TraceAnswers
from judge.schema import SAMPLE_OF, Item, Judgment, Pair

BY_IMAGE = "image"
NO_VALUE = "(none)"
"""the group of items that lack the field"""
SCHEMA: dict[str, pl.DataType] = {
    "item": pl.String(),
    "cluster": pl.String(),
    "length_a": pl.Float64(),
    "length_b": pl.Float64(),
    "right_a": pl.Float64(),
    "right_b": pl.Float64(),
    "has_answer": pl.Boolean(),
    "right_letter": pl.String(),
    "n_options": pl.Float64(),
    SAMPLE_OF: pl.String(),
    "index": pl.Int64(),
}
"""`cluster` is null where an item is its own; lengths are characters as shown; `right` is null where an answer cannot
be read, else 0 or 1; `right_letter` is that of an item with one right option; `sample_of` is the item that several
rows are samples of, else null; `index` is the place of an annotation of AlpacaEval in its file"""


class ItemFeatures(NamedTuple):
    """Features of a run's items."""

    items: pl.DataFrame
    """one row an item, sorted by item; columns of `SCHEMA`, null where nothing is known, and one `by:FIELD` a field"""
    cluster_field: str | None
    """the field that makes clusters, `image`, or None where each item is its own"""
    fields: tuple[str, ...]


class WantedFields(NamedTuple):
    """Fields of the items that make clusters and subgroups."""

    cluster: str | None = None
    by: tuple[str, ...] = ()


class FeatureRow(NamedTuple):
    """Features of one item, before its cluster and groups are known."""

    values: dict[str, Any]
    """columns of the table's own schema"""
    fields: dict[str, Any]
    """what clusters and groups may be made by"""
    images: tuple[str, ...] = ()
    """hashes"""
    sample_of: str | None = None
    """the item that it is a sample of"""

    @classmethod
    def of(cls, item: Item, values: dict[str, Any]) -> FeatureRow:
        """Return the row of an item with its values."""
        images = tuple(image.sha256 for image in item.images)
        return cls(values, {**item.meta, **item.subgroup}, images, item.meta.get(SAMPLE_OF))


def features_of_pairs(
    pairs: Iterable[Pair],
    wanted: WantedFields,
    *,
    answers: bool = True,
    show: Show = Show.BOTH,
    read: TraceAnswers | None = None,
) -> ItemFeatures:
    """Read the features of a run's pairs.

    Args:
        pairs: one in memory at a time.
        wanted: fields of the items, in `subgroup` or `meta`.
        answers: whether the judge was shown the final answers.
        show: which parts of the traces it was shown.
        read: the traces' final answers; None: by our own rules.

    Raises:
        InputError: no item has a wanted field.
    """
    read = read or TraceAnswers()
    return tabulate((_of_pair(pair, read, answers=answers, show=show) for pair in pairs), wanted, default=BY_IMAGE)


def features_of_judgments(judgments: Iterable[Judgment], wanted: WantedFields) -> ItemFeatures:
    """Read the features of imported judgments from their `meta` (errors as for `features_of_pairs`)."""
    metas: dict[str, dict[str, Any]] = {}
    for judgment in judgments:
        metas.setdefault(judgment.item, {}).update(judgment.meta)
    rows = (FeatureRow({"item": item, **_lengths(meta), **_place(meta)}, meta) for item, meta in metas.items())
    return tabulate(rows, wanted, default="cluster")


def _lengths(meta: Mapping[str, Any]) -> dict[str, float]:
    """Return the lengths of both traces where imported judgments tell them, `length_a` and `length_b` in characters."""
    told = {name: meta.get(name) for name in ("length_a", "length_b")}
    known = {name: float(value) for name, value in told.items() if isinstance(value, (int, float))}
    return known if len(known) == len(told) else {}


def _place(meta: Mapping[str, Any]) -> dict[str, int]:
    return {"index": place} if type(place := meta.get("index")) is int else {}


def _of_pair(pair: Pair, read: TraceAnswers, *, answers: bool, show: Show) -> FeatureRow:
    item = pair.item
    letters = right_labels(item)
    right = dict(zip(("right_a", "right_b"), read.right(pair), strict=True))
    values = {
        "item": item.id,
        "length_a": float(len(shown_text(pair.a, answers=answers, show=show))),
        "length_b": float(len(shown_text(pair.b, answers=answers, show=show))),
        "has_answer": item.answer is not None,
        "right_letter": letters[0] if len(letters) == 1 else None,
        "n_options": float(len(options_of(item))) if letters else None,
        **{name: None if value is None else float(value) for name, value in right.items()},
    }
    return FeatureRow.of(item, values)


def tabulate(
    rows: Iterable[FeatureRow],
    wanted: WantedFields,
    *,
    default: str,
    schema: Mapping[str, pl.DataType] = MappingProxyType(SCHEMA),
) -> ItemFeatures:
    """Return the features of items, sorted by item.

    Without a field for clusters, the default one is taken where items share a value of it.

    Args:
        rows: one an item.
        wanted: fields of the items.
        default: `image`, or a field.
        schema: of the columns beside `by:FIELD`; `item` and `cluster` are among them.

    Raises:
        InputError: no item has a wanted field.
    """
    features = _tabulate(rows, wanted, default=default, schema=schema)
    return features._replace(items=features.items.sort("item", maintain_order=True))


def _tabulate(
    rows: Iterable[FeatureRow], wanted: WantedFields, *, default: str, schema: Mapping[str, pl.DataType]
) -> ItemFeatures:
    """Return the features of items in the order of the rows."""
    columns = {**schema, **{f"by:{name}": pl.String() for name in wanted.by}}
    built = FrameBuilder(columns)
    images: list[tuple[str, ...]] = []
    seen: set[str] = set()
    clustering = wanted.cluster or (default if default != BY_IMAGE else None)
    for row in rows:
        seen |= row.fields.keys()
        groups = {f"by:{field}": as_group(row.fields.get(field)) or NO_VALUE for field in wanted.by}
        cluster = as_group(row.fields.get(clustering)) if clustering else None
        values = {**row.values, "cluster": cluster, SAMPLE_OF: row.sample_of, **groups}
        built.add(*map(values.get, columns))
        # The samples of an item form a cluster, as items that share an image do.
        images.append(row.images if row.sample_of is None else (*row.images, f"{SAMPLE_OF} {row.sample_of}"))
    _check(wanted, seen)
    field, items = wanted.cluster, built.frame()
    if field is None and default == BY_IMAGE:
        clusters = image_clusters(images)
        if clusters is not None:
            has_samples = SAMPLE_OF in columns and items[SAMPLE_OF].is_not_null().any()
            field, items = (
                SAMPLE_OF if has_samples else BY_IMAGE,
                items.with_columns(cluster=pl.Series(clusters, dtype=pl.String)),
            )
    elif field is None:
        field = default if default in seen else None
    return ItemFeatures(items, field, wanted.by)


def as_group(value: object) -> str | None:
    """Return a field's value as the name of a group; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _check(wanted: WantedFields, seen: set[str]) -> None:
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
    rows = (FeatureRow.of(pair.item, {"item": pair.item.id}) for pair in pairs)
    items = _tabulate(rows, WantedFields(cluster), default=BY_IMAGE, schema=SCHEMA).items
    return items["item"].to_list(), items.select(unit_name()).to_series().to_list()


def unit_name() -> pl.Expr:
    """Return the name of each item's unit: its cluster, else itself."""
    own = pl.lit("item_") + pl.col("item").fill_null("None")
    return pl.coalesce(pl.lit("cluster_") + pl.col("cluster"), own)


def image_clusters(images: Sequence[Sequence[str]]) -> list[str | None] | None:
    """Return the connected component of each item that shares images, named by an image; None where no items do."""
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
