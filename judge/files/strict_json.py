"""Parse JSON more strictly than the standard library: nothing in it is read as something else."""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from typing import Any, NoReturn

from judge.files.fields import RecordProblem, show
from judge.files.limits import MIB, holds_too_much, limits, raise_record_limit

MAX_DEPTH = 64
"""levels of nesting"""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_object(raw: bytes, *, constants_as_null: bool = False) -> dict[str, Any]:
    """Parse one line as a JSON object, more strictly than json.loads."""
    if len(raw) > (most := limits().record_bytes):
        raise RecordProblem(f"line longer than {most // MIB} MiB", raise_record_limit("write one record a line"))
    record = parse_value(raw, constants_as_null=constants_as_null)
    if not isinstance(record, dict):
        raise RecordProblem("not an object", "write one JSON object a line; for an array: jq -c '.[]'")
    return record


def parse_value(raw: bytes, *, constants_as_null: bool = False) -> Any:  # noqa: ANN401
    """Parse any JSON value as strictly; NaN and Infinity, which Python writes, are refused or read as null."""
    _refuse_many_values(raw)
    try:
        text = raw.decode()
        value = (_LENIENT if constants_as_null else _DECODER).decode(text)
        depth = _depth(value) if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH else 0
    except UnicodeDecodeError as error:
        byte = f"byte 0x{raw[error.start]:02x} at position {error.start + 1}"
        raise RecordProblem(f"not UTF-8: {byte}", "save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise _broken(error, last=not raw.endswith(b"\n")) from error
    except RecursionError:
        depth = sys.maxsize
    except ValueError as error:
        raise RecordProblem("a number has too many digits", "write it as text") from error
    if depth > MAX_DEPTH:
        raise RecordProblem(f"nested more than {MAX_DEPTH} levels deep", "write a flatter record")
    if _SURROGATE.search(text):
        _refuse_surrogates(value)
    return value


def _refuse_many_values(raw: bytes) -> None:
    """Refuse a text of so many values that it would take a multiple of its size in memory."""
    if holds_too_much(raw):
        told = f"more than {limits().values:,} values"
        raise RecordProblem(told, raise_record_limit("write smaller records"))


def _broken(error: json.JSONDecodeError, *, last: bool) -> RecordProblem:
    """Tell a line that was cut from one that is wrong."""
    text = error.doc.rstrip()
    place = f"{error.msg} at column {error.colno}"
    if last and text.startswith("{") and (error.pos >= len(text) or not text.endswith("}")):
        return RecordProblem("truncated last line", f"{place}; write the file again")
    return RecordProblem(f"broken JSON: {place}", "write one JSON object a line")


def _depth(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
        case list():
            return 1 + max(map(_depth, value), default=0)
        case _:
            return 0


def _refuse_surrogates(record: object) -> None:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        code = f"\\u{ord(error.object[error.start]):04x}"
        raise RecordProblem(f"half a character: {code} without its partner", "write the text as UTF-8") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise RecordProblem(f"duplicate key {show(key)}", "keep one of the two")
    return unique


def _no_constant(name: str) -> NoReturn:
    raise RecordProblem(f"{name} is not JSON", "write null, or leave the field out")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise RecordProblem(f"number {show(digits)} is too large", "write it as text")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
_LENIENT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=lambda _: None, parse_float=_finite)
