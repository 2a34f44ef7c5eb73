"""Trace files of our own, in any of the spellings of docs/input.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from judge.convert.messages import image_fields, named_images, whole_output
from judge.convert.output import Row
from judge.convert.values import Record
from judge.files.fields import FIELDS, ROW, RecordFields, as_id, as_name

_CHATS = {"messages", "conversations", "choices"}


def is_native(record: Record) -> bool:
    """Return whether a record has an id and a text under names that are read by default."""
    return holds_trace(record) and any(isinstance(record.get(name), str | int) for name in FIELDS["id"])


def holds_trace(record: Record) -> bool:
    """Return whether a record has a text, or thinking, under a name of ours; a table's cell may be empty."""
    if any(isinstance(record.get(name), str) for name in FIELDS["trace"]):
        return True
    return any(name in record and record[name] is None for name in FIELDS["trace"]) and not _CHATS & record.keys()


def read_native(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the record's only output; beside thinking, what followed it is the final text."""
    by_number = id_path == ROW
    fields = RecordFields(record, {"id": id_path} if id_path and not by_number else {})
    id_ = fields.read("id", as_id) if by_number else fields.require("id", as_id)
    text, model = whole_output(fields), fields.read("model", as_name)
    if fields.problems:
        raise fields.problems[0]
    rest, sample = fields.rest(), record.get("sample")
    if isinstance(sample, str) and sample.isdecimal():
        rest["sample"] = sample = int(sample)  # a table's cell
    yield Row(
        id=id_ or "",
        text=text,
        model=model,
        repeats=False,
        sample=sample if type(sample) is int else None,
        fields=_with_base64(rest),
    )


def _with_base64(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields in which images whose bytes a table holds stand as base64."""
    held = [name for name in fields if holds_bytes(fields[name])]
    images = [image for name in held for image in named_images(fields[name])]
    return {name: value for name, value in fields.items() if name not in held} | image_fields(images)


def holds_bytes(value: object) -> bool:
    """Say whether a cell holds bytes: alone, in a struct, or in a list."""
    match value:
        case list():
            return any(map(holds_bytes, value))
        case Mapping():
            return any(map(holds_bytes, value.values()))
        case _:
            return isinstance(value, bytes)


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
