"""Read single values of a generator's record; RecordProblem says what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from judge.files.fields import RecordProblem, as_id, as_text, follow

Record = Mapping[str, Any]


class SourceRecord(NamedTuple):
    """One record of a file, or why it cannot be read."""

    where: str
    """`out.jsonl:12`"""
    record: dict[str, Any] | RecordProblem


def record_id(record: Record, path: str) -> str:
    """Return a record's id from a dotted path."""
    value = follow(record, path)
    if value is None:
        raise RecordProblem("missing id", f"looked for: {path}; name another place with --id")
    try:
        return as_id(value)
    except RecordProblem as problem:
        raise RecordProblem(f"id: {problem.problem}", "name another place with --id") from problem


def text_at(record: Record, name: str, read: Callable[[object], str] = as_text) -> str:
    """Return a text, blank where it is absent."""
    value = record.get(name)
    try:
        return "" if value is None else read(value)
    except RecordProblem as problem:
        raise RecordProblem(f"{name}: {problem.problem}", problem.hint) from problem


def optional_text(record: Record, name: str) -> str | None:
    """Return a text, None where it is absent or blank."""
    return text_at(record, name) or None


def object_at(record: Record, name: str) -> Record:
    """Return an object, empty where it is absent."""
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RecordProblem(f"{name}: expected an object", "the file may be of another format; see --format")
    return value


def objects_at(record: Record, name: str) -> list[Record]:
    """Return a list of objects, empty where it is absent."""
    value = record.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise RecordProblem(f"{name}: expected a list of objects", "the file may be of another format; see --format")
    return value


def texts_in(blocks: Sequence[Record], type_: str, name: str) -> str:
    """Join the texts of the blocks of a type."""
    return "\n\n".join(text for block in blocks if block.get("type") == type_ and (text := text_at(block, name)))


def present(**values: object) -> dict[str, Any]:
    """Return the values that are not empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def lettered(texts: Sequence[object]) -> dict[str, str] | None:
    """Return options by letter, or None where they are no list of texts and numbers."""
    if not 0 < len(texts) <= len(ascii_uppercase):
        return None
    if not all(isinstance(text, str | int | float) for text in texts):
        return None
    return {letter: str(text) for letter, text in zip(ascii_uppercase, texts, strict=False)}


def letter_of_index(answer: object, options: Mapping[str, str] | None) -> str | None:
    """Return a right answer as text: an index into the options, from 0, becomes its letter."""
    if not isinstance(answer, str | int) or isinstance(answer, bool):
        return None
    text = str(answer)
    if not options or text in options or text in options.values():
        return text or None
    by_index = {str(index): letter for index, letter in enumerate(options)}
    return by_index.get(text, text) or None
