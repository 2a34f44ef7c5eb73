"""Records that are in memory, written as the files that are read: lists of objects, and data frames of any library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from judge.errors import InputError
from judge.files.fields import FIELDS, is_address
from judge.images.data_urls import data_url, is_picture

Records = str | Path | Iterable[Mapping[str, Any]] | Any
"""a file; objects; a polars frame; or what has the Arrow C stream or the dataframe interchange protocol"""


def as_file(records: Records, name: str, folder: Path) -> str:
    """Return the path of records: the one given, or that of a file written into a folder; the same records, same bytes.

    Items in a frame with bytes (images) become Parquet, all else JSON lines, in which null fields are left out and
    pictures are data URLs.

    Args:
        records: what was given.
        name: of the file, without its ending.
        folder: where to write.

    Raises:
        InputError: they are no records.
    """
    if isinstance(records, str | Path):
        return str(records)
    frame = as_frame(records, name)
    if isinstance(frame, pl.DataFrame):
        if name == "items" and any(_holds_bytes(type_) for type_ in frame.dtypes):
            path = folder / f"{name}.parquet"
            frame.write_parquet(path)
            return str(path)
        rows: Iterable[Mapping[str, Any]] = frame.iter_rows(named=True)
    else:
        rows = frame
    path = folder / f"{name}.jsonl"
    with path.open("wb") as file:
        for number, row in enumerate(rows, 1):
            file.write(_line(row, f"{name}:{number}"))
    if not path.stat().st_size:
        raise InputError(name, "holds no records", "give objects with id and trace")
    return str(path)


def as_frame(records: Any, name: str) -> pl.DataFrame | Iterable[Mapping[str, Any]]:  # noqa: ANN401 - any library's
    """Return records as a polars frame, or as the objects that they are; InputError where they are neither."""
    if isinstance(records, pl.LazyFrame):
        return records.collect()
    if type(records).__module__.partition(".")[0] == "pandas" and hasattr(records, "columns"):
        if (index := records.index.name) is not None and index not in records.columns:
            records = records.reset_index()
        # Its Arrow stream needs pyarrow, and neither protocol carries the objects that its columns may hold.
        return [_without_missing(row) for row in records.to_dict(orient="records")]
    if type(records).__name__ == "Series":
        raise InputError(name, "a Series holds no records", "give a data frame")
    if hasattr(records, "to_polars"):  # of datasets
        records = records.to_polars()
    elif hasattr(records, "__arrow_c_stream__") and not isinstance(records, pl.DataFrame):
        records = pl.DataFrame(records)
    elif hasattr(records, "__dataframe__") and not isinstance(records, pl.DataFrame):
        records = pl.DataFrame(_exchanged(records, name))
    if isinstance(records, Iterable) and not isinstance(records, Mapping | bytes):
        return records
    raise InputError(name, f"a {type(records).__name__} holds no records", "give a path, objects, or a data frame")


def _exchanged(records: Any, name: str) -> Any:  # noqa: ANN401 - pyarrow's table
    """Return a frame that has the interchange protocol alone as a table of pyarrow, which reads that."""
    try:
        from pyarrow.interchange import from_dataframe  # noqa: PLC0415 - no dependency of ours
    except ImportError as error:
        hint = "install pyarrow, or give a frame of polars or pandas, or a list of objects"
        raise InputError(name, f"a {type(records).__name__} needs pyarrow to be read", hint) from error
    return from_dataframe(records)


def _without_missing(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row of pandas without its missing values, which are numbers there."""
    return {str(name): value for name, value in row.items() if value is not None and value == value}  # noqa: PLR0124 - NaN


def _holds_bytes(type_: pl.DataType) -> bool:
    match type_:
        case pl.Struct():
            return any(_holds_bytes(pl.DataType() if isinstance(f.dtype, type) else f.dtype) for f in type_.fields)
        case pl.List() | pl.Array():
            return isinstance(type_.inner, pl.DataType) and _holds_bytes(type_.inner)
    return type_ == pl.Binary


def _placed(name: str, value: object) -> object:
    """Return a value as it stands in the file; paths of images start where the caller is, who has no file."""
    if is_picture(value):
        return data_url(value)
    if isinstance(value, list | tuple) and any(map(is_picture, value)):
        return [_placed(name, one) for one in value]
    if name not in FIELDS["image"]:
        return value
    if isinstance(value, Mapping) and value.keys() == {"bytes", "path"}:  # bytes are null
        value = value["path"]
    if isinstance(value, list | tuple):
        return [_placed(name, one) for one in value]
    is_path = isinstance(value, str | Path) and value and not is_address(str(value))
    return str(Path(str(value)).absolute()) if is_path else value


def _line(row: object, where: str) -> bytes:
    if not isinstance(row, Mapping):
        raise InputError(where, f"a {type(row).__name__} is no record", "give an object with id and trace")
    try:
        known = {str(name): _placed(str(name), value) for name, value in row.items() if value is not None}
        return orjson.dumps(known, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
    except TypeError as error:
        raise InputError(where, f"cannot be written as JSON: {error}") from error
