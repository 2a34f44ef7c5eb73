"""Working ahead changes when things are made, and nothing else."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.core.ahead import CHUNK_CHARS, CHUNK_THINGS, ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


@given(st.lists(st.integers(0, CHUNK_CHARS * 2)))
def test_every_thing_comes_once_and_in_its_order(things: list[int]) -> None:
    assert list(ahead(things, lambda held: held)) == things


@given(st.lists(st.integers(0, CHUNK_CHARS // 4), min_size=1, max_size=200), st.data())
def test_what_is_made_ahead_is_bounded_in_number_and_in_size(things: list[int], data: st.DataObject) -> None:
    taken = data.draw(st.integers(1, len(things)))
    made: list[int] = []

    def making() -> Iterator[int]:
        for thing in things:
            made.append(thing)
            yield thing

    list(islice(ahead(making(), lambda held: held), taken))
    beyond = made[taken:]
    assert len(beyond) < CHUNK_THINGS
    assert sum(beyond[:-1]) <= CHUNK_CHARS


def test_things_that_are_large_are_made_one_at_a_time() -> None:
    made: list[int] = []

    def making() -> Iterator[int]:
        for number in range(3):
            made.append(number)
            yield number

    for number in ahead(making(), lambda _: CHUNK_CHARS + 1):
        assert made == list(range(number + 1))


def test_what_making_raises_comes_after_all_that_was_made_before() -> None:
    def making() -> Iterator[int]:
        yield from range(CHUNK_THINGS + 3)
        raise EOFError

    things = ahead(making(), lambda _: 1)
    assert list(islice(things, CHUNK_THINGS + 3)) == list(range(CHUNK_THINGS + 3))
    with pytest.raises(EOFError):
        next(things)
