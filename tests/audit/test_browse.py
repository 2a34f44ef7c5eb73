"""Items are found by what was said of them, and one is read with everything that was asked and answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, read_jsonl, report_of, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from provider_server import Answer, Call, ProviderServer, content_judge
from run_builder import A_WINS, SPLITS, make_run

from judge.audit.audit_queue import Doubt
from judge.audit.filters import Filters, Listed, arranged
from judge.enums import Sort, Stratum, Unplaced
from judge.schema import FailureKind, Outcome

EVIL = "\x1b[31m\x9b2J\u202e[/foo]"
WIDE, NARROW = {"COLUMNS": "160"}, {"COLUMNS": "60"}

ITEMS = st.builds(
    Listed,
    item=st.text(max_size=3),
    outcomes=st.fixed_dictionaries({"overall": st.sampled_from(Outcome)}),
    doubts=st.frozensets(st.sampled_from(Doubt)),
    answers=st.sampled_from([*Stratum, *Unplaced]),
    failures=st.lists(st.sampled_from(FailureKind), max_size=2).map(tuple),
    fields=st.dictionaries(st.sampled_from("xy"), st.sampled_from("12")),
    texts=st.lists(st.text("aAbB", max_size=4), max_size=2).map(tuple),
)
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "outcomes": st.frozensets(st.sampled_from(Outcome), min_size=1),
    "failures": st.frozensets(st.sampled_from(FailureKind), min_size=1),
    "answers": st.frozensets(st.sampled_from([*Stratum, Unplaced.UNREADABLE]), min_size=1),
    "judges_disagree": st.just(value=True),
    "flagged": st.just(value=True),
    "where": st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("12")), min_size=1, max_size=2).map(tuple),
    "text": st.text("ab", min_size=1, max_size=2),
}


@given(st.lists(ITEMS, max_size=8), st.fixed_dictionaries({}, optional=PARTS))
def test_several_filters_leave_what_each_of_them_leaves_and_none_leaves_all(
    items: list[Listed], parts: dict[str, Any]
) -> None:
    each = [Filters(**{name: value}) for name, value in parts.items()]
    left = [item for item in items if Filters(**parts).take(item)]
    assert left == [item for item in items if all(one.take(item) for one in each)]
    assert all(Filters().take(item) for item in items)


@given(st.lists(ITEMS, max_size=8))
def test_sorting_keeps_every_item_and_puts_the_doubtful_first(items: list[Listed]) -> None:
    assert arranged(items, Sort.ITEM) == items
    by_doubt = arranged(items, Sort.DOUBT)
    assert [one.points for one in by_doubt] == sorted((one.points for one in items), reverse=True)
    assert sorted(map(repr, by_doubt)) == sorted(map(repr, items))


def answer(call: Call) -> Answer:
    if "Question 2?" in call.user:
        return Answer("I would rather not.", stop="refusal")
    if call.number == 0:
        return Answer(status=500, error={"message": "trouble " + EVIL})
    return content_judge(call)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for name in "ab":
        rows = [
            {
                "id": f"q{n}",
                "question": f"Question {n}?",
                "options": {"A": "one", "B": "two"},
                "answer": "A",
                "trace": f"{name} argues about {n} at some length, with several words. " + (EVIL if n == 1 else ""),
                "model": f"model-{name}",
                "model_answer": "A" if name == "a" else "B",
                "subgroup": {"parity": "odd" if n % 2 else "even"},
            }
            for n in range(6)
        ]
        write_jsonl(folder / f"{name}.jsonl", rows)
    with ProviderServer(answer) as server:
        judge = f"openai:m@{server.url}/v1"
        omr_judge(
            *("compare", "a.jsonl", "b.jsonl", "--judge", judge, "--name", "r", "--max-failures", "1"), cwd=folder
        )
    return folder


def listed(site: Path, *options: str) -> list[dict[str, Any]]:
    run = omr_judge("list", "r", "--json", *options, cwd=site)
    return [json.loads(line) for line in run.stdout.splitlines()]


def names(site: Path, *options: str) -> set[str]:
    return {row["item"] for row in listed(site, *options)}


def test_the_list_counts_what_the_report_counts_for_every_criterion(site: Path) -> None:
    fields = {"a": "wins_a", "b": "wins_b", "tie": "ties", "split": "splits", "missing": "missing"}
    for criterion, row in report_of(site / "runs" / "r")["criteria"].items():
        outcomes = [one["outcomes"][criterion] for one in listed(site, "--criterion", criterion)]
        assert {name: outcomes.count(name) for name in fields} == {name: row[field] for name, field in fields.items()}


def test_each_filter_finds_its_items(site: Path) -> None:
    assert names(site, "--failure", "refused") == names(site, "--outcome", "missing") == {"q2"}
    assert names(site, "--where", "parity=odd") == {"q1", "q3", "q5"}
    assert names(site, "--text", "ARGUES ABOUT 4") == {"q4"}
    assert "q1" in names(site, "--flagged")
    assert names(site, "--answers", "only_a_right") == {f"q{n}" for n in range(6)}
    assert names(site, "--answers", "unreadable", "--judges-disagree") == set()
    assert [row["item"] for row in listed(site, "--sort", "item", "--n", "2")] == ["q0", "q1"]
    drawn = omr_judge("list", "r", "--where", "parity=odd", "--n", "1", cwd=site).stdout.splitlines()
    assert drawn[0].split()[:3] == ["item", "overall", "points"]
    assert drawn[-1].startswith("3 of 6 items; the first is shown; a is ")
    assert omr_judge("list", "r", "--text", "nowhere", cwd=site).stdout == "0 of 6 items\n"


def test_what_cannot_be_found_is_said_with_what_can(site: Path) -> None:
    assert "did you mean" in omr_judge("show", "r", "q11", cwd=site, code=3).stderr
    assert "`omr-judge list" in omr_judge("show", "r", "zzz", cwd=site, code=3).stderr
    assert "fields: parity" in omr_judge("list", "r", "--where", "speciality=x", cwd=site, code=3).stderr
    assert "FIELD=VALUE" in omr_judge("list", "r", "--where", "x", cwd=site, code=3).stderr


def test_an_item_is_shown_with_both_traces_side_by_side_and_no_escape_reaches_the_terminal(site: Path) -> None:
    wide, narrow = (omr_judge("show", "r", "q1", "--raw", cwd=site, env=env).stdout for env in (WIDE, NARROW))
    assert any("a argues" in line and "b argues" in line for line in wide.splitlines())
    assert not any("a argues" in line and "b argues" in line for line in narrow.splitlines())
    for text in (wide, narrow):
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)
        assert "[/foo]" in text
        assert "⟨U+202E⟩" in text
    assert "* A. one" in wide
    assert "Final answer: A (right)" in wide
    assert "Final answer: B (wrong)" in wide
    assert "Sent, traces:" in wide
    (reply, _) = [one["reply"]["text"] for one in read_jsonl(site / "runs/r/judgments.jsonl") if one["item"] == "q1"]
    assert reply[:40] in wide


def test_attempts_and_failures_are_told(site: Path) -> None:
    tried = {one["item"] for one in read_jsonl(site / "runs/r/judgments.jsonl") if one.get("attempts")}
    shown = omr_judge("show", "r", tried.pop(), cwd=site, env=WIDE).stdout
    assert "attempt 1:" in shown
    assert "status 500, waited" in shown
    assert "failed: refused" in omr_judge("show", "r", "q2", cwd=site, env=WIDE).stdout


def test_without_an_item_the_most_doubtful_is_shown_and_how_to_go_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", {"one": A_WINS, "two": SPLITS, "three": None})
    shown = omr_judge("show", run.path, cwd=tmp_path, env=WIDE).stdout
    assert "Item two\n" in shown
    assert "split: the orders disagree" in shown
    assert "Next by doubt: omr-judge show" in shown
    assert "No judgment of this item yet." in omr_judge("show", run.path, "three", cwd=tmp_path).stdout
    raw = omr_judge("show", run.path, "one", "--raw", cwd=tmp_path, env=WIDE).stdout
    assert "consistent: a" in raw
    assert "Sent: not known" in raw


def test_of_an_imported_run_what_is_unknown_is_said(tmp_path: Path) -> None:
    said = [{"item": "i", "order": order, "verdict": "first", "meta": {"x": "1"}} for order in ("forward", "swapped")]
    write_jsonl(tmp_path / "verdicts.jsonl", said)
    omr_judge("import", "verdicts.jsonl", "--name", "r", cwd=tmp_path)
    shown = omr_judge("show", "r", "--raw", cwd=tmp_path).stdout
    assert "are not known" in shown
    assert "split: the orders disagree" in shown
    assert names(tmp_path, "--outcome", "split", "--where", "x=1") == {"i"}
