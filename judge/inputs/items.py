"""Open the files of items, JSON lines and Parquet, as one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from judge.enums import AnswerIs
from judge.files.fields import ROW, RecordProblem, show
from judge.files.jsonl import refuse
from judge.files.limits import open_regular
from judge.inputs.id_index import IdIndex
from judge.inputs.parquet_rows import ParquetRows
from judge.inputs.records import Digest, Record
from judge.inputs.traces import NO_PATHS, RecordFile, read_lines

PARQUET = b"PAR1"
SHARD = re.compile(r"[^-]+-(?P<number>[0-9]+)-of-(?P<of>[0-9]+)")


class Items(IdIndex):
    """Files of items, read as one by id.

    Args:
        files: at least one; closed with this.
    """

    def __init__(self, files: Sequence[RecordFile]) -> None:
        super().__init__()
        self.files = tuple(files)
        self._starts = [0]
        for file in files:
            for id_ in file.ids:
                try:
                    self.add(id_)
                except RecordProblem as problem:
                    refuse(file.where(id_), problem.problem, problem.hint)
            self._starts.append(len(self))

    @property
    def path(self) -> str:
        """The files in a few words, for messages."""
        more = len(self.files) - 1
        return self.files[0].path + (f" and {more} more" if more else "")

    def place(self, id_: str) -> str:
        """Name the place of an item in messages."""
        return self._file(id_).where(id_)

    def digest(self, id_: str) -> Digest:
        """Return hashes of an item's question and options."""
        return self._file(id_).digest(id_)

    def record(self, id_: str) -> Record:
        """Read an item again."""
        return self._file(id_).record(id_)

    def _file(self, id_: str) -> RecordFile:
        return self.files[bisect_right(self._starts, self._positions[id_]) - 1]

    def __exit__(self, *_: object) -> None:
        for file in self.files:
            file.close()


def read_items(
    sources: Sequence[str | Path],
    *,
    fields: Mapping[str, str] = NO_PATHS,
    id_column: str | None = None,
    answer_is: AnswerIs | None = None,
    skip_bad: bool = False,
) -> Items:
    """Open files of items, whose traces are not read; raise InputErrors with all problems of the first wrong file.

    Args:
        sources: files of JSON lines or Parquet, told by their content, `-`, and folders of Parquet files.
        fields: paths given with `--field`, by field name.
        id_column: the field or column that holds the ids.
        answer_is: what the right answers are, as the user says.
        skip_bad: whether lines that cannot be read are left out.
    """
    found = [path for source in sources for path in _files_of(source)]
    shards = [path for path in found if isinstance(path, Path)]
    with ExitStack() as stack:
        files = [
            stack.enter_context(
                read_lines(source, fields=_with_id(fields, id_column), answer_is=answer_is, skip_bad=skip_bad)
            )
            for source in found
            if not isinstance(source, Path)
        ]
        if shards:
            files += map(
                stack.enter_context, _open_shards(shards, fields=fields, id_column=id_column, answer_is=answer_is)
            )
        items = Items(files)
        stack.pop_all()
        return items


def _open_shards(
    paths: Sequence[Path], *, fields: Mapping[str, str], id_column: str | None, answer_is: AnswerIs | None
) -> Iterator[RecordFile]:
    """Open Parquet files of items one by one; InputErrors with all problems of the first wrong one.

    A split is told by the file name up to the first `-`; its shards are in the order of their names. A row without an
    id of its own is called `SPLIT-NUMBER`, where the number counts from 0 over all shards of the split.
    """
    splits: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(paths, key=lambda path: path.name):
        splits[path.name.removesuffix(".parquet").split("-")[0]].append(path)
    for split, shards in splits.items():
        first = 0
        for number, path in enumerate(shards):
            rows = _open_parquet(path, fields, id_column, _namer(split, first, id_column))
            if rows.names_rows:
                _refuse_gap(path, number)
            first += rows.n_rows
            yield RecordFile(
                rows,
                folder=path.absolute().parent,
                fields=rows.columns.fields,
                with_traces=False,
                answer_is=answer_is,
            )


def _open_parquet(
    path: Path, fields: Mapping[str, str], id_column: str | None, name_row: Callable[[int], str]
) -> ParquetRows:
    from judge.inputs.parquet_rows import ParquetRows  # noqa: PLC0415 - JSON lines do without polars

    if id_column == ROW:
        return ParquetRows(path, fields=fields, name_row=name_row, by_number=True)
    rows = ParquetRows(path, fields=_with_id(fields, id_column), name_row=name_row)
    if id_column and "id" not in rows.columns.fields:
        refuse(str(path), f"no column {show(id_column)}", f"--id-column takes {ROW} or one of: {rows.columns.names}")
    return rows


def _namer(split: str, first: int, id_column: str | None) -> Callable[[int], str]:
    if id_column == ROW:
        return lambda row: str(first + row)
    return lambda row: f"{split}-{first + row:06d}"


def _refuse_gap(path: Path, number: int) -> None:
    """Refuse a shard whose rows cannot be counted because an earlier one of its split is not given."""
    shard = SHARD.match(path.name)
    if shard and int(shard["number"]) != number:
        refuse(
            str(path),
            "its ids count the rows of its split, of which an earlier shard is missing",
            "give all shards of the split, each once, or --id-column",
        )


def _with_id(fields: Mapping[str, str], id_column: str | None) -> Mapping[str, str]:
    return {**fields, "id": id_column} if id_column else fields


def _files_of(source: str | Path) -> list[str | Path]:
    """Return a Parquet file, or those of a folder, as paths, and any other source as it is."""
    path = Path(source)
    if source == "-":
        return ["-"]
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if not files:
            refuse(str(source), "holds no *.parquet file", "give a file, or a folder of Parquet files")
        return [*files]
    return [path if path.is_file() and _begins_like_parquet(path) else str(source)]


def _begins_like_parquet(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(len(PARQUET)) == PARQUET
    except OSError:
        return False  # the reader of JSON lines says why
