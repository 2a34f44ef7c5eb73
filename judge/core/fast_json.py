"""Parse JSON by the fast parser where it reads exactly what the strict ones do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

_AFTER_KEY = re.compile(rb'"[ \t\n\r]*:')


class Parsed(NamedTuple):
    """A JSON value without duplicate keys, and how deeply it is nested: 0 for what is no object and no array."""

    value: Any
    depth: int


def parse_fast(content: bytes) -> Parsed | None:
    """Parse JSON that is beyond doubt; None leaves it to a strict parser to read it, or to say what is wrong.

    In doubt is whatever orjson refuses, a number with a fraction (orjson makes one of a very long integer too), and an
    object that may hold a key twice: every key is followed by a colon, so that with more quotation marks before colons
    than keys in the result, there are such marks within texts, or keys were lost.
    """
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    keys, depth, floats = _survey([value])
    return None if floats or len(_AFTER_KEY.findall(content)) != keys else Parsed(value, depth - 1)


def parse_again(content: bytes) -> Any | None:  # noqa: ANN401 - any JSON value
    """Parse JSON that a strict parser took; None leaves it to that parser: orjson reads it otherwise, or not at all."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return None if _holds_float([value]) else value


def _holds_float(values: Iterable[Any]) -> bool:
    for value in values:
        kind = type(value)
        if kind is float:
            return True
        if (kind is dict and _holds_float(value.values())) or (kind is list and _holds_float(value)):
            return True
    return False


def _survey(value: Any) -> tuple[int, int, int]:  # noqa: ANN401 - any JSON value
    """Return how many keys a value holds on all levels, how many levels there are, and how many floats."""
    keys, depth, floats = 0, 0, 0
    level = [value]
    while level:
        depth += 1
        below = []
        for held in level:
            if is_object := type(held) is dict:
                keys += len(held)
            for child in held.values() if is_object else held:
                kind = type(child)
                if kind is dict or kind is list:
                    below.append(child)
                elif kind is float:
                    floats += 1
        level = below
    return keys, depth, floats
