"""Open the shards of Parquet splits as files of items, and name the rows that have no id of their own."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import ExitStack
from typing import TYPE_CHECKING

from judge.io.fields import show
from judge.io.jsonl import refuse
from judge.io.parquet_rows import ParquetRows
from judge.io.traces import RecordFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

ROW = "row"
"""as `--id-column`: the row's number within its split"""
SHARD = re.compile(r"[^-]+-(?P<number>[0-9]+)-of-(?P<of>[0-9]+)")


def open_shards(paths: Sequence[Path], *, fields: Mapping[str, str], id_column: str | None) -> list[RecordFile]:
    """Open Parquet files of items; InputErrors with all problems of the first wrong one.

    A split is told by the file name up to the first `-`; its shards are in the order of their names. A row without an
    id of its own is called `SPLIT-NUMBER`, where the number counts from 0 over all shards of the split.
    """
    splits: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(paths, key=lambda path: path.name):
        splits[_split(path)].append(path)
    with ExitStack() as stack:
        files = []
        for split, shards in splits.items():
            first = 0
            for number, path in enumerate(shards):
                rows = _open(path, fields, id_column, _namer(split, first, id_column))
                if rows.names_rows:
                    _refuse_gap(path, number)
                first += rows.n_rows
                file = RecordFile(rows, folder=path.absolute().parent, fields=rows.columns.fields, with_traces=False)
                files.append(stack.enter_context(file))
        stack.pop_all()
        return files


def _open(path: Path, fields: Mapping[str, str], id_column: str | None, name_row: Callable[[int], str]) -> ParquetRows:
    if id_column == ROW:
        return ParquetRows(path, fields=fields, name_row=name_row, by_number=True)
    wanted = {**fields, "id": id_column} if id_column else fields
    rows = ParquetRows(path, fields=wanted, name_row=name_row)
    if id_column and "id" not in rows.columns.fields:
        refuse(str(path), f"no column {show(id_column)}", f"--id-column takes {ROW} or one of: {rows.columns.names}")
    return rows


def _namer(split: str, first: int, id_column: str | None) -> Callable[[int], str]:
    """Return what names a row by its number within the file."""
    if id_column == ROW:
        return lambda row: str(first + row)
    return lambda row: f"{split}-{first + row:06d}"


def _split(path: Path) -> str:
    return path.name.removesuffix(".parquet").split("-")[0]


def _refuse_gap(path: Path, number: int) -> None:
    """Refuse a shard whose rows cannot be counted because an earlier one of its split is not given."""
    shard = SHARD.match(path.name)
    if shard and int(shard["number"]) != number:
        refuse(
            str(path),
            "its ids count the rows of its split, of which an earlier shard is missing",
            "give all shards of the split, each once, or --id-column",
        )
