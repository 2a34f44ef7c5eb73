"""Final answers that the judge states of the traces: before any verdict, and used only where both orders agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, only_run, report_of, write_jsonl
from provider_server import Answer, Call, ProviderServer, traces_of

from judge.prompting.pairwise_prompt import reply_schema
from judge.prompting.pairwise_reply import interpret, parse_answers, parse_evidence
from judge.prompting.shipped_files import find_asset, load_rubric
from judge.prompting.trace_answers import TraceAnswers
from judge.schema import Failed, Item, Judged, Judgment, Order, Reply, Trace, Verdict, VerdictForm

ONE = {"evidence_1": "x", "evidence_2": "y", "verdict": "first"}
STATED = {"answers": {"trace_1": "B", "trace_2": ""}, "overall": ONE}


def test_the_schema_asks_for_the_answers_before_any_verdict() -> None:
    schema = reply_schema(load_rubric(find_asset("rubrics", "overall.v1")), answers=True)
    assert list(schema["properties"]) == ["answers", "overall"]
    assert schema["required"][0] == "answers"


def test_a_reply_that_states_the_answers_first_is_read_and_no_other() -> None:
    reply = Reply(text=json.dumps(STATED))
    assert interpret(reply, ("overall",), VerdictForm.ANSWERS) == Judged(verdicts={"overall": Verdict.FIRST})
    assert parse_answers(reply.text) == ("B", "")
    assert parse_evidence(reply.text, ("overall",)) == {"overall": ("x", "y")}
    assert parse_answers(json.dumps({"overall": ONE})) is None


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        ({"overall": ONE}, "do not stand before the verdicts"),
        ({"overall": ONE, "answers": STATED["answers"]}, "do not stand before the verdicts"),
        ({"answers": {"trace_1": "B"}, "overall": ONE}, "expected an object with trace_1, trace_2"),
        ({"answers": {"trace_1": 1, "trace_2": ""}, "overall": ONE}, "every field must be text"),
        ({"answers": {"trace_1": "B", "trace_2": ""}}, "criteria are []"),
    ],
)
def test_a_reply_in_another_form_is_no_verdict(reply: dict[str, Any], detail: str) -> None:
    result = interpret(Reply(text=json.dumps(reply)), ("overall",), VerdictForm.ANSWERS)
    assert isinstance(result, Failed)
    assert detail in result.detail


ITEM = Item(id="q", options={"A": "Aspirin", "B": "Heparin"}, answer="B")


def said(first: str, second: str, order: Order, sample: int = 0) -> Judgment:
    text = json.dumps({"answers": {"trace_1": first, "trace_2": second}, "overall": ONE})
    result = Judged(verdicts={"overall": Verdict.FIRST})
    return Judgment(
        key=f"{order}{sample}", item="q", order=order, judge="j", sample=sample, result=result, reply=Reply(text=text)
    )


def test_what_the_judge_states_alike_in_both_orders_is_used_where_the_rules_read_none() -> None:
    stated = TraceAnswers([said("B", "A", Order.FORWARD), said("Aspirin", "(B)", Order.SWAPPED)])
    unclear = Trace(text="It may be heparin or aspirin.")
    assert stated.of(ITEM, "a", unclear)[0].right is True
    assert stated.of(ITEM, "b", unclear)[0].right is False
    assert stated.of(ITEM, "b", Trace(text="The answer is B."))[0].right is True
    assert stated.of(ITEM, "b", Trace(text="The answer is A."))[0].right is False
    assert stated.counts == {"used_a": 1, "used_b": 1, "compared": 2, "same": 1}


def test_what_differs_between_orders_or_is_stated_in_one_is_not_used() -> None:
    unclear = Trace(text="It may be heparin or aspirin.")
    differing = TraceAnswers([said("B", "", Order.FORWARD), said("", "A", Order.SWAPPED)])
    assert (differing.of(ITEM, "a", unclear)[0].right, differing.of(ITEM, "b", unclear)[0].right) == (None, None)
    assert differing.counts == {"orders_differ": 1}
    assert TraceAnswers([said("B", "B", Order.FORWARD)]).of(ITEM, "a", unclear)[0].right is None
    failed = Judgment(key="f", item="q", order=Order.FORWARD, judge="j", sample=0, result=Failed(failure="refused"))  # type: ignore[arg-type]
    assert TraceAnswers([failed]).of(ITEM, "a", unclear)[0].right is None


def states_answers(call: Call) -> Answer:
    """State B of a trace that speaks of heparin, and find the longer one better."""
    first, second = traces_of(call)
    answers = {name: "B" if "heparin" in text else "A" for name, text in (("trace_1", first), ("trace_2", second))}
    verdict = ONE | {"verdict": "first" if len(first) > len(second) else "second"}
    assert call.schema is not None
    criteria = [name for name in call.schema["properties"] if name != "answers"]
    return Answer(json.dumps({"answers": answers} | dict.fromkeys(criteria, verdict)))


def test_the_report_counts_the_answers_that_the_judge_read(tmp_path: Path) -> None:
    item = {"question": "Which?", "options": {"A": "Aspirin", "B": "Heparin"}, "answer": "B"}
    write_jsonl(tmp_path / "a.jsonl", [{"id": n, "trace": f"Some heparin, I think, {n}", **item} for n in range(3)])
    write_jsonl(tmp_path / "b.jsonl", [{"id": n, "trace": "Nothing.\nThe answer is A.", **item} for n in range(3)])
    with ProviderServer(states_answers) as server:
        judge = ("--judge", f"openai:judge-1@{server.url}/v1")
        env = {"OPENAI_API_KEY": "k"}
        compare = ("compare", "a.jsonl", "b.jsonl", *judge, "--read-answers", "judge")
        told = omr_judge(*compare, "--orders", "one", cwd=tmp_path, env=env, code=3).stderr
        assert "--read-answers judge: one order: nothing tells whether orders agree" in told
        told = omr_judge(*compare, "--prompt", "pairwise.v1", cwd=tmp_path, env=env, code=3).stderr
        assert "prompt pairwise.v1 does not ask for the answers" in told
        omr_judge(*compare, cwd=tmp_path, env=env)
    report = report_of(only_run(tmp_path))
    assert report["prompt"] == "pairwise-answers.v1"
    assert report["judge_answers"] == {"used_a": 3, "used_b": 0, "compared": 3, "same": 3, "orders_differ": 0}
    assert report["criteria"]["overall"]["strata"]["only_a_right"]["n"] == 3
    assert any(
        "answers read by the judge where the rules read none: 3 of a, 0 of b" in one for one in report["warnings"]
    )
    run = str(only_run(tmp_path))
    omr_judge("verify", run, cwd=tmp_path)
    listed = omr_judge("list", run, "--answers", "only_a_right", "--json", cwd=tmp_path).stdout
    assert len(listed.splitlines()) == 3
    shown = " ".join(omr_judge("show", run, "0", cwd=tmp_path).stdout.split())
    assert "(the judge reads: B)" in shown
    omr_judge("export", run, "--to", "jsonl", "--out", "tables", cwd=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "tables/items.jsonl").read_text().splitlines()]
    assert {(row["stratum"], row["right_a"], row["right_b"]) for row in rows} == {("only_a_right", True, False)}
