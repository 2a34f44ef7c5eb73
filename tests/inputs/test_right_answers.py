"""What the right answers of a file are: letters, places, texts, several; doubt is a question to the user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge.enums import AnswerIs
from judge.errors import InputErrors
from judge.inputs.input_options import InputOptions
from judge.inputs.join import Inputs
from judge.inputs.traces import read_traces
from judge.prompting.correctness import right_labels

DRUGS = ["Aspirin", "Heparin", "Digoxin", "Insulin"]


def read(folder: Path, *records: dict[str, Any], answer_is: AnswerIs | None = None) -> tuple[list[str], list[str], str]:
    """Return each record's right letters, the places of unread answers, and the question."""
    path = write(folder / "t.jsonl", *records)
    with read_traces(path, answer_is=answer_is) as file:
        labels = ["".join(right_labels(file.record(id_).item)) for id_ in file.ids]
        return labels, file.answers.unread, str(file.answers.question or "")


def write(path: Path, *records: dict[str, Any]) -> Path:
    lines = ({"id": number, "trace": "A thought."} | record for number, record in enumerate(records))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def answers(*given: object, options: object = DRUGS) -> list[dict[str, Any]]:
    return [{"options": options, "answer": answer} for answer in given]


@pytest.mark.parametrize(
    "answer", ["C", "(C)", " C", "c", "C. Digoxin", "digoxin", ["C"], ["Digoxin"], "Option C", "\uff23"]
)
def test_a_letter_or_a_text_in_any_dress_is_the_option_that_it_names(tmp_path: Path, answer: object) -> None:
    assert read(tmp_path, *answers(answer)) == (["C"], [], "")


@pytest.mark.parametrize("name", ["cop", "label", "answer_idx", "gold_index"])
def test_a_place_of_0_counts_under_any_spelling(tmp_path: Path, name: str) -> None:
    records = [{"options": DRUGS, name: place} for place in (0, 2)]
    assert read(tmp_path, *records) == (["A", "C"], [], "")


@pytest.mark.parametrize("name", ["ground_truth", "correct_letter", "gold_answer", "correct_answer"])
def test_a_right_answer_under_a_usual_name_is_one(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, {"options": DRUGS, name: "C"}) == (["C"], [], "")


@pytest.mark.parametrize(
    "names", [["Option A", "Option B", "Option C"], ["opt1", "opt2", "opt3"], ["opt_a", "opt_b", "opt_c"]]
)
def test_options_in_columns_of_usual_names_are_read(tmp_path: Path, names: list[str]) -> None:
    assert read(tmp_path, dict(zip(names, DRUGS, strict=False)) | {"answer": "Digoxin"}) == (["C"], [], "")


@pytest.mark.parametrize("form", ["({}) {}", "{}. {}", "{}) {}", "[{}] {}"])
def test_options_that_begin_with_their_letters_are_named_without_these_too(tmp_path: Path, form: str) -> None:
    options = [form.format(*pair) for pair in zip("ABCD", DRUGS, strict=True)]
    wanted = ["C"] * 4, list[str](), ""
    assert (
        read(tmp_path, *answers("Digoxin", "C", form.format("C", "Digoxin"), "C. Digoxin", options=options)) == wanted
    )


@pytest.mark.parametrize("answer", ["A,C", "AC", "A and C", ["A", "C"], ["Aspirin", "Digoxin"], ["A", "Digoxin"]])
def test_several_answers_stay_several(tmp_path: Path, answer: object) -> None:
    assert read(tmp_path, *answers(answer)) == (["AC"], [], "")


def test_a_number_is_a_place_from_0_where_one_of_the_file_is_0_and_from_1_where_one_is_the_number_of_options(
    tmp_path: Path,
) -> None:
    assert read(tmp_path, *answers(2, 0, "1")) == (["C", "A", "B"], [], "")
    assert read(tmp_path, *answers(2, 4, 1.0)) == (["B", "D", "A"], [], "")
    assert read(tmp_path, *answers([0, 2], 3)) == (["AC", "D"], [], "")


def test_numbers_that_may_be_either_are_one_question_with_count_and_example(tmp_path: Path) -> None:
    labels, unread, question = read(tmp_path, *answers(2, 3))
    assert (labels, unread) == (["", ""], [])
    assert question.endswith(
        "t.jsonl:1: 2 right answers can be read in more than one way, such as '2' here (index0: C ('Digoxin'); "
        "index1: B ('Heparin')) (say what they are with --answer-is index0|index1)"
    )
    assert read(tmp_path, *answers(2, 3), answer_is=AnswerIs.INDEX0) == (["C", "D"], [], "")
    assert read(tmp_path, *answers(2, 3), answer_is=AnswerIs.INDEX1) == (["B", "C"], [], "")


def test_a_number_that_is_an_options_text_too_is_a_question_and_one_that_is_nothing_else_is_read(
    tmp_path: Path,
) -> None:
    options = ["2", "3", "4", "1"]
    assert "text|index0|index1" in read(tmp_path, *answers(2, options=options))[2]
    assert read(tmp_path, *answers(2, options=options), answer_is=AnswerIs.TEXT)[0] == ["A"]
    assert read(tmp_path, *answers(20, options=["10", "20"])) == (["B"], [], "")


def test_numbers_of_both_kinds_are_a_question(tmp_path: Path) -> None:
    assert "3 right answers" not in read(tmp_path, *answers(0, 4, 2))[2]
    assert "1 right answer can be read" in read(tmp_path, *answers(0, 4, 2))[2]


def test_a_letter_that_is_another_options_text_is_a_question_unless_the_file_tells(tmp_path: Path) -> None:
    blood = {"A": "O", "B": "A", "C": "B", "D": "AB"}
    assert "letter" in read(tmp_path, *answers("B", options=blood))[2]
    assert read(tmp_path, *answers("B", options=blood), *answers("D")) == (["B", "D"], [], "")
    assert read(tmp_path, *answers("B", options=blood), answer_is=AnswerIs.TEXT)[0] == ["C"]


def test_labels_that_are_numbers_are_named_by_text_and_places_lost_to_an_absent_option_keep_their_letter(
    tmp_path: Path,
) -> None:
    numbered = {"1": "Aspirin", "2": "Heparin", "3": "Digoxin"}
    assert read(tmp_path, *answers("3", options=numbered)) == (["3"], [], "")
    assert read(tmp_path, *answers(0, 2, options=["Aspirin", None, "Digoxin"])) == (["A", "C"], [], "")


def test_what_names_no_option_is_counted(tmp_path: Path) -> None:
    labels, unread, question = read(tmp_path, *answers("F", "A", 9, ["A", "x"]))
    assert (labels, question) == (["", "A", "", ""], "")
    assert [place.rpartition(":")[2] for place in unread] == ["1", "3", "4"]


@pytest.mark.parametrize(
    "fields",
    [
        {"A": "Aspirin", "B": "Heparin", "C": "Digoxin", "D": None, "answer": "B"},
        {"opa": "Aspirin", "opb": "Heparin", "opc": "Digoxin", "cop": "B"},
        {"option_a": "Aspirin", "option_b": "Heparin", "answer_idx": "B"},
        {"option1": "Aspirin", "option2": "Heparin", "label": "B"},
        {"choices.text": ["Aspirin", "Heparin"], "choices.label": ["A", "B"], "answerKey": "B"},
        {"choices.text": ["Aspirin", "Heparin"], "answer": "B"},
        {"choices": {"text": ["Aspirin", "Heparin"], "label": ["A", "B"]}, "answerKey": "B"},
        {"choices": {"text": ["Aspirin", "Heparin"]}, "answer": "B"},
        {"options": [{"key": "A", "value": "Aspirin"}, {"key": "B", "value": "Heparin"}], "answer": "B"},
        {"options": [{"text": "Aspirin"}, {"text": "Heparin"}], "answer": "B"},
        {"options": [{"A": "Aspirin"}, {"B": "Heparin"}], "answer": "B"},
        {"options": '{"A": "Aspirin", "B": "Heparin"}', "answer": "B"},
        {"options": "['Aspirin', 'Heparin']", "answer": "B"},
        {"question": "Which?\n(A) Aspirin\n(B) Heparin", "answer": "B"},
    ],
)
def test_options_are_found_in_every_form_and_the_answer_under_its_other_names(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    assert read(tmp_path, fields) == (["B"], [], "")


@pytest.mark.parametrize("options", ["x", "[1, 2", "{'a': b}", [{"x": 1, "y": 2}], [{"A": 1}, {"A": 2}]])
def test_what_holds_no_options_is_refused(tmp_path: Path, options: object) -> None:
    with pytest.raises(InputErrors, match="options"):
        read_traces(write(tmp_path / "t.jsonl", {"options": options}))


def test_free_answers_without_options_stay_a_list(tmp_path: Path) -> None:
    with read_traces(
        write(tmp_path / "t.jsonl", {"answer": ["sepsis", "septic shock"]}, {"answer": ["sepsis"]})
    ) as file:
        assert [file.record(id_).item.answer for id_ in file.ids] == ['["sepsis", "septic shock"]', "sepsis"]


def test_a_comparison_asks_before_anything_is_made_and_says_what_it_could_not_read(tmp_path: Path) -> None:
    a, b = (write(tmp_path / f"{name}.jsonl", *answers(2)) for name in "ab")
    with (
        Inputs(InputOptions(str(a), str(b)), blind_judge=True) as inputs,
        pytest.raises(InputErrors, match=r"--answer-is index0\|index1"),
    ):
        inputs.check()
    a, b = (write(tmp_path / f"{name}.jsonl", *answers("F")) for name in "ab")
    with Inputs(InputOptions(str(a), str(b)), blind_judge=True) as inputs:
        inputs.check()
        assert [text for text in inputs.warnings() if "name none of their options" in text]


def test_an_item_apart_completes_one_whose_trace_file_has_its_question_only(tmp_path: Path) -> None:
    item = {"question": "Drug?", "options": DRUGS, "answer": "A"}
    items = write(tmp_path / "items.jsonl", item)
    a, b = write(tmp_path / "a.jsonl", {"question": "Drug?"}), write(tmp_path / "b.jsonl", {})
    with Inputs(InputOptions(str(a), str(b), items=(str(items),)), blind_judge=True) as inputs:
        inputs.check()
        (pair,) = inputs.pairs()
    assert (pair.item.question, len(pair.item.options), pair.item.answer) == ("Drug?", 4, "A")


@pytest.mark.parametrize("answer", [[0, 0, 1, 0], [False, False, True, False]])
def test_a_list_of_0_and_1_for_each_option_marks_the_right_ones(tmp_path: Path, answer: object) -> None:
    assert read(tmp_path, *answers(answer, [1, 0, 0, 1])) == (["C", "AD"], [], "")


def test_options_that_say_themselves_whether_they_are_right_are_believed(tmp_path: Path) -> None:
    flagged = [{"text": text, "is_correct": text == "Digoxin"} for text in DRUGS]
    assert read(tmp_path, {"options": flagged}, {"options": json.dumps(flagged)}) == (["C", "C"], [], "")
    assert read(tmp_path, {"options": flagged, "answer": "A"})[0] == ["A"]


def test_two_fields_that_name_different_right_options_are_refused(tmp_path: Path) -> None:
    assert read(tmp_path, {"options": DRUGS, "answer": "Digoxin", "answer_idx": "C"})[0] == ["C"]
    with pytest.raises(
        InputErrors, match=r"answer: answer_idx names another option \(choose with --field answer=answer"
    ):
        read(tmp_path, {"options": DRUGS, "answer": "Digoxin", "answer_idx": "B"})
