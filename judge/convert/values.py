"""Read single values of a generator's record; RecordProblem says what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from judge.enums import AnswerIs
from judge.files.fields import ROW, RecordProblem, as_id, as_text, follow
from judge.files.option_fields import as_options
from judge.prompting.right_answer import ways_to_read

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


def id_or_row(record: Record, path: str | None, *names: str) -> str:
    """Return the id at a path, else under the first of the names that is there; empty: the row's number is its id."""
    if path and path != ROW:
        return record_id(record, path)
    name = next((name for name in names if record.get(name) is not None), None)
    return "" if name is None else record_id(record, name)


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


def options_at(value: object) -> dict[str, str] | None:
    """Return options by letter from any form that they have; None where they have none of these."""
    try:
        return as_options(value) or None
    except RecordProblem:
        return None


def answer_at(answer: object, options: Mapping[str, str] | None = None) -> object:
    """Return a right answer; a number is an index into the options, from 0, unless it is text that one of them has.

    None where it is no text, no number and no list of these.
    """
    if isinstance(answer, list):
        if not answer or any(isinstance(one, list) or answer_at(one) is None for one in answer):
            return None
        answer = answer[0] if len(answer) == 1 else answer
    elif isinstance(answer, bool) or not isinstance(answer, str | int):
        return None
    ways = ways_to_read(answer, options) if options else {}
    texts = answer if isinstance(answer, list) else [answer]
    if AnswerIs.INDEX0 not in ways or (
        ways.keys() & {AnswerIs.LETTER, AnswerIs.TEXT} and not all(isinstance(one, int) for one in texts)
    ):
        return answer if isinstance(answer, str | list) else str(answer)
    return ways[AnswerIs.INDEX0]
