"""A second judge for doubtful items, through the command, by hand and on recorded replies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import SHARED, Row, both_orders, frame
from command import omr_judge, read_jsonl, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from provider_server import Answer, Call, ProviderServer, traces_of, verdicts_for
from run_builder import make_judgment

from judge.audit.audit_queue import Doubt
from judge.audit.browse import list_items
from judge.audit.filters import Filters
from judge.enums import ExportFormat, Orders
from judge.export.write import ExportOptions, export_run
from judge.labels.human_labels import counted_items
from judge.outcomes.latest_judgments import LatestJudgments, latest_judgments
from judge.outcomes.tally import fold
from judge.report.escalation import doubtful_items, escalated
from judge.runs.run_folder import RunFolder
from judge.schema import Chances, Judged, Judgment, Order, Outcome, Verdict

CRITERIA = ("perception", "knowledge", "rationale", "overall")
FIRST, SECOND, TIE, CANNOT = Verdict.FIRST, Verdict.SECOND, Verdict.TIE, Verdict.CANNOT_JUDGE
A, B, TIES, SPLIT = (FIRST, SECOND), (SECOND, FIRST), (TIE, TIE), (FIRST, FIRST)
WINS = {"a": A, "b": B, "tie": TIES, "split": SPLIT}


def rows(item: str, **said: tuple[Verdict | None, Verdict | None]) -> list[Row]:
    return [(*row[:4], name, row[5]) for name, own in said.items() for row in both_orders(item, *own)]


@pytest.mark.parametrize(
    ("said", "doubtful"),
    [
        ({"overall": "a"}, False),
        ({"overall": "tie"}, False),
        ({"overall": "split"}, True),
        ({"overall": "a", "perception": "b"}, True),
        ({"overall": "a", "perception": "b", "knowledge": "a"}, False),
        ({"overall": "a", "perception": "b", "knowledge": "b", "rationale": "a"}, True),
        ({"overall": "b", "perception": "b", "knowledge": "split", "rationale": "tie"}, False),
        ({"overall": "tie", "perception": "b", "knowledge": "b"}, False),
        ({"knowledge": "a"}, True),
        ({}, True),
    ],
)
def test_doubtful_items_are_those_of_the_rule(said: dict[str, str], doubtful: bool) -> None:  # noqa: FBT001
    latest = frame(rows("q", **{name: WINS[kind] for name, kind in said.items()}))
    assert doubtful_items(latest, CRITERIA, Orders.BOTH, ["q"]) == (["q"] if doubtful else [])


def test_an_item_with_one_order_or_no_verdict_is_doubtful() -> None:
    latest = frame([*rows("one", overall=(FIRST, None)), *rows("none", overall=(CANNOT, CANNOT))])
    assert doubtful_items(latest, ["overall"], Orders.BOTH, ["one", "none"]) == ["one", "none"]


outcomes = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(list(WINS)), min_size=1)


@given(outcomes, outcomes)
def test_the_second_judge_replaces_what_it_was_asked_and_nothing_else(one: dict[str, str], two: dict[str, str]) -> None:
    first, second = (
        frame([row for item, kind in own.items() for row in rows(item, overall=WINS[kind])]) for own in (one, two)
    )
    both = fold(escalated(first, second, "x, doubtful items by y").on("overall"), orders=Orders.BOTH)
    assert dict(both.select("item", "outcome").iter_rows()) == one | two
    assert set(both["judge"].cast(str)) == {"x, doubtful items by y"}


def small(call: Call) -> Answer:
    """Take the first slot on every third item, else the shorter trace."""
    first, second = traces_of(call)
    number = int(call.user.split("Case ")[1].split("?")[0])
    slot = "first" if number % 3 == 0 or len(first) < len(second) else "second"
    return Answer(verdicts_for(call.schema or {}, slot))


def large(call: Call) -> Answer:
    first, second = traces_of(call)
    return Answer(verdicts_for(call.schema or {}, "first" if len(first) < len(second) else "second"))


def test_probabilities_of_the_second_judge_count_as_such() -> None:
    def soft(order: Order) -> Judgment:
        result = Judged.softly({"overall": Chances(0.7, 0.0, 0.3)})
        return structs.replace(make_judgment("q", order, FIRST, judge="big"), result=result)

    first = latest_judgments(make_judgment(item, order, FIRST) for item in ("p", "q") for order in Order)
    both = escalated(first, latest_judgments(map(soft, Order)), "together")
    assert (both.n_soft, len(both)) == (2, 4)


def test_splits_are_asked_of_the_second_judge_and_the_report_says_so(tmp_path: Path) -> None:
    for side, more in (("a", ""), ("b", " At length.")):
        records = [{"id": f"q{n}", "question": f"Case {n}?", "trace": f"Trace {n}.{more}"} for n in range(12)]
        write_jsonl(tmp_path / f"{side}.jsonl", records)
    with ProviderServer(small) as one, ProviderServer(large) as two:
        judges = ("--judge", f"openai:m@{one.url}/v1", "--escalate", f"openai:big@{two.url}/v1")
        command = ("compare", "a.jsonl", "b.jsonl", *judges, "--price", "m=1/1", "--price", "big=10/10", "--name", "r")
        assert "which only the run can count" in omr_judge(*command, "--dry-run", cwd=tmp_path).stderr
        stopped = omr_judge(*command, "--max-calls", "26", cwd=tmp_path, code=6)
        assert "`omr-judge resume runs/r` goes on" in stopped.stderr
        halfway = json.loads(omr_judge("report", "r", "--json", cwd=tmp_path).stdout)
        done = omr_judge("resume", "r", cwd=tmp_path)
        again = omr_judge(*command, cwd=tmp_path)
        other = ("--escalate", f"openai:bigger@{two.url}/v1")
        omr_judge(*command[:5], *other, *command[7:], cwd=tmp_path, code=3)
    run = tmp_path / "runs" / "r"
    assert len(read_jsonl(run / "judgments.jsonl")) == 24
    assert len(read_jsonl(run / "escalated" / "judgments.jsonl")) == 8
    assert halfway["escalation"]["n_not_asked"] > 0
    report = json.loads(omr_judge("report", "r", "--json", cwd=tmp_path).stdout)
    assert report["judges"] == ["openai:m, doubtful items by openai:big"]
    told = report["escalation"]
    assert (told["n_escalated"], told["n_not_asked"]) == (4, 0)
    assert told["first_alone"]["overall"]["estimate"] == pytest.approx(10 / 12, abs=1e-6)
    overall = report["criteria"]["overall"]
    assert (overall["win_rate"]["estimate"], overall["splits"]) == (1.0, 0)
    assert overall["consistency"]["estimate"] == pytest.approx(8 / 12, abs=1e-6)  # the first judge's own
    assert {judge: cost["replies"] for judge, cost in report["costs"].items()} == {"openai:m": 24, "openai:big": 8}
    listed = list_items(RunFolder(run), Filters())  # and so does whatever tells of single items
    assert {(one.outcomes["overall"], one.doubts) for one in listed.rows} == {(Outcome.A, frozenset({Doubt.FLAGGED}))}
    export_run(RunFolder(run), ExportOptions(ExportFormat.JSONL, tmp_path / "tables"))
    assert {row["outcome"] for row in read_jsonl(tmp_path / "tables/items.jsonl")} == {"a"}
    assert len(read_jsonl(tmp_path / "tables/judgments.jsonl")) == (24 + 8) * len(CRITERIA)
    assert counted_items(RunFolder(run), RunFolder(run).manifest())["overall"].mean("credit").estimate == 1
    sentence = "4 of 12 items, doubtful by a rule set beforehand, were judged anew by openai:big"
    assert sentence in " ".join(done.stdout.split())
    assert again.stdout == done.stdout
    omr_judge("verify", "r", cwd=tmp_path)
    (listed,) = json.loads(omr_judge("runs", "--json", cwd=tmp_path).stdout)["runs"]
    assert listed["win_rate"]["estimate"] == 1.0
    assert (listed["state"], listed["n_judged"], listed["n_requests"], listed["controls"]) == ("done", 32, 32, [])
    assert json.loads(run.joinpath("manifest.json").read_bytes())["escalation"]["rule"] == "doubtful"
    omr_judge("export", "r", "--to", "dpo", "--out", "preferences.jsonl", cwd=tmp_path)
    assert len(read_jsonl(tmp_path / "preferences.jsonl")) == 12
    journal = run / "escalated" / "judgments.jsonl"
    kept = journal.read_bytes()
    journal.write_bytes(b"".join(kept.splitlines(keepends=True)[:-1]))
    quoted = omr_judge("verify", "r", "--against", report["fingerprint"], cwd=tmp_path, code=3).stdout
    assert "not the run that was quoted" in quoted


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--judge", "openai:n@http://127.0.0.1:9/v1"), "is a panel"),
        (("--orders", "one"), "leaves no orders"),
        (("--shard", "1/2"), "is a part"),
        (("--stop-when-decided",), "looks at the first judge alone"),
        (("--escalate", "openai:m@http://127.0.0.1:9/v1"), "is the first judge itself"),
    ],
)
def test_what_cannot_be_escalated_is_refused(more: tuple[str, ...], told: str, tmp_path: Path) -> None:
    for side in "ab":
        write_jsonl(tmp_path / f"{side}.jsonl", [{"id": "q", "question": "Case 1?", "trace": f"{side} says so."}])
    judges = ("--judge", "openai:m@http://127.0.0.1:9/v1", "--escalate", "openai:big@http://127.0.0.1:9/v1")
    assert told in omr_judge("compare", "a.jsonl", "b.jsonl", *judges, *more, cwd=tmp_path, code=3).stderr


@pytest.mark.shared
def test_on_llmbars_recorded_replies_escalation_costs_less_than_the_strong_judge_and_beats_the_weak_one() -> None:
    llmbar = SHARED / "data" / "llmbar"
    if not llmbar.exists():
        pytest.skip("../shared/data/llmbar is not there")
    labels = {item["id"]: "a" if str(item["label"]) == "1" else "b" for item in read_jsonl(llmbar / "items.jsonl")}
    said: dict[str, list[Row]] = {}
    for reply in read_jsonl(llmbar / "replies.jsonl"):
        if reply["strategy"] == "Vanilla":
            slots = {
                ("1", "forward"): FIRST,
                ("2", "forward"): SECOND,
                ("1", "swapped"): SECOND,
                ("2", "swapped"): FIRST,
            }
            verdict = slots.get((reply["winner"], reply["order"]))
            row = (reply["id"], "j", 0, reply["order"], "overall", verdict and verdict.value)
            said.setdefault(reply["judge"], []).append(row)
    weak, strong = frame(said["ChatGPT"]), frame(said["GPT-4"])
    items = sorted({row[0] for row in said["ChatGPT"]})
    asked = doubtful_items(weak, ["overall"], Orders.BOTH, items)
    both = escalated(weak, strong.about(asked), "both")

    def accuracy(latest: LatestJudgments) -> float:
        folded = fold(latest.on("overall"), orders=Orders.BOTH)
        credit = dict(folded.select("item", "credit").iter_rows())
        right = [1 - credit[item] if labels[item] == "b" else credit[item] for item in credit]
        return float(sum(right)) / len(items)

    rates = {"weak": accuracy(weak), "escalated": accuracy(both), "strong": accuracy(strong)}
    print(rates, len(asked), len(items))  # noqa: T201 - the figures are told on closing
    assert rates["weak"] < rates["escalated"]
    assert 0 < len(asked) < len(items)
