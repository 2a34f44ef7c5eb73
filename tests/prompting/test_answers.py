from __future__ import annotations

import json
import re
import time

import pytest
from builders import SHARED
from hypothesis import given
from hypothesis import strategies as st

from judge.prompting.answers import HIDDEN, hide_answer

STATED = {  # a statement, and what must be gone from it
    "The answer is C.": "C",
    "The answer is (C).": "C",
    "The answer is\n\n**C**": "C",
    "the correct answer is **C. Heparin**.": "Heparin",
    "The correct answer is D. None of the above.": "None",
    "Therefore, the correct answer is B) Sentinel node - left trunk - thoracic duct.": "Sentinel",
    "Answer: D) Natural killer cells": "Natural",
    "ANSWER: C": "C",
    "Ans: C": "C",
    "answer = C": "C",
    "**Answer:** C": "C",
    "**Final Answer**: C": "C",
    "**Final Answer:** (C) Heparin": "Heparin",
    "Final answer - C": "C",
    "The final answer \u2013 C": "C",
    "### Answer\nD. Query the device": "Query",
    "### Answer:\nD. Query the device": "Query",
    "**Final Answer**\n\nC. Heparin": "Heparin",
    "> Answer: C": "C",
    "The correct answer is:\n\n### Answer:\nA. Reallocate the blood": "Reallocate",
    "So, the correct answer is:\n\nC) Fecal incontinence": "Fecal",
    "Based on our research, the most likely cause is:\n\nAnswer: B) Entamoeba": "Entamoeba",
    "The correct answers are B and D.": "B and D",
    "The most appropriate answer is D) Polymerase": "Polymerase",
    "However, the closest answer is A) 9/100, which is 9%.": "9",
    "The answer is 3.5 mg per day.": "5 mg",
    "The answer is E. coli infection.": "coli",
    "The best option would be Vestibular Neurectomy (B).": "Vestibular",
    "The best choice for assessing the risk in this pregnancy would be:\n\nD) Chorionic biopsy": "Chorionic",
    "The answer to the question is A) 14-28 weeks.": "14-28",
    "The correct answer, therefore, is B.": "B",
    "My answer: B": "B",
    "The answer should be B.": "B",
    "The answer would most likely be B.": "B",
    "The right answer was C all along.": "C",
    "The answer is confirmed to be C) Bupropion.": "Bupropion",
    "The correct option: C": "C",
    "The answer choice is option C: the mischarged tRNA": "mischarged",
    "Option B is the best choice in this situation.": "B",
    "Option C is correct because it is preoperational.": "C",
    "Option C, decreased residual volume, is the most likely change.": "residual",
    "Choice B is therefore correct.": "B",
    "Therefore, B is correct.": "B",
    "(B) is the right answer.": "B",
    "C) Catalase is the correct answer.": "Catalase",
    "I would choose option C.": "C",
    "I'd go with (C) because it is safer.": "C",
    "The most likely diagnosis is B) Paroxysmal atrial fibrillation.": "Paroxysmal",
    "The most likely damaged structure in this case is:\n\nD. Anterior horn": "Anterior",
    r"\boxed{C}": "C",
    r"$\boxed{\text{C}}$": "C",
    r"The final answer is $\boxed{C}$.": "C",
    "<answer>C</answer>": "C",
    "<answer>C": "C",
    "It follows from the fever.\n\nC": "C",
    "It follows from the fever.\n**(C)**\n": "C",
}
REASONING = (
    "This option is incorrect.",
    "So, this option is not likely.",
    "This answer choice is not consistent with the patient's clinical presentation.",
    "Now, let's analyze each option:\n\nA) Vocal abuse: it can cause changes.",
    "Let's evaluate each option:\n\n- Option A: Clobazam at 0000",
    "Option D is incorrect because the drug is contraindicated.",
    "Option B (high level of transaminases) is not a correct answer because it rises late.",
    "A) High speed film - This is correct, as it requires less exposure.",
    "Step 4: Choose the correct answer",
    "Step 3: What is the answer?",
    "Now let's go through the answer choices:",
    "This is not the correct answer because the question asks about absorption.",
    "It may seem like the right choice to save her life, but it is against her will.",
    "This is not the best option: it acts too late.",
    "Hepatitis B is the most common cause.",
    "Vitamin D is needed for calcium uptake.",
    "Another treatment option is surgery.",
    "Answer: Let's think step by step.",
    "The patient had no choice: he was alone.",
    "A beta blocker is contraindicated.",
    "The most common cause is viral.",
    "The most likely cause is viral. It spreads by air.",
    "I would choose a beta-blocker over a diuretic.",
    "B) Lisinopril - This option is reasonable.",
    "The answer depends on the stage.",
    "The patient answered: no.",
    "Group B is at higher risk.",
    "Which option is safest?",
    "### Answer choices",
    "Option A\n- low risk",
    "The patient has blood type\nA\nand is stable.",
)


@pytest.mark.parametrize("statement", STATED)
def test_a_stated_answer_is_hidden_wherever_it_stands(statement: str) -> None:
    for text in (statement, f"It is bacterial.\n\n{statement}", f"The fever. {statement}"):
        if statement[0] in "#>C*" or "Ans:" in statement:  # headings and lines by themselves stand at a line's head
            text = text.replace("The fever. ", "The fever.\n")  # noqa: PLW2901 - the same text, laid out
        hidden = hide_answer(text)
        assert HIDDEN in hidden, text
        assert STATED[statement] not in hidden, text


@pytest.mark.parametrize("text", REASONING)
def test_reasoning_about_options_stays_to_the_letter(text: str) -> None:
    for whole in (text, f"Fever first.\n{text}\nThen the rash follows."):
        assert hide_answer(whole) == whole


def test_the_reasons_around_a_statement_stay() -> None:
    text = "The fever is bacterial. The answer is D. This is because of the rash.\nNo E. coli grew."
    assert hide_answer(text) == f"The fever is bacterial. {HIDDEN} This is because of the rash.\nNo E. coli grew."
    text = "So the most likely diagnosis is B) Croup. It is viral."
    assert hide_answer(text) == f"So the most likely diagnosis is {HIDDEN} It is viral."
    assert hide_answer("## Answer\nC. Heparin\n\nWhy: the clot.") == f"## {HIDDEN}\n\nWhy: the clot."


@given(st.text(alphabet="xyz ,;\n", max_size=200))
def test_a_text_without_a_statement_is_returned_as_it_is(text: str) -> None:
    assert hide_answer(text) == text


@given(st.lists(st.sampled_from(sorted(STATED) + list(REASONING)), max_size=6).map("\n\n".join))
def test_nothing_is_added_but_the_mark(text: str) -> None:
    pieces = iter(text)
    left = hide_answer(text).replace(HIDDEN, "")
    assert all(character in pieces for character in left if not character.isspace())


@pytest.mark.parametrize(
    "piece",
    ["the answer ", "(", " ", "\n", "most ", "answer:", "A ", "A\n", "the best option for ", "*", "# ", "is A) "],
)
def test_no_text_makes_hiding_slow(piece: str) -> None:
    text = piece * (50_000 // len(piece))
    start = time.process_time()
    hide_answer(text)
    assert time.process_time() - start < 1


@pytest.mark.shared
@pytest.mark.parametrize(
    ("source", "least"), [("thoughtsource_med/a", 100), ("thoughtsource_med/b", 130), ("medarc_qa/a", 95)]
)
def test_at_least_95_percent_of_the_statements_in_real_traces_are_hidden(source: str, least: int) -> None:
    path = SHARED / f"data/{source}.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    states = re.compile(r"\banswer(?:\s+(?:is|would be)\b|[*_]*:)[\s*:]*\(?[A-J]\b", re.IGNORECASE)
    traces = [json.loads(line)["trace"] for line in path.read_text(encoding="utf-8").splitlines()]
    stating = [trace for trace in traces if states.search(trace)]
    assert len(stating) >= least
    hidden = [hide_answer(trace) for trace in stating]
    assert sum(not states.search(text) for text in hidden) >= 0.95 * len(stating)
    assert [hide_answer(text) for text in hidden] == hidden
    assert sum(map(len, hidden)) > 0.85 * sum(map(len, stating))


@pytest.mark.shared
def test_answers_under_a_heading_in_real_traces_are_hidden() -> None:
    path = SHARED / "data/medarc_qa/b.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    under = re.compile(r"^#+ Answer:?\s*\n\(?[A-J][.)]", re.MULTILINE)
    traces = [json.loads(line)["trace"] for line in path.read_text(encoding="utf-8").splitlines()]
    stating = [trace for trace in traces if under.search(trace)]
    assert len(stating) >= 80
    assert not any(under.search(hide_answer(trace)) for trace in stating)
