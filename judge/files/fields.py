"""Fields of a record under the spellings of its generator."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from judge.errors import InputError
from judge.files.limits import limits, raise_record_limit

FIELDS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "question_id", "qid", "item_id"),
    "question": ("question", "query"),
    "options": ("options", "choices"),
    "answer": ("answer", "gold", "target"),
    "reference_reasoning": ("reference_reasoning", "reference"),
    "image": ("image", "images", "image_path"),
    "image_base64": ("image_base64",),
    "checklist": ("checklist", "units"),
    "perception": ("perception",),
    "knowledge": ("knowledge",),
    "rationale": ("rationale",),
    "trace": ("trace", "reasoning", "reasoning_content", "thinking", "response", "output", "completion", "prediction"),
    "model": ("model", "model_name", "generator", "model_id"),
    "model_answer": ("model_answer", "predicted_answer", "pred"),
    "subgroup": ("subgroup",),
}
"""Each field and the spellings accepted for it; docs/input.md shows the same table."""

THINKING = ("reasoning", "reasoning_content", "thinking")
"""spellings of a trace that hold thinking alone: what followed it stands in one of those below"""
FOLLOWS = ("response", "output", "completion", "prediction", "content")
# Beside `reasoning`, a generator's `response` or `output` holds the answer that followed the reasoning.
_WINS = {spellings[0] for spellings in FIELDS.values()} | {*THINKING}
_SPELLINGS = {spelling for spellings in FIELDS.values() for spelling in spellings}
_URL = re.compile(r"data:|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SHOWN_CHARACTERS = 80
SHOWN_FIELDS = 5
"""fields named of a record in which one is missing"""
MAX_NAME_CHARS = 1_000
"""of ids and of models: they stand in every message, table and file that tells of them"""

ROW = "row"
"""as `--id` and `--id-column`: the row's number, from 0"""

T = TypeVar("T")


class RecordProblem(Exception):  # noqa: N818
    """What is wrong with one record, and what to do; the reader adds the file and the line."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem, self.hint = problem, hint
        super().__init__(problem)


def show(text: str) -> str:
    """Quote a text of the input for a message, shortened and without control characters."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


def parse_field_options(options: Sequence[str]) -> dict[str, str]:
    """Parse the values of `--field name=path.in.record` into paths by field name."""
    paths: dict[str, str] = {}
    for option in options:
        name, _, path = option.partition("=")
        where = f"--field {option}"
        if not all([name, *path.split(".")]):
            raise InputError(where, "not of the form name=path", "for example --field trace=choices.0.message.content")
        if name not in FIELDS:
            raise InputError(where, f"unknown field {show(name)}", f"known fields: {', '.join(FIELDS)}")
        if name in paths:
            raise InputError(where, f"{name} is given twice", f"it was given as {paths[name]}")
        paths[name] = path
    return paths


class RecordFields:
    """The fields of one record under our names, and every problem met in reading them."""

    def __init__(self, record: Mapping[str, Any], paths: Mapping[str, str]) -> None:
        self.problems: list[RecordProblem] = []
        self.places: dict[str, str] = {}
        """where in the record each field was read"""
        self._record, self._paths = record, paths
        self._reserved = {path.split(".")[0] for path in paths.values()}
        self._used: set[str] = set()

    def read(self, name: str, convert: Callable[[Any], T]) -> T | None:
        """Return a field converted, or None where the record lacks it or a problem was noted."""
        try:
            spelling = self._paths.get(name) or self.spelling(name)
            self._used.add(spelling)
            self.places[name] = spelling
            value = follow(self._record, spelling)
            return None if value is None else convert(value)
        except RecordProblem as problem:
            self.problems.append(RecordProblem(f"{name}: {problem.problem}", problem.hint))
            return None

    def require(self, name: str, convert: Callable[[Any], T]) -> T | None:
        """Read a field, and note a problem where the record lacks it."""
        noted = len(self.problems)
        value = self.read(name, convert)
        if value is None and len(self.problems) == noted:
            expected = self._paths.get(name) or ", ".join(FIELDS[name])
            unknown = [show(key) for key in self._record if key not in _SPELLINGS][:SHOWN_FIELDS]
            way = f"--field {name}=NAME reads another, such as {', '.join(unknown)}" if unknown else "see --field"
            self.problems.append(RecordProblem(f"missing {name}", f"looked for: {expected}; {way}"))
        return value

    def take(self, key: str, convert: Callable[[Any], T]) -> T | None:
        """Return a key of the record that is no field of ours everywhere, converted like one."""
        value = self._record.get(key)
        if value is None or key in self._reserved:
            return None
        self._used.add(key)
        try:
            return convert(value)
        except RecordProblem as problem:
            self.problems.append(RecordProblem(f"{key}: {problem.problem}", problem.hint))
            return None

    def look(self, key: str) -> object:
        """Return what a key of the record holds, without taking it; None where it holds nothing or is a path's."""
        return None if key in self._reserved else self._record.get(key)

    def has(self, key: str) -> bool:
        """Say whether the record has a key, whatever it holds."""
        return key in self._record

    def unread(self) -> list[str]:
        """Return the keys that were not read, and that no path begins with."""
        return [key for key in self._record if key not in self._used and key not in self._reserved]

    def is_given(self, name: str) -> bool:
        """Say whether the user named the place of a field."""
        return name in self._paths

    def rest(self) -> dict[str, Any]:
        """Return the fields that were not read, without the known ones that are null."""
        return {
            key: value
            for key, value in self._record.items()
            if key not in self._used and not (value is None and key in _SPELLINGS)
        }

    def spelling(self, name: str) -> str:
        """Return under which of its names the record has a field; RecordProblem where several differ."""
        candidates = [spelling for spelling in FIELDS[name] if spelling not in self._reserved]
        filled = [spelling for spelling in candidates if self._record.get(spelling) not in (None, "")]
        if not filled:
            given = [spelling for spelling in candidates if self._record.get(spelling) is not None]
            return given[0] if given else name
        first = filled[0]
        for other in filled[1:]:
            if first not in _WINS and self._record[other] != self._record[first]:
                raise RecordProblem(f"'{first}' and '{other}' differ", f"choose with --field {name}={first}")
        return first


def follow(record: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401
    """Return what lies at a dotted path, or None; a key that itself holds the dots comes first."""
    if path in record:
        return record[path]
    value: Any = record
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def wrong_type(expected: str, value: object) -> RecordProblem:
    """Return the problem that a value is of another type than expected."""
    match value:
        case None:
            found = "null"
        case bool():
            found = "true or false"
        case int() | float():
            found = "a number"
        case str():
            found = "text"
        case list():
            found = "a list"
        case _:
            found = "an object"
    return RecordProblem(f"expected {expected}, found {found}")


def as_id(value: object) -> str:
    """Return an id as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise wrong_type("text or an integer", value)
    if not value.strip():
        raise RecordProblem("empty", "every record needs its own id")
    return as_name(value)


def as_name(value: object) -> str:
    """Return a text that names something."""
    if len(name := as_text(value)) > MAX_NAME_CHARS:
        raise RecordProblem(f"{len(name):,} characters, and a name may have {MAX_NAME_CHARS:,}", "give a shorter one")
    return name


def as_text(value: object) -> str:
    """Return a text as it is."""
    if not isinstance(value, str):
        raise wrong_type("text", value)
    if len(value) > (most := limits().text_chars):
        told = f"{len(value):,} characters, and a text may have {most:,}"
        raise RecordProblem(told, raise_record_limit("leave the record out, or shorten it"))
    return value


def as_label(value: object) -> str:
    """Return a text, or a number as JSON writes it."""
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type("text or a number", value)
    return json.dumps(value)


def as_subgroup(value: object) -> dict[str, str]:
    """Return subgroups by name, with true and false as JSON writes them and without nulls."""
    if not isinstance(value, dict):
        raise wrong_type("an object", value)
    return {
        name: json.dumps(text) if isinstance(text, bool) else as_label(text)
        for name, text in value.items()
        if text is not None
    }


def is_address(text: str) -> bool:
    """Say whether an image is named by an address that a person may allow to be fetched."""
    return text[:8].lower() == "https://"


def as_image_path(value: object) -> str:
    """Return the path of an image, or its https address, as given."""
    if not isinstance(value, str):
        raise wrong_type("a path or a list of paths", value)
    if _URL.match(value) and not is_address(value):
        raise RecordProblem(f"{show(value)} is a URL", "only https is ever fetched: save the image and give its path")
    if "\0" in value:
        raise RecordProblem(f"{show(value)} is not a path", "it holds a NUL character")
    return value
