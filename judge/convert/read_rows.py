"""Read a generator's file as rows, and collect its problems."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Self

from judge.convert.formats import FORMATS, NATIVE, Format, detect
from judge.convert.output import Row
from judge.convert.source import source_records
from judge.errors import SHOWN_PROBLEMS, InputError, InputErrors
from judge.files.fields import RecordProblem
from judge.files.jsonl import JsonLines, refuse
from judge.files.limits import MAX_PROBLEMS, is_about_a_limit, limits

LOOKED_AT = 20
"""records that the format is found by"""
MAX_HINT_DOCUMENT = 2**26
"""bytes of a JSON document that is read for no more than a hint"""


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


class RowFile:
    """An open file of a generator, of the format that is named or found by its first records (see `source_records`)."""

    def __init__(self, source: str | Path, format_: str | None, *, max_document: int | None = None) -> None:
        self._file = JsonLines(source)
        self.path = self._file.path
        self.folder = Path.cwd() if source == "-" else Path(source).absolute().parent
        self._records = source_records(self._file, max_document=max_document or limits().document_bytes)
        try:
            self._first = list(islice(self._records, LOOKED_AT))
            self.format = self._named(format_)
        except BaseException:
            self.close()
            raise

    def rows(self, id_path: str | None, problems: Problems) -> Iterator[tuple[str, Row]]:
        """Yield every row once, with its place in the file; records that hold none are noted."""
        for given in chain(self._first, self._records):
            try:
                if isinstance(given.record, RecordProblem):
                    raise given.record
                yield from ((given.where, row) for row in self.format.rows(given.record, id_path))
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
            refuse(self.path, "empty file", "see docs/convert.md on what can be read")
        readable = [given.record for given in self._first if not isinstance(given.record, RecordProblem)]
        if name is not None:
            return next(one for one in FORMATS if one.name == name)
        if not readable:
            problems = Problems()
            for given in self._first:
                if isinstance(given.record, RecordProblem):
                    problems.add(given.where, given.record)
            problems.raise_any()
        return detect(readable, self.path)


def with_convert_hint(error: InputErrors, source: str | Path) -> InputErrors:
    """Return a file's problems, led by the command that converts it where it is of a generator's format."""
    if source == "-" or not Path(source).is_file() or any(map(is_about_a_limit, error.problems)):
        return error
    try:
        with RowFile(source, None, max_document=MAX_HINT_DOCUMENT) as file:
            format_ = file.format
    except InputError:
        return error
    if format_ is NATIVE:
        return error
    command = f"omr-judge convert {shlex.quote(str(source))} --to traces.jsonl"
    hint = InputError(str(source), f"looks like {format_.title}", f"convert it first: {command}")
    return InputErrors([hint, *error.problems], error.total + 1)
