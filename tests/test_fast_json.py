"""The fast parser reads exactly what the strict one reads, or nothing."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from judge.core.fast_json import parse_again, parse_fast


class OddError(ValueError):
    pass


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise OddError
    return dict(pairs)


def refuse(_: str) -> NoReturn:
    raise OddError


def strictly(text: str) -> Any:  # noqa: ANN401 - JSON can be anything
    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


keys = st.sampled_from(["a", "b", 'q":', ":"]) | st.text(max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
# Objects as lists of pairs, so that keys occur twice.
pairs = st.lists(st.tuples(st.sampled_from(["a", "b", "\\u0061", "\\\\"]), values), max_size=3)
objects = pairs.map(lambda some: "{" + ", ".join(f'"{key}" : {json.dumps(value)}' for key, value in some) + "}")


@given(values.map(json.dumps) | objects | st.text(alphabet='{}[]":,\\ \n0123456789eE.+-abu', max_size=20))
@example('{"a": 1, "a": 2}')
@example('{"a": {"b": 1, "b": 2}}')
@example('{"a": 1, "\\u0061": 2}')
@example('[{"a": 123456789012345678901234567890}]')
@example("1e999")
@example("-0")
@example("NaN")
@example('{"a": "\\ud800"}')
def test_what_is_read_fast_is_what_is_read_strictly(text: str) -> None:
    parsed = parse_fast(text.encode())
    if parsed is not None:
        expected = strictly(text)
        assert (parsed.value, json.dumps(parsed.value)) == (expected, json.dumps(expected))


@pytest.mark.parametrize(
    ("text", "depth"), [('{"a": "b", "c": [1, {"d": null}]}', 3), ("[]", 1), ("7", 0), ('"text"', 0), ('{"a": {}}', 2)]
)
def test_plain_json_is_read_fast_with_its_depth(text: str, depth: int) -> None:
    assert parse_fast(text.encode()) == (json.loads(text), depth)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"a": "say \\"b\\": c"}', "[1.5]", "{", "NaN", '"\\ud800"'])
def test_what_is_in_doubt_is_left_to_the_strict_parser(text: str) -> None:
    assert parse_fast(text.encode()) is None


@given(st.dictionaries(st.text(max_size=3), values, max_size=3))
@example({"a": 123456789012345678901234567890})
@example({"a": [1.5, {"b": -0.0}], "b": 2**64 - 1})
def test_what_was_read_strictly_is_read_again_as_it_was(value: dict[str, Any]) -> None:
    again = parse_again(json.dumps(value).encode())
    assert again is None or json.dumps(again) == json.dumps(value)


@pytest.mark.parametrize("text", ['{"a": [1.5]}', '{"a": {"b": 1e3}}', '{"a": 123456789012345678901234567890}', "{"])
def test_what_may_be_read_otherwise_is_not_read_again(text: str) -> None:
    assert parse_again(text.encode()) is None


def test_plain_json_is_read_again() -> None:
    assert parse_again(b'{"a": "b\\": c", "c": [1, {"d": null}]}') == {"a": 'b": c', "c": [1, {"d": None}]}
