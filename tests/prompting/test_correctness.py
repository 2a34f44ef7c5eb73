"""Which option a trace ends with, and whether it is right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.inputs.traces import read_traces
from judge.prompting.correctness import chosen_options, is_right, right_labels
from judge.schema import Item, Trace

OPTIONS = {"A": "Aspirin", "B": "A beta blocker", "C": "Heparin", "D": "None of these"}
ITEM = Item(id="q", question="?", options=OPTIONS, answer="B")
SHARED = Path(__file__).parents[3] / "shared"


def chosen(answer: str | None, text: str = "...", item: Item = ITEM) -> str | None:
    return "".join(chosen_options(Trace(text=text, answer=answer), item)) or None


@pytest.mark.parametrize(
    "answer",
    [
        *("B", "b", "(B)", "[b]", "B.", "B) A beta blocker", "**B**", " B: because", "Option B", "B - a blocker"),
        *("A beta blocker", "a beta blocker.", "  A  BETA blocker "),
        *("The answer is B.", "Final answer: (b)", "So the correct answer is **B**, by the rate.", r"\boxed{B}"),
    ],
)
def test_a_stated_answer_is_read_as_a_letter_or_as_the_text_of_one_option(answer: str) -> None:
    assert chosen(answer) == "B"


@pytest.mark.parametrize(
    "answer",
    [
        *("", "E", "Beta blocker and aspirin", "A blocker", "I do not know", "BX", "bad", "?"),
        *("The answer is B or C.", "Answer: A/B", "answer"),
    ],
)
def test_a_stated_answer_that_names_no_option_stays_unread(answer: str) -> None:
    assert chosen(answer) is None


def test_several_letters_in_capitals_or_in_order_are_one_answer() -> None:
    item = Item(id="q", options=OPTIONS, answer="ac")
    assert chosen("CA", item=item) == "AC"
    assert is_right(Trace(text="...", answer="ac"), item) is True
    assert is_right(Trace(text="...", answer="ab"), item) is False


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("So the answer is C.", "C"),
        ("Final answer: (c)", "C"),
        ("**Answer:** D", "D"),
        ("It follows that \\boxed{A}", "A"),
        ("The answer would be option B because of the rate.", "B"),
        ("The answer is a beta blocker.", "B"),
        ("The answer is A. No, wait: the answer is C.", "C"),
        ("The answer is A. The answer is C.", None),
        ("The answer is A or C.", None),
        ("Aspirin is given first.", None),
    ],
)
def test_without_a_stated_answer_the_trace_is_read_if_it_names_one_option_only(text: str, letter: str | None) -> None:
    assert chosen(None, text) == letter


def test_a_stated_answer_goes_before_what_the_trace_says() -> None:
    assert chosen("A", "The answer is C.") == "A"


def test_an_answer_is_read_from_the_text_after_the_thinking_and_never_from_a_rejected_thought() -> None:
    thought = Trace(text="The answer is A.", meta={"after_think": "The correct answer is (C).\n\nIt is given first."})
    assert chosen_options(thought, ITEM) == ("C",)
    assert chosen_options(Trace(text="The answer is A.", meta={"after_think": "I cannot say."}), ITEM) == ()
    assert chosen_options(Trace(text="<|channel|>analysis<|message|>A?<|channel|>final<|message|>Answer: C"), ITEM) == (
        "C",
    )
    assert chosen_options(Trace(text="<think>The answer is A."), ITEM) == ()


@pytest.mark.parametrize("answer", ["AC", "A,C", "A, C", "A and C", "A;C", "A|C", "ac", '["A", "C"]', "A/C", "C, A"])
def test_several_right_letters_are_one_answer_in_any_form(answer: str) -> None:
    item = Item(id="q", options=OPTIONS, answer=answer)
    assert right_labels(item) == ("A", "C")
    assert [is_right(Trace(text="...", answer=a), item) for a in ("A and C", "C/A", "A", "A,D")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "question",
    [
        "Which?\nA. Aspirin\nB. Heparin",
        "Which? A) Aspirin B) Heparin",
        "Which?\n(A) Aspirin\n(B) Heparin",
        "Which?\na) Aspirin\nb) Heparin",
        "Which?\nA: Aspirin\nB: Heparin",
        "Which? (A) Aspirin (B) Heparin",
    ],
)
def test_options_within_the_question_are_options_of_the_answer(question: str) -> None:
    item = Item(id="q", question=question, answer="B")
    assert [is_right(Trace(text="The answer is " + text), item) for text in ("B.", "heparin.", "A.", "C.")] == [
        True,
        True,
        False,
        None,
    ]


def test_the_right_answer_may_be_given_as_a_letter_or_as_its_text() -> None:
    for answer in ("b", "B", "a beta blocker"):
        item = Item(id="q", options=OPTIONS, answer=answer)
        assert [is_right(Trace(text="...", answer=given_), item) for given_ in ("B", "C", "?")] == [True, False, None]


def test_without_options_a_statement_is_parted_from_its_words_and_a_longer_one_stays_unread() -> None:
    item = Item(id="q", answer='["Sepsis", "42"]')
    said = ("The answer is sepsis.", r"\boxed{42}", "42.0", "It is sepsis, I think", "Shock", "Answer: shock")
    assert [is_right(Trace(text="...", answer=text), item) for text in said] == [True, True, True, None, False, False]
    assert is_right(Trace(text="...", answer="[4"), Item(id="q", answer="[4")) is True


def test_without_options_answers_are_compared_as_text_and_without_a_reference_nothing_is_right_or_wrong() -> None:
    item = Item(id="q", answer="Sepsis")
    assert [is_right(Trace(text="...", answer=a), item) for a in ("sepsis.", "Shock", None)] == [True, False, None]
    assert is_right(Trace(text="...", answer="B"), Item(id="q", options=OPTIONS)) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_stated_the_option_read_is_one_of_the_items(answer: str, text: str) -> None:
    for stated in (answer, None):
        letters = chosen(stated, text)
        assert letters is None or set(letters) <= set(OPTIONS)


@pytest.mark.shared
def test_the_strata_of_thoughtsource_are_those_of_its_notes() -> None:
    """Both right 105, only a 41, only b 10, both wrong 44; its notes count an unreadable answer as wrong."""
    folder = SHARED / "data" / "thoughtsource_med"
    if not folder.exists():
        pytest.skip(f"{folder} is absent")
    with read_traces(folder / "a.jsonl") as a, read_traces(folder / "b.jsonl") as b:
        records = [(a.record(id_), b.record(id_)) for id_ in a.ids]
    right = [tuple(bool(r.trace and is_right(r.trace, r.item)) for r in pair) for pair in records]
    counts = {key: right.count(key) for key in set(right)}
    assert counts == {(True, True): 105, (True, False): 41, (False, True): 10, (False, False): 44}
