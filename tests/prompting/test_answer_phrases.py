"""Where the phrases of answers begin: found quickly, and nowhere else than their patterns match."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.prompting.answer_phrases import PHRASES, any_of, places
from judge.prompting.read_answer import read_answer

WORDS = sorted({word for texts in PHRASES.values() for text in texts.values() for word in re.split(r"\W+", text)})


@pytest.mark.parametrize("role", PHRASES)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from([" ", " ", "\n", ".", "'", "\u7b54"])), max_size=12))
def test_phrases_begin_where_their_pattern_matches(role: str, parts: list[str]) -> None:
    text = "".join(parts).lower()
    pattern = re.compile(any_of(role), re.MULTILINE)
    assert places(text, role) == [at for at in range(len(text)) if pattern.match(text, at)]


@pytest.mark.parametrize("text", ["right ", "is right ", "it is so ", "answer ", "\u6b63\u786e\u662f", "is" + " " * 50])
def test_a_long_text_without_a_point_is_read_in_time_that_grows_with_its_length(text: str) -> None:
    spent = []
    for n in (1_000, 4_000):
        start = time.process_time()
        read_answer(text * n, {"A": "one", "B": "two"})
        spent.append(time.process_time() - start)
    assert spent[1] < 12 * spent[0] + 0.5
