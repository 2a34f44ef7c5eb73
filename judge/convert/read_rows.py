"""Read a generator's file as rows, and collect its problems."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Self

from judge.convert.formats import FORMATS, Format, detect
from judge.convert.output import Row
from judge.convert.record_images import with_images
from judge.convert.source import holds_lines, source_records
from judge.convert.values import SourceRecord
from judge.errors import SHOWN_PROBLEMS, InputError, InputErrors
from judge.files.fields import ROW, RecordProblem, follow
from judge.files.jsonl import JsonLines, refuse
from judge.files.limits import MAX_PROBLEMS, limits

LOOKED_AT = 20
"""records that the format is found by"""


class Problems:
    """Problems of the input: the first twenty, and their number."""

    def __init__(self) -> None:
        self._kept: list[InputError] = []
        self.total = 0

    def add(self, where: str, problem: RecordProblem) -> None:
        """Note a problem."""
        self.total += 1
        if len(self._kept) < SHOWN_PROBLEMS:
            self._kept.append(InputError(where, problem.problem, problem.hint))

    def raise_any(self) -> None:
        """Raise all of them together, where there are any."""
        if self._kept:
            raise InputErrors(self._kept, self.total)


def _with_trace(records: Generator[SourceRecord], path: str) -> Generator[SourceRecord]:
    """Yield records whose text at a path is called a trace."""
    for given in records:
        if not isinstance(given.record, RecordProblem) and (text := follow(given.record, path)) is not None:
            rest = {name: value for name, value in given.record.items() if name != path}
            yield given._replace(record={**rest, "trace": text})
        else:
            yield given


class RowFile:
    """An open file of a generator, of the format that is named or found by its first records (see `source_records`)."""

    def __init__(
        self,
        source: str | Path,
        format_: str | None,
        *,
        id_path: str | None = None,
        trace_path: str | None = None,
        lenient: bool = False,
    ) -> None:
        self._file = JsonLines(source)
        self.path, self.sha256 = self._file.path, self._file.sha256
        self.holds_lines = holds_lines(self._file)
        """whether it is JSON lines, as a file of traces is"""
        self.folder = Path.cwd() if source == "-" else Path(source).absolute().parent
        self._records = source_records(self._file, max_document=limits().document_bytes)
        if trace_path is not None:
            self._records = _with_trace(self._records, trace_path)
        try:
            self._first = list(islice(self._records, LOOKED_AT))
            self._id_path, self._lenient = id_path, lenient
            self.format = self._named(format_)
        except BaseException:
            self.close()
            raise

    def rows(self, problems: Problems) -> Iterator[tuple[str, Row]]:
        """Yield every row once, with its place in the file; records that hold none are noted."""
        for number, given in enumerate(chain(self._first, self._records)):
            try:
                if isinstance(given.record, RecordProblem):
                    raise given.record
                for row in self.format.rows(given.record, self._id_path):
                    id_ = row.id if row.id and self._id_path != ROW else str(number)
                    yield given.where, replace(row, id=id_, fields=with_images(row, given.record, self.format.name))
            except RecordProblem as problem:
                problems.add(given.where, problem)
                if problems.total >= MAX_PROBLEMS:
                    return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._records.close()
        self._file.close()

    def _named(self, name: str | None) -> Format:
        if not self._first:
            refuse(self.path, "empty file", "see docs/input.md on what can be read")
        readable = [given.record for given in self._first if not isinstance(given.record, RecordProblem)]
        if name is not None:
            return next(one for one in FORMATS if one.name == name)
        if not readable:
            problems = Problems()
            for given in self._first:
                if isinstance(given.record, RecordProblem):
                    problems.add(given.where, given.record)
            problems.raise_any()
        return detect(readable, self.path, any_id=self._id_path is not None, lenient=self._lenient)
