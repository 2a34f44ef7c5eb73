"""What the survey of items says, counted by hand, and how a letter habit is told from chance."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from judge.inputs.item_survey import ItemSurvey, survey_items
from judge.inputs.traces import read_traces
from judge.stats.letter_shares import letter_habit, letter_shares

OPTIONS = {"A": "Aspirin", "B": "Heparin", "C": "Digoxin", "D": "Insulin"}


def write(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def item(number: int, answer: str = "A", **fields: object) -> dict[str, object]:
    return {"id": number, "question": f"Question {number}?", "options": OPTIONS, "answer": answer, **fields}


def survey(path: str) -> ItemSurvey:
    ((found,), _) = survey_items([path], fields={}, id_column=None, answer_is=None)
    return found


def test_a_survey_counts_what_was_understood(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"x")
    (tmp_path / "y.png").write_bytes(b"x")
    found = survey(
        write(
            tmp_path / "i.jsonl",
            [
                item(1, image="x.png", note="n"),
                item(2, "AC", image="y.png"),
                item(3, "Z"),
                {"id": 4, "question": "QUESTION  1?", "options": OPTIONS},
                item(5, "B", question="Is heparin the drug?"),
                item(6, "B", question="Is heparin or aspirin the drug?"),
                {"id": 7, "question": "Which drug? A. one B. two", "answer": "B"},
                {"id": 8, "question": "It is insulin. Which is it?", "answer": "insulin"},
            ],
        )
    )
    assert (found.n_items, found.n_questions, found.n_answers, found.n_unread, found.n_several) == (8, 8, 7, 1, 1)
    assert (found.n_options, found.n_images) == (Counter({4: 6, 2: 1, 0: 1}), Counter({0: 6, 1: 2}))
    assert found.fields == Counter({"note": 1})
    assert found.letters == Counter({"B": 3, "A": 1})
    assert found.given_away == ["5", "8"]
    assert (found.same_question.n_groups, found.same_question.examples) == (1, [["1", "4"]])
    assert found.same_item.n_groups == 0
    assert (found.same_image.n_items, found.same_image.examples) == (2, [["1", "2"]])
    assert found.habit is None


def test_the_command_says_what_repeats_across_files_and_which_letter_would_score(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [item(n, "A" if n < 31 else "BCD"[n % 3]) for n in range(40)])
    write(tmp_path / "b.jsonl", [item(n) for n in range(30, 33)])
    told = omr_judge("items", "a.jsonl", "b.jsonl", cwd=tmp_path).stdout
    assert "a.jsonl: 40 items" in told
    low, high = binomtest(31, 40).proportion_ci(method="wilson")
    assert f"the right letter: A 77.5 % [{100 * low:.1f}, {100 * high:.1f}]" in told
    assert "always answering A would score 77.5 %: a letter habit could pass for knowledge" in told
    assert "a.jsonl and b.jsonl share 3 questions and 0 images" in told
    found = json.loads(omr_judge("items", "a.jsonl", "--json", cwd=tmp_path).stdout)
    (file,) = found["files"]
    assert (file["n_items"], file["letters"]["A"], file["habit"]["letter"], found["shared"]) == (40, 31, "A", [])


def test_a_numbered_answer_that_can_be_read_in_two_ways_is_asked_about(tmp_path: Path) -> None:
    write(tmp_path / "i.jsonl", [{"id": n, "question": "q", "options": list("wxyz"), "answer": 1} for n in range(3)])
    told = omr_judge("items", "i.jsonl", cwd=tmp_path, code=3).stderr
    assert "--answer-is index0|index1" in told
    omr_judge("items", "i.jsonl", "--answer-is", "index0", cwd=tmp_path)


def test_a_file_whose_right_letter_is_mostly_one_is_warned_about(tmp_path: Path) -> None:
    traces = [item(n, "A", trace="t") for n in range(35)]
    with read_traces(write(tmp_path / "t.jsonl", traces)) as file:
        assert (file.habit() or "").startswith("the right answer is A in 100 % of 35 items: a letter habit could pass")
    with read_traces(write(tmp_path / "u.jsonl", traces[:29])) as file:
        assert file.habit() is None


@given(st.dictionaries(st.sampled_from("ABCD"), st.integers(1, 500), min_size=1))
def test_shares_and_intervals_are_those_of_scipy(counts: dict[str, int]) -> None:
    total = sum(counts.values())
    shares = letter_shares(counts)
    assert sum(one.share for one in shares) == pytest.approx(1)
    assert [one.n for one in shares] == sorted(counts.values(), reverse=True)
    for one in shares:
        ends = binomtest(counts[one.letter], total).proportion_ci(method="wilson")
        assert (one.low, one.high) == pytest.approx((ends.low, ends.high), abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "n_options", "letter"),
    [
        ({"A": 77, "B": 10, "C": 8, "D": 5}, 4, "A"),
        ({"A": 25, "B": 25, "C": 25, "D": 25}, 4, None),
        ({"A": 29}, 4, None),
        ({"A": 60, "B": 40}, 2, None),
        ({"A": 600, "B": 400}, 2, "A"),
        ({}, 0, None),
    ],
)
def test_a_habit_is_told_only_where_it_is_clearly_above_chance(
    counts: dict[str, int], n_options: float, letter: str | None
) -> None:
    found = letter_habit(counts, n_options)
    assert (found and found.letter) == letter
