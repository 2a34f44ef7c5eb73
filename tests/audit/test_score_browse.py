"""Single traces of a score: in the terminal, and from the server that shows its page."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from audit.test_viewer import ask, viewing
from command import omr_judge
from hypothesis import given
from hypothesis import strategies as st
from score_runs import REFUSED, TRACES, make_score, score_item, three_traces
from scoring.test_score_command import PIXEL

from judge.audit.filters import ListedTrace, TraceFilters
from judge.enums import AnswerStanding, FailureMode


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("score")
    three_traces(folder)
    return folder


def listed(work: Path, *options: str) -> list[str]:
    lines = omr_judge("list", "s", "--json", *options, cwd=work).stdout.splitlines()
    return [json.loads(line)["item"] for line in lines]


def test_the_lowest_score_stands_first_and_filters_choose_what_was_counted_by_hand(work: Path) -> None:
    assert listed(work) == ["q2", "q1", REFUSED]
    assert listed(work, "--sort", "item") == list(TRACES)
    assert listed(work, "--mode", "factual_error") == ["q2"]
    assert listed(work, "--mode", "omission", "--mode", "judge_error") == ["q2", REFUSED]
    assert listed(work, "--answer", "right") == ["q1"]
    assert listed(work, "--answer", "unread", "--answer", "wrong", "--n", "1") == ["q2"]
    assert listed(work, "--text", "RATHER NOT") == [REFUSED]
    drawn = omr_judge("list", "s", "--n", "2", cwd=work).stdout
    assert [line.split()[:5] for line in drawn.splitlines()[1:3]] == [
        ["q2", "66.7", "50.0", "100.0", "50.0"],
        ["q1", "100.0", "100.0", "100.0", "100.0"],
    ]
    assert drawn.endswith("3 of 3 traces; the first 2 are shown\n")
    assert omr_judge("list", "s", "--text", "nowhere", cwd=work).stdout == "0 of 3 traces\n"


def test_one_trace_is_shown_with_every_unit_and_with_raw_what_was_sent(work: Path) -> None:
    drawn = " ".join(omr_judge("show", "s", "q2", cwd=work).stdout.split())
    for told in (
        "* A. one",
        "Final answer: B (wrong)",
        "factual error",
        "asserted, wrong, consistent",
        "absent",
        "66.7 %",
    ):
        assert told in drawn, told
    assert "omr-judge show runs/s q1" in drawn
    lowest = omr_judge("show", "s", cwd=work).stdout
    assert lowest.startswith("Item q2\n")
    raw = omr_judge("show", "s", REFUSED, "--raw", cwd=work).stdout
    assert raw.count("Sent, system:") == 3
    assert "I would rather not." in raw
    assert "rationale: missing" in raw
    assert "Next by trace score" not in raw
    wrong = omr_judge("show", "s", "q22", cwd=work, code=3)
    assert "did you mean q2" in " ".join(wrong.stderr.split())
    assert "omr-judge list" in omr_judge("show", "s", "unlike", cwd=work, code=3).stderr


def test_a_group_that_no_judge_was_asked_about_and_a_hostile_trace_are_harmless(tmp_path: Path) -> None:
    items = [score_item("q\x1b[2J1", "Question 1: what?")]
    make_score(tmp_path, items, [{"id": "q\x1b[2J1", "trace": "\x1b]0;x\x07 lines are bone", "model": "m"}])
    drawn = omr_judge("show", "s", cwd=tmp_path).stdout + omr_judge("list", "s", cwd=tmp_path).stdout
    assert "\x1b" not in drawn
    assert "perception: unseen" in drawn
    assert "not asked" in drawn


def test_options_of_the_other_kind_of_run_are_refused_in_words(work: Path) -> None:
    for option in (("--flagged",), ("--outcome", "a"), ("--where", "a=b"), ("--answers", "both_right")):
        assert "is for runs of `compare`" in omr_judge("list", "s", *option, cwd=work, code=3).stderr
    assert "no page" in omr_judge("report", "s", "--against", "s", "--html", "x.html", cwd=work, code=3).stderr


def test_the_page_of_a_score_is_served_with_its_images_and_takes_no_labels(work: Path) -> None:
    with viewing(work, "s") as (address, _):
        assert b"trace score" in ask(address).body
        with urllib.request.urlopen(f"{address}image/0/0", timeout=10) as image:  # noqa: S310 - our own server
            assert image.read() == PIXEL
        assert ask(f"{address}labels", {}).status == 404
        assert ask(f"{address}image/9/0").status == 404


MODES = st.sets(st.sampled_from(list(FailureMode)))


@given(MODES, st.sampled_from(AnswerStanding), MODES, st.sets(st.sampled_from(AnswerStanding)), st.text(max_size=2))
def test_a_filter_only_ever_removes(
    modes: set[FailureMode],
    answer: AnswerStanding,
    wanted: set[FailureMode],
    answers: set[AnswerStanding],
    text: str,
) -> None:
    row = ListedTrace("q1", 0.5, {}, answer, tuple(modes))
    assert TraceFilters().take(row, ["a text"])
    alone = [
        TraceFilters(modes=frozenset(wanted)).take(row, ["a text"]),
        TraceFilters(answers=frozenset(answers)).take(row, ["a text"]),
        TraceFilters(text=text).take(row, ["a text"]),
    ]
    assert TraceFilters(frozenset(wanted), frozenset(answers), text).take(row, ["a text"]) is all(alone)
