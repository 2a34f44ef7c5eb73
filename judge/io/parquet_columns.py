"""Choose what is read of a Parquet file's columns, and in which form."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from judge.io.fields import FIELDS, RecordProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from polars.datatypes import DataType

READ = {spelling for name, spellings in FIELDS.items() for spelling in spellings} | {"reasoning"}
IMAGE_FORMS = "a struct of bytes and path, binary, text (a path), or a list of these"


class Columns:
    """What a file's columns are to an item.

    Args:
        schema: the file's.
        fields: paths given with `--field`, by field name; those that begin with no column are left out.

    Raises:
        RecordProblem: a column of images holds something else.
    """

    def __init__(self, schema: Mapping[str, DataType], fields: Mapping[str, str]) -> None:
        self.fields = {name: path for name, path in fields.items() if _root(path, schema) in schema}
        self._schema = schema
        for name in self.images:
            if not _is_image(schema[name]):
                raise RecordProblem(f"column {name} holds {schema[name]}", f"images are {IMAGE_FORMS}")

    def of(self, name: str) -> tuple[str, ...]:
        """Return the columns that may hold a field."""
        if name in self.fields:
            return (_root(self.fields[name], self._schema),)
        return tuple(spelling for spelling in FIELDS[name] if spelling in self._schema)

    @property
    def names(self) -> str:
        """All columns, for a message."""
        return ", ".join(self._schema)

    @property
    def images(self) -> tuple[str, ...]:
        """The columns of images."""
        return self.of("image")

    @cached_property
    def embedded(self) -> tuple[str, ...]:
        """The columns of images whose bytes stand in the file."""
        return tuple(name for name in self.images if _holds_bytes(self._schema[name]))

    def texts(self) -> list[pl.Expr]:
        """Select all that is read, without the bytes of images."""
        read = READ | {_root(path, self._schema) for path in self.fields.values()}
        return [
            _plain(name, kind)
            for name, kind in self._schema.items()
            if not _holds_bytes(kind) and (name in read or not kind.is_nested())
        ]

    def whole(self) -> list[pl.Expr]:
        """Select all that is read."""
        return [*self.texts(), *map(pl.col, self.embedded)]


def _root(path: str, schema: Mapping[str, DataType]) -> str:
    """Return the column that a path begins with."""
    return path if path in schema else path.partition(".")[0]


def _plain(name: str, kind: DataType) -> pl.Expr:
    """Read a column in the types of JSON: what JSON has no type for becomes text, and what is no number null."""
    column = pl.col(name)
    if kind.is_float():
        return pl.when(column.is_finite()).then(column)
    if kind.is_nested() or kind.is_integer() or kind in (pl.String, pl.Boolean, pl.Null):
        return column
    return column.cast(pl.String)


def _holds_bytes(kind: object) -> bool:
    match kind:
        case pl.List() | pl.Array():
            return _holds_bytes(kind.inner)
        case pl.Struct():
            return any(_holds_bytes(field.dtype) for field in kind.fields)
        case _:
            return kind == pl.Binary


def _is_image(kind: DataType) -> bool:
    inner = kind.inner if isinstance(kind, pl.List) else kind
    if isinstance(inner, pl.Struct):
        return any(field.name == "bytes" and field.dtype in (pl.Binary, pl.Null) for field in inner.fields)
    return inner in (pl.Binary, pl.String, pl.Null)
