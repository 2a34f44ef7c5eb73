"""Verdicts as other programs write them, turned as they were shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from command import omr_judge, report_of

from judge.comparison.derive_report import make_report
from judge.comparison.import_judgments import import_verdicts
from judge.errors import InputErrors
from judge.report.report import Report
from judge.schema import Judged

Json = dict[str, Any]


def imported(path: Path, *records: Json, models: tuple[str, str] | None = None) -> tuple[Report, list[Any], list[str]]:
    """Return the report, what each judgment says in its order, and the notes."""
    if records:
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    said: list[str] = []
    folder = import_verdicts(str(path), name="v", runs=path.parent, command=(), models=models, say=said.append)
    read = [
        (one.item, one.order.value, one.result.verdicts["overall"].value if isinstance(one.result, Judged) else None)
        for one in folder.judgments()
    ]
    return make_report(folder), read, said


ARENA_HARD = {
    "uid": "u1",
    "judge": "gpt-4.1",
    "model": "m",
    "baseline": "base",
    "games": [{"score": "A>>B", "judgment": {"answer": "x"}}, {"score": "B>A", "judgment": {"answer": "y"}}],
}
OLD_ARENA_HARD = {
    "question_id": "q",
    "model": "m",
    "judge": "gpt-4",
    "games": [{"score": "[[B>A]]", "judgment": "x"}, {"score": None, "judgment": "y"}],
}
MT_BENCH = {
    "question_id": 81,
    "model_1": "x",
    "model_2": "y",
    "g1_winner": "model_1",
    "g2_winner": "tie",
    "judge": ["gpt-4", "pair-v2"],
    "g1_judgment": "[[A]]",
    "turn": 2,
}
SECOND_TURN = [("81.2", "forward", "first"), ("81.2", "swapped", "tie")]
BATTLE = {"model_a": "x", "model_b": "y", "win_1": "model_a", "win_2": "model_b", "question_id": 1}


@pytest.mark.parametrize(
    ("record", "models", "judge", "read"),
    [
        (ARENA_HARD, ("m", "base"), "gpt-4.1", [("u1", "swapped", "first"), ("u1", "forward", "second")]),
        (OLD_ARENA_HARD, ("m", "baseline"), "gpt-4", [("q", "swapped", "second"), ("q", "forward", None)]),
        (MT_BENCH, ("x", "y"), "gpt-4", SECOND_TURN),
        (
            MT_BENCH | {"g2_winner": "error"},
            ("x", "y"),
            "gpt-4",
            [("81.2", "forward", "first"), ("81.2", "swapped", None)],
        ),
        (BATTLE, ("x", "y"), "imported", [("1", "forward", "first"), ("1", "swapped", "first")]),
    ],
)
def test_games_are_turned_as_they_were_shown(
    record: Json, models: tuple[str, str], judge: str, read: list[Any], tmp_path: Path
) -> None:
    report, found, _ = imported(tmp_path / "v.jsonl", record)
    assert (report.models.a, report.models.b) == models
    assert (report.judges, found) == ((judge,), read)


def test_graded_preferences_count_as_their_side_and_that_is_said(tmp_path: Path) -> None:
    own = [
        {"item": 1, "order": order, "verdict": verdict} for order, verdict in (("forward", "A>>B"), ("swapped", "B<A"))
    ]
    _, read, said = imported(tmp_path / "v.jsonl", *own)
    assert read == [("1", "forward", "first"), ("1", "swapped", "first")]
    assert said == ["Note: 1 graded verdicts such as A>>B count as A>B: how strong they are does not count"]


VOTES = [
    {"question_id": "q1", "model_a": "x", "model_b": "y", "winner": "model_a", "judge": "author_1"},
    {"question_id": "q1", "model_a": "y", "model_b": "x", "winner": "model_b", "judge": "author_2"},
    {"question_id": "q2", "model_a": "y", "model_b": "x", "winner": "tie (bothbad)"},
    {"question_id": "q3", "model_a": "z", "model_b": "x", "winner": "model_a"},
]


def test_votes_have_no_position_figures_and_those_on_one_question_are_one_cluster(tmp_path: Path) -> None:
    report, read, said = imported(tmp_path / "v.jsonl", *VOTES, models=("x", "y"))
    assert read == [("q1", "forward", "first"), ("q1#2", "forward", "first"), ("q2", "forward", "tie")]
    assert report.criteria["overall"].win_rate.estimate == pytest.approx((1 + 1 + 0.5) / 3)
    assert (report.criteria["overall"].first_slot.n, report.position["overall"].win_rate) == (0, None)
    assert (report.clusters.field, report.clusters.n) == ("cluster", 2)
    assert said == [
        "Note: the order of the traces of 3 votes is unknown: there are no position figures",
        "Note: 1 verdicts on other models are left out",
    ]
    with pytest.raises(InputErrors, match=r"a verdict on 'z' and 'x' beside 'x' and 'y' \(choose two models"):
        imported(tmp_path / "w.jsonl", *VOTES)


def test_votes_in_columns_are_read_from_parquet(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    won = {"winner_model_a": [1, 0], "winner_model_b": [0, 0], "winner_tie": [0, 1]}
    pl.DataFrame({"id": [1, 2], "model_a": ["x", "x"], "model_b": ["y", "y"], **won}).write_parquet(path)
    assert imported(path)[1] == [("1", "forward", "first"), ("2", "forward", "tie")]


def test_a_vote_without_two_models_or_a_winner_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match="name no two models"):
        imported(tmp_path / "v.jsonl", BATTLE | {"model_b": "x"})
    _, read, _ = imported(tmp_path / "w.jsonl", VOTES[0] | {"winner": None, "winner_tie": 0})
    assert read == [("q1", "forward", None)]


def test_the_command_chooses_two_models_of_many(tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(vote) + "\n" for vote in VOTES))
    omr_judge("import", "v.jsonl", "--name", "v", "--models", "y", "x", cwd=tmp_path)
    report = report_of(tmp_path / "runs" / "v")
    assert (report["models"], report["n_items"]) == ({"a": "y", "b": "x"}, 3)


def test_a_third_game_and_a_vote_for_both_are_refused(tmp_path: Path) -> None:
    three = ARENA_HARD | {"games": [*ARENA_HARD["games"], {"score": "A>B"}]}
    both = {"id": 1, "model_a": "x", "model_b": "y", "winner_model_a": 1, "winner_model_b": 1, "winner_tie": 0}
    for record, told in ((three, "3 games on one question"), (both, "model_a and model_b both win")):
        with pytest.raises(InputErrors, match=told):
            imported(tmp_path / "v.jsonl", record)
