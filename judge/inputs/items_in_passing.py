"""Read items from a table, an array or a JSON document in passing, where JSON lines are wanted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson

from judge.convert.source import source_records
from judge.errors import InputErrors
from judge.files.fields import RecordProblem
from judge.files.jsonl import JsonLines, refuse
from judge.files.limits import is_about_a_limit, limits
from judge.inputs.file_kinds import ONE_OBJECT, SEVERAL_OBJECTS, kind_of, with_file_kind


class ConvertedItems(JsonLines):
    """The records of such a file as lines, under its name and its hash; a cell of a table is a text.

    Args:
        source: the file.
        kind: what it is.

    Raises:
        InputErrors: the file is damaged, or holds what is no record.
    """

    kind = "item"
    if_empty = "give a header and a row an item, or an array of objects"

    def __init__(self, source: str | Path, kind: str) -> None:
        with JsonLines(source) as file, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            to = Path(folder) / "items.jsonl"
            with to.open("wb") as lines:
                for where, record in source_records(file, max_document=limits().document_bytes):
                    if isinstance(record, RecordProblem):
                        refuse(where, record.problem, record.hint)
                    lines.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            super().__init__(to)  # it stays readable: the file is open
        self.path, self.sha256 = file.path, file.sha256
        self.note = f"{file.path}: {kind}, read as items"

    def where(self, number: int) -> str:
        """Name the place of an item: `items.csv: item 12`, counted from 1."""
        return f"{self.path}: item {number}"


def converted_items(source: str | Path, error: InputErrors) -> ConvertedItems:
    """Return the items of a file that holds no JSON lines but a table or an array; else raise what is wrong with it."""
    if source == "-" or any(map(is_about_a_limit, error.problems)):
        raise error
    kind = kind_of(Path(source))
    if kind is None:
        raise error
    if kind in {ONE_OBJECT, SEVERAL_OBJECTS}:
        raise with_file_kind(error, source, traces=False)
    return ConvertedItems(source, kind)
