# ruff: noqa: E501, RUF001 - full-width characters are what is read
"""Which option a statement names, in eight languages; a wrong reading is worse than none."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompting.answer_cases import CASES, DRUGS

from judge.inputs.traces import read_traces
from judge.prompting.correctness import chosen_options
from judge.prompting.read_answer import read_answer

SHARED = Path(__file__).parents[3] / "shared" / "cases"
PLACES = {
    "alone": "{}",
    "at the end of a trace": "Some thought here.\n\n{}",
    "in a tag": "<think>The answer is D.</think><answer>{}</answer>",
    "after thinking": "<think>The answer is D. \\boxed{{D}}</think>\n{}",
}
THOUGHTS = (
    "",
    "<think>The answer is {wrong}.</think>\n",
    "<think>Answer: {wrong}? \\boxed{{{wrong}}}</think>",
    "So it is {wrong}.</think>",
)
VOCABULARY = (
    *("A-fib", "A. baumannii", "Acute cholecystitis", "B-cell lymphoma", "B. pertussis", "Basal cell carcinoma", "C. difficile"),
    *("C-reactive protein", "Carotid stenosis", "D-dimer", "DVT", "Diabetes insipidus", "E. coli", "E. faecalis", "Ebstein anomaly"),
    *("Hepatitis A", "Hepatitis B", "Hepatitis C", "Vitamin A", "Vitamin C", "Vitamin D", "Vitamin B12", "IgA nephropathy"),
    *("A vitamin deficiency", "A bleeding polyp", "CD4 lymphopenia", "Factor V Leiden", "Group B streptococcus", "T-cell lymphoma"),
)  # fmt: skip
LETTERED = {
    "en": ("The answer is {}.", "Answer: {}", "**Final answer: {}**", "Option {} is correct.", "\\boxed{{{}}}", "I would choose {}."),
    "zh": ("答案是{}。", "答案：{}", "故选{}。", "正确答案为{}。"),
    "ja": ("正解は{}です。", "答え：{}", "{}が正解です。"),
    "ko": ("정답은 {}입니다.", "정답: {}", "{}가 정답입니다."),
    "es": ("La respuesta correcta es la opción {}.", "Respuesta: {}", "La opción {} es correcta."),
    "fr": ("La bonne réponse est {}.", "Réponse : {}", "La réponse {} est correcte."),
    "de": ("Die richtige Antwort ist {}.", "Antwort: {}", "Antwort {} ist richtig."),
    "pt": ("A resposta correta é a letra {}.", "Resposta: {}", "A alternativa {} está correta."),
}  # fmt: skip
WORDED = {
    "en": ("The answer is {}.", "Answer: {}", "{}", "\\boxed{{\\text{{{}}}}}", "{} is the correct answer."),
    "zh": ("答案是 {}。", "答案：{}"),
    "ja": ("正解は {} です。", "答え：{}"),
    "ko": ("정답은 {} 입니다.", "정답: {}"),
    "es": ("La respuesta es {}.", "Respuesta: {}"),
    "fr": ("La réponse est {}.", "Réponse : {}"),
    "de": ("Die Antwort ist {}.", "Antwort: {}"),
    "pt": ("A resposta é {}.", "Resposta: {}"),
}


def wanted(letters: str | None) -> frozenset[str] | None:
    return frozenset(letters) if letters else None


@pytest.mark.parametrize("place", PLACES)
def test_what_a_careful_person_reads_is_read_in_every_place_and_nothing_else(place: str) -> None:
    wrong: list[object] = []
    missed: list[object] = []
    cases = [
        case
        for case in CASES
        if place == "alone" or not ("hink>" in case[1] or "THINK" in case[1] or "<answer>" in case[1])
    ]
    for options, text, letters in cases:
        read = read_answer(PLACES[place].format(text), options, several=bool(letters) and len(letters or "") > 1)
        if read != wanted(letters):
            (wrong if read else missed).append((text, read and "".join(sorted(read)), letters))
    assert wrong == []
    assert len(missed) <= len(cases) / 50, missed


@pytest.mark.shared
@pytest.mark.parametrize("name", ["trace", "model_answer", "tag", "after"])
def test_the_shared_answers_are_read_alike_in_all_four_places(tmp_path: Path, name: str) -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is absent")
    cases = [json.loads(line) for line in (SHARED / "answers.jsonl").read_text().splitlines()]
    places = {
        "trace": {"trace": "Some thought here.\n\n{}"},
        "model_answer": {"trace": "Some thought.", "model_answer": "{}"},
        "tag": {"trace": "<think>The answer is A.</think><answer>{}</answer>"},
        "after": {"trace": "<think>The answer is A.</think>\n{}"},
    }
    lines = [
        {"id": number, "options": case["options"], "answer": "A"}
        | {field: text.replace("{}", case["text"]) for field, text in places[name].items()}
        for number, case in enumerate(cases)
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with read_traces(path) as file:
        records = [file.record(id_) for id_ in file.ids]
    read = [[*chosen_options(record.trace, record.item)] for record in records if record.trace]
    assert read == [case["answer"] or [] for case in cases]


def generated(seed: int) -> tuple[dict[str, str], str, str]:
    """Return options, a text that states one of them, and its letter."""
    draw = random.Random(seed)  # noqa: S311
    options = dict(zip("ABCDE", draw.sample(VOCABULARY, 5), strict=True))
    right, wrong = draw.sample([*options], 2)
    forms = draw.choice((LETTERED, WORDED))
    language = draw.choice([*forms])
    text = draw.choice(forms[language]).format(right if forms is LETTERED else options[right])
    if forms is LETTERED and draw.random() < 0.2:
        text = draw.choice(LETTERED["en"][:3]).format(f"{right}. {options[right]}")
    return options, draw.choice(THOUGHTS).format(wrong=wrong) + text, right


def test_of_300_generated_strings_none_is_read_wrongly_and_nearly_all_are_read() -> None:
    read = [
        (read_answer(text, options, several=False), right, text, options)
        for options, text, right in map(generated, range(300))
    ]
    assert [case for case in read if case[0] and case[0] != {case[1]}] == []
    assert sum(case[0] is None for case in read) <= 15, [case[1:] for case in read if case[0] is None]


@pytest.mark.parametrize("text", VOCABULARY)
def test_a_word_that_begins_with_a_letter_is_never_that_letter(text: str) -> None:
    for forms in WORDED.values():
        for form in forms:
            assert read_answer(form.format(text), DRUGS, several=False) is None, form


@given(st.text(max_size=80), st.dictionaries(st.sampled_from("ABCDE"), st.text(max_size=12), max_size=5))
def test_whatever_is_written_what_is_read_are_options(text: str, options: dict[str, str]) -> None:
    for several in (False, True):
        read = read_answer(text, options, several=several)
        assert read is None or (read and read <= options.keys())


def test_several_letters_stand_in_any_dress_where_several_may_be_right() -> None:
    for text in (
        "AC",
        "CA",
        "A/C",
        "A & C",
        "Answer: AC",
        "答案：AC",
        "ac",
        "aspirin, clopidogrel",
        "Aspirin and clopidogrel",
    ):
        assert read_answer(text, DRUGS) == frozenset("AC"), text
    for text in ("A/C", "D&C", "AED", "Aspirin and clopidogrel"):
        assert read_answer(text, DRUGS, several=False) is None, text


def test_numbered_options_are_named_by_number_or_by_the_letter_of_their_place() -> None:
    options = {"1": "Aspirin", "2": "Heparin", "3": "Digoxin"}
    for text in ("2", "The answer is 2.", "(2)", "Answer: B", "정답은 2번입니다.", "②", "Heparin"):
        assert read_answer(text, options) == frozenset("2"), text
    assert read_answer("The answer is 2 mg.", options) is None


@pytest.mark.parametrize("text", ["$", "**", "#", "\\boxed{}", "<answer></answer>"])
def test_marks_alone_state_nothing(text: str) -> None:
    assert read_answer(text, {"A": "one", "B": "two"}) is None
