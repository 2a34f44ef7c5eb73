"""Trace files of our own, in any of the spellings of docs/input.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from judge.convert.output import Row
from judge.convert.values import Record
from judge.files.fields import FIELDS, RecordFields, as_id, as_name, as_text

_TAGS = ("<think>", "</think>", "<answer>")
_REST = ("response", "output", "completion", "prediction")


def is_native(record: Record) -> bool:
    """Return whether a record has an id and a text under names that are read by default."""
    return any(isinstance(record.get(name), str | int) for name in FIELDS["id"]) and any(
        isinstance(record.get(name), str) for name in FIELDS["trace"]
    )


def read_native(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the record's only output; beside `reasoning`, what followed it is the text."""
    fields = RecordFields(record, {"id": id_path} if id_path else {})
    id_, text = fields.require("id", as_id), fields.require("trace", as_text)
    model = fields.read("model", as_name)
    if fields.problems:
        raise fields.problems[0]
    rest, reasoning = fields.rest(), ""
    if text and not record.get("trace") and record.get("reasoning") == text and not any(tag in text for tag in _TAGS):
        followed = next((name for name in _REST if isinstance(rest.get(name), str) and rest[name]), None)
        reasoning, text = text, rest.pop(followed) if followed is not None else ""
    yield Row(id=id_ or "", text=text or "", reasoning=reasoning, model=model, fields=rest)


def with_absolute_images(fields: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Return fields whose image paths, relative to the file that names them, are absolute."""
    given = {name: fields[name] for name in FIELDS["image"] if name in fields}
    return {**fields, **{name: _absolute(value, folder) for name, value in given.items()}}


def _absolute(value: object, folder: Path) -> object:
    match value:
        case list():
            return [_absolute(one, folder) for one in value]
        case str() if value and "://" not in value and not value.startswith("data:"):
            return str(folder / value)
        case _:
            return value
