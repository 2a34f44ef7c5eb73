from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.prompting.embedded_options import split_options

WORDS = st.lists(st.sampled_from(["what", "is", "E.", "coli", "it?", "(B)", "5.", "mg)", "—"]), min_size=1, max_size=5)
TEXTS = st.lists(st.sampled_from(["a", "one", "vitamin", "A.", "A)", "B.", "C)", "\n", " ", "\t", "G."]), max_size=14)


@pytest.mark.parametrize(
    ("text", "stem", "options"),
    [
        ("Which?\nA. one\nB. two", "Which?", {"A": "one", "B": "two"}),
        ("Which?\n\n  A) one\n  B) two\n", "Which?", {"A": "one", "B": "two"}),
        ("Which? A. one B. two C. three", "Which?", {"A": "one", "B": "two", "C": "three"}),
        ("Which? A) one B) two", "Which?", {"A": "one", "B": "two"}),
        ("Which of hepatitis B. or C?\nA. B. pertussis\nB. E. coli", None, {"A": "B. pertussis", "B": "E. coli"}),
        ("Which?\r\nA. one\r\nB. two\r\n", "Which?", {"A": "one", "B": "two"}),
        ("W?\nA. 1\nB. 2\nC. 3\nD. 4\nE. 5\nF. 6", "W?", {letter: str(n) for n, letter in enumerate("ABCDEF", 1)}),
    ],
)
def test_options_are_parted_from_the_question(text: str, stem: str | None, options: dict[str, str]) -> None:
    assert split_options(text) == (stem or "Which of hepatitis B. or C?", options)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Which vitamin is it?",
        "Is it hepatitis A. or another?",
        "A. one\nB. two",
        "Which?\nB. one\nC. two",
        "Which?\nA. one\nC. two",
        "Which?\nA. one\nA. two",
        "Which?\nA. one\nB) two",
        "Which?\nA.\nB. two",
        "Which?\nA. one\nB. two\nAnswer with the letter.",
        "Vitamin A. is short. Which? A. one B. two",
        "W?\nA. 1\nB. 2\nC. 3\nD. 4\nE. 5\nF. 6\nG. 7",
        "Which?\na. one\nb. two",
        "A.B. Smith asks: which?",
    ],
)
def test_a_text_in_doubt_stays_whole(text: str) -> None:
    assert split_options(text) == (text, {})


@given(WORDS, st.lists(WORDS, min_size=2, max_size=6), st.sampled_from(".)"), st.sampled_from(["\n", "\n\n", "\n  "]))
def test_options_on_lines_that_are_joined_are_parted_again(
    stem: list[str], options: list[list[str]], mark: str, between: str
) -> None:
    texts = {letter: " ".join(words) for letter, words in zip("ABCDEF", options, strict=False)}
    question = f"Q: {' '.join(stem)}"
    joined = between.join([question, *(f"{letter}{mark} {text}" for letter, text in texts.items())])
    assert split_options(joined) == (question, texts)


@given(TEXTS)
def test_no_word_is_lost(words: list[str]) -> None:
    text = " ".join(words)
    stem, options = split_options(text)
    joined = [f"{stem} " + " ".join(f"{letter}{mark} {option}" for letter, option in options.items()) for mark in ".)"]
    assert text.split() in [one.split() for one in joined]
