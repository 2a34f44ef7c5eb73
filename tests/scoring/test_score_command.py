"""`omr-judge score`: one model's traces by checklists, through the real SDKs, from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from batch_server import BatchServer
from command import omr_judge
from provider_server import Answer, Call, ProviderServer, longer_wins

from judge.enums import ReportFormat
from judge.runs.run_folder import RunFolder
from judge.scoring.derive_score_report import make_difference, make_score_report
from judge.scoring.figures import SCORE_METHOD
from judge.scoring.score_document import difference_document, score_document
from judge.tables.formats import written

UNIT = re.compile(r"^Unit (?P<id>\S+)(?: \([^)]*\))?: (?P<claim>.*)$", re.MULTILINE)
TRACE = re.compile(r"<trace-(?P<tag>[0-9a-f]+)>\n(?P<text>.*?)\n</trace-(?P=tag)>", re.DOTALL)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63680000008200817704ec7d"
    "0000000049454e44ae426082"
)
SCORE = ("--items", "items.jsonl", "--judge", "openai:judge-1", "--quiet")


def reading_judge(call: Call) -> Answer:
    """Find a unit present and right where the trace holds its claim, wrong where it says "not" before it."""
    found = TRACE.search(call.user)
    assert found
    assert call.schema is not None
    said: dict[str, Any] = {}
    for unit in UNIT.finditer(call.user):
        denied, told = f"not {unit['claim']}" in found["text"], unit["claim"] in found["text"]
        said[unit["id"]] = {
            "evidence": unit["claim"] if told else "",
            "presence": 2 if told else 0,
            "correctness": -1 if denied else int(told),
            "consistency": int(told),
        }
        if "chain_grounding" in call.schema["properties"][unit["id"]]["properties"]:
            yes = "yes" if told and not denied else "no"
            grounds = {"perception_premise": yes, "knowledge_premise": yes, "premises_correct": yes}
            said[unit["id"]]["chain_grounding"] = grounds
    return Answer(orjson.dumps(said).decode())


def forgetful_judge(call: Call) -> Answer:
    """Leave out a unit of every checklist with several, and say nothing of it."""
    said = orjson.loads(reading_judge(call).text)
    return Answer(orjson.dumps(dict(list(said.items())[:1])).decode())


def unit(id_: str, claim: str) -> dict[str, str]:
    return {"unit_id": id_, "topic": "a topic", "claim": claim, "importance": "core"}


CHECKLIST = {
    "perception": [unit("u1", "white line"), unit("u2", "dark spot")],
    "knowledge": [unit("u3", "lines are bone")],
    "rationale": [unit("u4", "so it is a fracture"), unit("u5", "so it is old")],
}
TRACES = {
    "a": {
        "q1": "white line, dark spot, lines are bone, so it is a fracture, so it is old",
        "q2": "white line, not dark spot, lines are bone, so it is a fracture",
    },
    "b": {"q1": "not white line, lines are bone", "q2": "nothing at all"},
}
"""By hand. a: q1 all right: every figure 1. q2: perception 1 x 1/2, knowledge 1 x 1, rationale 1/2 x 1: trace score
(0.5 + 1 + 0.5) / 3. b: q1: perception 1/2 x 0, knowledge 1, rationale 0; q2: all 0."""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "scan.png").write_bytes(PIXEL)
    items = [
        {
            "id": id_,
            "question": "What?",
            "options": ["one", "two"],
            "answer": "A",
            "image": "scan.png",
            "checklist": CHECKLIST,
        }
        for id_ in ("q1", "q2")
    ]
    (tmp_path / "items.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in items))
    for model, traces in TRACES.items():
        lines = (
            {"id": id_, "trace": text, "model": model, "model_answer": "A" if model == "a" else "B"}
            for id_, text in traces.items()
        )
        (tmp_path / f"{model}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return tmp_path


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer(reading_judge) as started:
        yield started


def env(server: ProviderServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": f"{server.url}/v1"}


def scored(work: Path, server: ProviderServer, model: str, *more: str) -> dict[str, Any]:
    run = omr_judge("score", f"{model}.jsonl", *SCORE, "--name", model, "--json", *more, cwd=work, env=env(server))
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def estimates(group: dict[str, Any]) -> dict[str, float]:
    return {name: found["estimate"] for name, found in group.items()}


def test_two_traces_counted_by_hand_and_only_perception_sees_the_image(work: Path, server: ProviderServer) -> None:
    report = scored(work, server, "a")
    assert estimates(report["groups"]["perception"]) == {
        "presence": 1.0,
        "correctness": 0.75,
        "consistency": 1.0,
        "score": 0.75,
    }
    assert estimates(report["groups"]["rationale"])["score"] == 0.75
    assert report["trace_score"]["estimate"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-6)
    assert (report["answer_accuracy"]["estimate"], report["right_and_grounded"]["estimate"]) == (1.0, 0.5)
    assert report["failure_modes"]["all"]["factual_error"] == 1
    assert report["failure_modes"]["all"]["omission"] == 1
    assert [len(call.images) for call in sorted(server.calls, key=lambda call: "image" in call.user)].count(1) == 2
    assert len(server.calls) == 6


def test_the_same_command_goes_on_and_asks_nothing_twice(work: Path, server: ProviderServer) -> None:
    short = omr_judge("score", "a.jsonl", *SCORE, "--name", "a", "--max-calls", "2", cwd=work, env=env(server), code=6)
    assert "budget reached" in short.stderr
    assert scored(work, server, "a")["n_failed"] == 0
    assert len(server.calls) == 6
    first = (work / "runs/a/report.json").read_bytes()
    scored(work, server, "a")
    omr_judge("resume", "a", cwd=work, env=env(server))
    assert len(server.calls) == 6
    assert (work / "runs/a/report.json").read_bytes() == first


def test_a_unit_missing_from_the_reply_is_asked_again_and_never_an_absence(work: Path) -> None:
    with ProviderServer(forgetful_judge) as server:
        run = omr_judge("score", "a.jsonl", *SCORE, "--name", "a", "--json", cwd=work, env=env(server), code=4)
        report = json.loads(run.stdout)
        assert report["failures"] == {"unparsed": 4}
        assert report["failure_modes"]["all"]["judge_error"] == 8
        assert report["failure_modes"]["all"]["omission"] == 0
        assert report["groups"]["perception"]["presence"]["n"] == 0
        assert report["trace_score"]["estimate"] is None
        assert len(server.calls) == 2 + 2 * 4
    with ProviderServer(reading_judge) as server:
        again = omr_judge("retry", "a", "--json", cwd=work, env=env(server))
        assert json.loads(again.stdout)["n_failed"] == 0
        assert len(server.calls) == 4


def test_two_scores_differ_by_what_was_counted_by_hand(work: Path, server: ProviderServer) -> None:
    scored(work, server, "a")
    scored(work, server, "b")
    found = json.loads(omr_judge("report", "a", "--against", "b", "--json", cwd=work).stdout)
    assert found["trace_score"]["estimate"] == pytest.approx((1 + 2 / 3) / 2 - 1 / 6, abs=1e-5)
    assert found["groups"]["knowledge"]["presence"]["estimate"] == 0.5
    assert (found["n_items"], found["answer_accuracy"]["estimate"]) == (2, 1.0)
    drawn = omr_judge("report", "a", "--against", "b", cwd=work).stdout
    assert "On the trace score, a is inconclusive" in drawn
    a, b = RunFolder(work / "runs/a"), RunFolder(work / "runs/b")
    documents = (
        score_document(make_score_report(a).report),
        difference_document(make_difference(a, b, method=SCORE_METHOD)),
    )
    for form in set(ReportFormat) - {ReportFormat.TERMINAL}:
        assert all("trace" in written(document, form) for document in documents)
    assert omr_judge("report", "a", "--format", "markdown", cwd=work).stdout == written(
        documents[0], ReportFormat.MARKDOWN
    )


def test_shards_of_a_score_merge_into_the_whole(work: Path, server: ProviderServer) -> None:
    scored(work, server, "a")
    for number in (1, 2):
        arguments = ("--shard", f"{number}/2", "--name", f"s{number}")
        omr_judge("score", "a.jsonl", *SCORE, *arguments, cwd=work, env=env(server))
    omr_judge("merge", "s1", "s2", "--name", "whole", cwd=work)
    assert (work / "runs/whole/report.json").read_bytes() == (work / "runs/a/report.json").read_bytes()
    assert [case.item.id for case in RunFolder(work / "runs/whole").cases()] == ["q1", "q2"]


def test_in_batches_a_score_is_what_direct_calls_make_it(work: Path, server: ProviderServer) -> None:
    direct = scored(work, server, "a")
    with BatchServer(reading_judge) as batches:
        arguments = (*SCORE, "--name", "batched", "--batch", "--poll", "0.01", "--json")
        run = omr_judge("score", "a.jsonl", *arguments, cwd=work, env=env(batches))
        assert len(batches.batches) == 1
    batched = json.loads(run.stdout)
    for report in (direct, batched):
        assert report.pop("costs")["openai:judge-1"]["replies"] == 6
    assert batched == direct


def test_items_without_a_checklist_are_named_or_left_out(work: Path, server: ProviderServer) -> None:
    lines = (work / "items.jsonl").read_text().splitlines()
    bare = {name: value for name, value in json.loads(lines[1]).items() if name != "checklist"}
    (work / "items.jsonl").write_text(f"{lines[0]}\n{json.dumps(bare)}\n")
    refused = omr_judge("score", "a.jsonl", *SCORE, cwd=work, env=env(server), code=3)
    assert "1 items have no checklist, the first is 'q2'" in refused.stderr
    assert not list((work / "runs").glob("*/manifest.json"))
    assert scored(work, server, "a", "--allow-missing")["left_out"] == {"no_checklist": 1}


def test_a_dry_run_quotes_and_asks_nothing(work: Path, server: ProviderServer) -> None:
    quote = json.loads(omr_judge("score", "a.jsonl", *SCORE, "--dry-run", "--json", cwd=work).stdout)
    assert (quote["calls"], len(server.calls), (work / "runs").exists()) == (6, 0, False)
    scored(work, server, "a")
    again = omr_judge("score", "a.jsonl", *SCORE, "--name", "a", "--dry-run", "--json", cwd=work)
    assert json.loads(again.stdout)["calls"] == 0


def test_a_comparison_is_set_beside_two_scores_of_its_models(work: Path) -> None:
    with ProviderServer(lambda call: (longer_wins if "overall" in str(call.schema) else reading_judge)(call)) as server:
        for model in ("a", "b"):
            scored(work, server, model)
        omr_judge("compare", "a.jsonl", "b.jsonl", *SCORE, "--name", "v", cwd=work, env=env(server))
    report = json.loads(omr_judge("report", "v", "--with-scores", "a", "b", "--json", cwd=work).stdout)
    found = report["instruments"]["overall"]
    assert (found["n"], found["table"]["a"], found["same_side"]["estimate"]) == (2, {"a": 2, "neither": 0, "b": 0}, 1.0)
    assert "Two instruments" in omr_judge("report", "v", "--with-scores", "a", "b", cwd=work).stdout
    turned = omr_judge("report", "v", "--with-scores", "b", "a", cwd=work, code=3)
    assert "scores b, where the comparison has a" in " ".join(turned.stderr.split())
    for options in (("report", "a", "--majority"), ("report", "v", "--against", "a"), ("list", "v", "--mode", "ok")):
        omr_judge(*options, cwd=work, code=3)
