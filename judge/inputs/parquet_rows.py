"""Read the rows of a Parquet file: the texts of all in passing, a row with its images when it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl
from polars.datatypes import DataType
from polars.exceptions import PanicException, PolarsError

from judge.files.fields import FIELDS, RecordProblem
from judge.files.files import file_sha256
from judge.files.jsonl import Line, refuse
from judge.files.limits import MIB, limits, raise_record_limit
from judge.files.option_fields import LISTS
from judge.files.parquet_limits import check_parquet, size_in_memory

READ = {spelling for name, spellings in FIELDS.items() for spelling in spellings} | {
    "reasoning",
    *(name for pair in LISTS for name in pair),
}
IMAGE_FORMS = "a struct of bytes and path, binary, text (a path), or a list of these"
CONTENT = "content_sha256"
"""metadata of an item: a hash over its question and its images' bytes, which tells rows that changed places"""
TEXT_ROWS = 500
WHOLE_ROWS = 64
WHOLE_BYTES = 16 * 2**20
"""rows are read together up to about this size, since traces mostly come in the order of the items"""


class ParquetColumns:
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
            if not _is_image(schema[name]) and (name in self.of("image") or _holds_bytes(schema[name])):
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
        """The columns of images: those that are named so, else any other that holds bytes too."""
        named = self.of("image")
        if "image" in self.fields:
            return named
        return (*named, *(name for name, kind in self._schema.items() if name not in named and _holds_bytes(kind)))

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


class ParquetRows:
    """A Parquet file whose rows can be read repeatedly; InputErrors where it cannot be read.

    Args:
        path: the file.
        fields: paths given with `--field`, by field name.
        name_row: the id of a row, by its number from 0.
        by_number: name the rows even where a column holds ids.
    """

    kind = "row"
    if_empty = "it has no rows: export it again"

    def __init__(
        self, path: Path, *, fields: Mapping[str, str], name_row: Callable[[int], str], by_number: bool = False
    ) -> None:
        self.path = str(path)
        self._file, self._name_row = path, name_row
        self._first, self._block = 0, list[dict[str, Any]]()
        with self._readable():
            check_parquet(path)
            self.sha256 = file_sha256(path)
            self.columns = ParquetColumns(self._scan().collect_schema(), fields)
            self.names_rows = by_number or not self.columns.of("id")
            self.n_rows: int = self._scan().select(pl.len()).collect().item()
        self._together = max(1, min(WHOLE_ROWS, WHOLE_BYTES * self.n_rows // path.stat().st_size))

    def __iter__(self) -> Iterator[Line]:
        """Yield every row from the start, without its images."""
        row = 0
        with self._readable():
            texts = self._scan().select(self.columns.texts())
            for batch in texts.collect_batches(chunk_size=TEXT_ROWS, maintain_order=True):
                sizes = self._check_rows(batch, row, most=limits().record_bytes)
                # A text that the file holds once may stand in every row, and Python would hold it as often.
                together = TEXT_ROWS if sum(sizes) <= WHOLE_BYTES else 1
                for record in batch.iter_rows(named=True, buffer_size=together):
                    yield Line(row, row, self._with_id(record, row), self.where(row))
                    row += 1

    def read_again(self, offset: int, mark: int) -> dict[str, Any]:  # noqa: ARG002 - it marks no rows
        """Return a row with its images; those that follow it are read with it."""
        if not self._first <= offset < self._first + len(self._block):
            with self._readable():
                scan = self._scan().slice(offset, self._together)
                rows = scan.select(*self.columns.texts(), *self.columns.embedded).collect()
            sizes = self._check_rows(rows, offset, most=limits().document_bytes)
            fitting = max(1, sum(total <= WHOLE_BYTES for total in accumulate(sizes)))
            self._first, self._block = offset, rows.head(fitting).rows(named=True)
        return self._whole(self._block[offset - self._first], offset)

    def parse(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return the row: it is read already."""
        return raw

    def where(self, number: int) -> str:
        """Name the place of a row: `test.parquet: row 12`, counted from 0."""
        return f"{self.path}: row {number}"

    def close(self) -> None:
        """Forget the rows that were read last."""
        self._block = []

    def _check_rows(self, rows: pl.DataFrame, first: int, *, most: int) -> list[int]:
        """Return what each row takes as Python holds it, in bytes; InputErrors where one takes too much."""
        measures = (size_in_memory(pl.col(name), kind) for name, kind in rows.schema.items())
        sizes: list[int] = rows.select(pl.sum_horizontal(measures)).to_series().to_list()
        for number, size in enumerate(sizes, first):
            if size > most:
                told = f"holds {size / MIB:,.0f} MiB, and a row may hold {most // MIB} MiB"
                refuse(self.where(number), told, raise_record_limit("keep large data in files of their own"))
        return sizes

    def _scan(self) -> pl.LazyFrame:
        return pl.scan_parquet(self._file, glob=False)

    def _with_id(self, record: dict[str, Any], row: int) -> dict[str, Any]:
        return {**record, "id": self._name_row(row)} if self.names_rows else record

    def _whole(self, record: dict[str, Any], row: int) -> dict[str, Any]:
        """Add the id and the hash of the content, and give an image that is null the form of one."""
        images = {name: _with_places(record[name]) for name in self.columns.embedded}
        content = hashlib.sha256()
        for name in self.columns.of("question")[:1]:
            content.update(str(record[name]).encode())
        for held in images.values():
            for image in held:
                content.update(b"\0" + (_bytes_of(image) or b""))
        return self._with_id({CONTENT: content.hexdigest(), **record, **images}, row)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except RecordProblem as problem:
            refuse(self.path, problem.problem, problem.hint)
        except (PolarsError, PanicException, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            refuse(self.path, f"cannot be read as Parquet: {reason}", "fetch or export the file again")


def _with_places(value: object) -> list[Any]:
    """Return a cell's images as a list, with a place for each that is null."""
    images = value if isinstance(value, list) else [value]
    return [{"bytes": None} if image is None else image for image in images]


def _bytes_of(image: Any) -> bytes | None:  # noqa: ANN401 - a struct or bytes
    content: bytes | None = image["bytes"] if isinstance(image, dict) else image
    return content
