"""Name what a file is that holds no JSON lines and is of no known format, and what reads it nevertheless."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shlex
from pathlib import Path

from judge.errors import InputError, InputErrors
from judge.files.limits import is_about_a_limit, open_regular

LOOKED_AT = 2**16
"""bytes of a file that its kind is told by"""
SHOWN_COLUMNS = 4
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_INNER_ARRAY = re.compile(r'"([A-Za-z_]\w*)"\s*:\s*\[\s*\{')
"""the first list of objects within an object"""
SHEET = "an Excel sheet"
_NAME = re.compile(r"[^\W\d][\w .()-]{0,40}")


def with_file_kind(error: InputErrors, source: str | Path, *, traces: bool = True) -> InputErrors:
    """Return what the file is, in place of a problem a line, where it holds no JSON lines at all.

    Args:
        error: the problems of its lines.
        source: the file, or `-`.
        traces: whether traces are wanted, and not items: those are taken from a file once their names are known.
    """
    path = Path(source)
    if source == "-" or not path.is_file() or any(map(is_about_a_limit, error.problems)):
        return error
    beginning = _beginning(path)
    kind = file_kind(beginning)
    if kind is None:
        return error
    if kind == SEVERAL_OBJECTS or (kind == ONE_OBJECT and not traces):
        array = _INNER_ARRAY.search(beginning) if kind == ONE_OBJECT else None
        wanted = shlex.quote(f".{array[1]}[]") if array else "."
        to = path.with_name(f"{path.name.partition('.')[0]}{'-lines' if path.suffix == '.jsonl' else ''}.jsonl").name
        hint = f"convert it first: jq -c {wanted} {shlex.quote(str(source))} > {shlex.quote(to)}"
        return InputErrors([InputError(str(source), f"is {kind}, not one JSON object a line", hint)])
    name = "NAME" if kind in (ARRAY, ONE_OBJECT) else "COLUMN"
    hint = f"say which hold them: --field trace={name}, --field id={name} (or --id-column row)"
    return InputErrors(
        [InputError(str(source), f"is {kind}, of which no names are known to hold ids and traces", hint)]
    )


def kind_of(path: Path) -> str | None:
    """Return what a file without JSON lines is, as `file_kind`, or an Excel sheet; None too if it cannot be read."""
    if not path.is_file():
        return None
    try:
        with open_regular(path) as file:
            if file.read(len(_ZIP)) == _ZIP:
                return SHEET
        return file_kind(_beginning(path))
    except OSError:
        return None


ARRAY, ONE_OBJECT, SEVERAL_OBJECTS = (
    "a JSON array",
    "a JSON object over several lines",
    "JSON objects over several lines each",
)


def file_kind(beginning: str) -> str | None:
    """Return what a text is that is no JSON lines: CSV, an array, pretty JSON; None where it is none of them."""
    text = beginning.removeprefix("\ufeff").lstrip()
    if text.startswith("["):
        return ARRAY
    lines = text.splitlines()
    if text.startswith("{"):
        if _is_json(lines[0]):
            return None
        closed = [number for number, line in enumerate(lines) if line.rstrip() == "}"]
        if len(lines) == 1 or not re.fullmatch(r"\{\s*|\{.*[,{\[:]\s*", lines[0]):
            return None
        return SEVERAL_OBJECTS if any(lines[number + 1 : number + 2] == ["{"] for number in closed) else ONE_OBJECT
    return _table(lines)


def _table(lines: list[str]) -> str | None:
    """Return the columns of a text that begins as CSV, or as a table with tabs, does."""
    for delimiter, name in ((",", "CSV"), ("\t", "a table with tabs"), (";", "CSV with semicolons")):
        try:
            rows = list(csv.reader(lines[:20], delimiter=delimiter))
        except csv.Error:
            continue
        columns = [column.strip() for column in rows[0]] if rows else []
        if len(columns) > 1 and len(rows) > 1 and all(map(_NAME.fullmatch, columns)) and len(rows[1]) == len(columns):
            shown = ", ".join(columns[:SHOWN_COLUMNS]) + (", ..." if len(columns) > SHOWN_COLUMNS else "")
            return f"{name} with a header ({shown})"
    return None


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _beginning(path: Path) -> str:
    try:
        with open_regular(path) as file:
            raw = file.read(LOOKED_AT)
            if raw.startswith(_GZIP):
                file.seek(0)
                with gzip.open(file) as unpacked:
                    raw = unpacked.read(LOOKED_AT)
    except (OSError, EOFError):
        return ""
    return raw.decode("utf-8", "ignore")
