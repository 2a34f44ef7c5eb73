"""Hold a Parquet file to the limits before its rows are decoded: by its footer, and by the headers of its pages.

Both are structs of Thrift's compact protocol, as https://github.com/apache/parquet-format describes them. They are read
into plain dicts by the numbers of their fields, of which few are needed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from judge.files.fields import RecordProblem
from judge.files.limits import MIB, limits, open_regular, too_large, unpacks_too_far

MAX_FOOTER = 8 * MIB
FREE_BYTES = 128 * MIB
"""what a file may always unpack into: its pages are unpacked apart"""
BYTES_PER_VALUE = 16
"""of a value in memory, however short it is stored"""
TAIL = 8
"""the footer's length and the mark of the format"""
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
# Fields: of the footer, of a row group, of a column chunk and of its metadata, of a page's header.
_ROW_GROUPS, _COLUMNS, _METADATA = 4, 1, 3
_N_VALUES, _UNPACKED, _PACKED, _FIRST_PAGE, _DICTIONARY_PAGE = 5, 6, 7, 9, 11
_PAGE_UNPACKED, _PAGE_PACKED, _PAGE_KINDS, _PAGE_N_VALUES = 2, 3, (5, 7, 8), 1


def check_parquet(path: Path) -> None:
    """Refuse a file that unpacks into too much.

    Raises:
        OSError: it is not there, or may not be read.
        InputError: its columns, or the pages of one, unpack into more than they may.
        RecordProblem: it is damaged.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        if size > limits().file_bytes:
            raise too_large(str(path), limits().file_bytes)
        most = max(FREE_BYTES, limits().unpacked_bytes(size))
        unpacked = 0
        try:
            for chunk in _chunks(file, size):
                unpacked += max(chunk[_UNPACKED], sum(_pages(file, chunk)), BYTES_PER_VALUE * chunk[_N_VALUES])
                if unpacked > most:
                    raise unpacks_too_far(str(path))
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise RecordProblem(
                "cannot be read as Parquet: damaged footer or page", "fetch or export the file again"
            ) from error


def _chunks(file: BinaryIO, size: int) -> Iterator[dict[int, Any]]:
    """Yield the metadata of every chunk of a column."""
    file.seek(max(0, size - TAIL))
    length = int.from_bytes(file.read(TAIL)[:4], "little")
    if length > min(MAX_FOOTER, size - TAIL):
        raise ValueError("no footer")
    file.seek(size - TAIL - length)
    footer, left = _Thrift(file.read(length)).struct(), size
    for group in footer[_ROW_GROUPS]:
        for column in group[_COLUMNS]:
            left -= column[_METADATA][_PACKED]
            if left < 0:
                raise ValueError("chunks that overlap")
            yield column[_METADATA]


def _pages(file: BinaryIO, chunk: dict[int, Any]) -> Iterator[int]:
    """Yield what each page of a chunk unpacks into, by its own header, which need not fit the footer."""
    at = chunk.get(_DICTIONARY_PAGE) or chunk[_FIRST_PAGE]
    end = at + chunk[_PACKED]
    while at < end:
        file.seek(at)
        header = _Thrift(file.read(min(MIB, end - at)))
        page = header.struct()
        n_values = sum(page[kind][_PAGE_N_VALUES] for kind in _PAGE_KINDS if kind in page)
        yield max(page[_PAGE_UNPACKED], BYTES_PER_VALUE * n_values)
        if page[_PAGE_PACKED] < 0:
            raise ValueError("a page of negative size")
        at += header.at + page[_PAGE_PACKED]


class _Thrift:
    """Reads structs of the compact protocol; LookupError at the end of the bytes."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def struct(self) -> dict[int, Any]:
        """Read a struct by the numbers of its fields."""
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._integer()
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:  # noqa: ANN401 - a value of any type
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            length = self._unsigned()
            self.at += length
            return None
        if kind in (_LIST, _SET):
            head = self._byte()
            n, of = head >> 4, head & 15
            return [self._value(of) for _ in range(self._unsigned() if n == 15 else n)]  # noqa: PLR2004 - as told
        if kind == _STRUCT:
            return self.struct()
        if kind == _MAP and (n := self._unsigned()):
            kinds = self._byte()
            return [(self._value(kinds >> 4), self._value(kinds & 15)) for _ in range(n)]
        self.at += {_TRUE: 1, _FALSE: 1, _BYTE: 1, _DOUBLE: 8, _MAP: 0}[kind]
        return None

    def _byte(self) -> int:
        self.at += 1
        return self._content[self.at - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def _integer(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)


def size_in_memory(column: pl.Expr, kind: DataType | DataTypeClass) -> pl.Expr:
    """Measure the bytes of each value of a column as Python holds them: one that is stored once may stand in many rows.

    Args:
        column: of any type.
        kind: its type.
    """
    match kind:
        case pl.String():
            return column.str.len_bytes().cast(pl.Int64).fill_null(0)
        case pl.Binary():
            return column.bin.size().cast(pl.Int64).fill_null(0)
        case pl.List():
            return column.list.eval(size_in_memory(pl.element(), kind.inner)).list.sum().cast(pl.Int64).fill_null(0)
        case pl.Array():
            return size_in_memory(column.arr.to_list(), pl.List(kind.inner))
        case pl.Struct():
            return pl.sum_horizontal(
                size_in_memory(column.struct.field(field.name), field.dtype) for field in kind.fields
            )
        case _:
            return pl.when(column.is_null()).then(0).otherwise(8).cast(pl.Int64)
