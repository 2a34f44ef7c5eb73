from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, only_run, read_jsonl, report_of, write_jsonl
from provider_server import Answer, Call, ProviderServer, content_judge, traces_of, verdicts_for
from recount import Recording, recount, reported

SHARED = Path(__file__).parents[2] / "shared" / "data"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here: real data is not shipped"),
]

OVERALL = """\
name = "overall"
version = 1
description = "The overall verdict alone."

[[criterion]]
name = "overall"
title = "Overall"
definition = "Which one is better."
tie = "no difference"
"""


# Real pairs of traces


def in_common(folder: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    a, b = ({record["id"]: record for record in read_jsonl(folder / f"{name}.jsonl")} for name in ("a", "b"))
    return {id_: (a[id_], b[id_]) for id_ in a if id_ in b}


def as_shown(record: dict[str, Any]) -> str:
    """Return the trace between its fences; `traces_of` takes the line breaks at its ends away."""
    answer = f"\n\nFinal answer: {record['model_answer']}" if record["model_answer"] else ""
    return (str(record["trace"]) + answer).strip("\n")


def check_against_recount(report: dict[str, Any], script: Recording, folder: Path, *, n: int) -> None:
    """Check that each judge was asked about every pair in both orders, and that its report is what it answered."""
    records = in_common(folder)
    assert len(records) == n
    texts = {id_: (as_shown(a), as_shown(b)) for id_, (a, b) in records.items()}
    identical = [id_ for id_, (a, b) in texts.items() if a == b]
    for id_ in identical:
        del texts[id_]
    names = {str(record["model"]) for pair in records.values() for record in pair}
    for model in ("m-openai", "m-anthropic"):
        answered = script.of_judge(model)
        assert len(answered) == 2 * len(texts)
        for call, _ in answered:
            assert not any(name in call.system for name in names)
        counts = recount(answered, texts)
        criteria = report["by_judge"][f"{model.removeprefix('m-')}:{model}"]
        assert set(counts) == set(criteria)
        for name, criterion in criteria.items():
            assert set(counts[name].shares) == set(texts)
            assert reported(criterion) == counts[name].expected(identical=len(identical))
    assert report["n_items"] == n
    assert (report["n_failed"], report["n_not_asked"]) == (0, 0)
    questions = Counter(call.user.partition("Question:\n")[2].partition("\n")[0] for call, _ in script.answered)
    assert questions.total() == 4 * len(texts)


@pytest.mark.slow
def test_200_pairs_of_thoughtsource_are_judged_in_both_orders_by_both_sdks(tmp_path: Path) -> None:
    folder = SHARED / "thoughtsource_med"
    script = Recording(content_judge)
    with ProviderServer(script) as server:
        run = omr_judge(
            *("compare", folder / "a.jsonl", folder / "b.jsonl"),
            *("--judge", f"openai:m-openai@{server.url}/v1", "--judge", f"anthropic:m-anthropic@{server.url}"),
            cwd=tmp_path,
        )
    assert Counter(call.provider for call in server.calls) == {"openai": 400, "anthropic": 400}
    assert "200 items, 800 judgments, 0 failed" in run.stdout
    report = report_of(only_run(tmp_path))
    assert report["models"] == {"a": "gpt-4", "b": "gpt-3.5-turbo"}
    check_against_recount(report, script, folder, n=200)


@pytest.mark.slow
def test_medarc_is_refused_for_five_ids_without_a_partner_and_judged_without_them_on_request(tmp_path: Path) -> None:
    folder = SHARED / "medarc_qa"
    a, b = (read_jsonl(folder / f"{name}.jsonl") for name in ("a", "b"))
    alone = {record["id"] for record in a} - {record["id"] for record in b}
    assert len(alone) == 5
    script = Recording(content_judge)
    with ProviderServer(script) as server:
        command = (
            *("compare", folder / "a.jsonl", folder / "b.jsonl"),
            *("--judge", f"openai:m-openai@{server.url}/v1", "--judge", f"anthropic:m-anthropic@{server.url}"),
        )
        refused = omr_judge(*command, cwd=tmp_path, code=3)
        assert server.calls == []
        allowed = omr_judge(*command, "--allow-missing", cwd=tmp_path)
    lines = {number: record["id"] for number, record in enumerate(a, start=1) if record["id"] in alone}
    (line,) = refused.stderr.splitlines()
    first, shown = next(iter(lines)), ", ".join(map(repr, list(lines.values())[:3]))
    assert line.startswith(
        f"omr-judge: {folder}/a.jsonl:{first}: 5 ids ({shown} and 2 more) are not in {folder}/b.jsonl"
    )
    assert "5 items left out: only in the traces of " in allowed.stdout
    check_against_recount(report_of(only_run(tmp_path)), script, folder, n=95)


# LLMBar: recorded replies of real judges


Key = tuple[str, str, str, str]
"""item, judge, strategy, order"""


def llmbar_items(subset: str) -> dict[str, dict[str, Any]]:
    items = read_jsonl(SHARED / "llmbar" / "items.jsonl")
    return {item["id"]: item for item in items if item["subset"] == subset}


def llmbar_replies(items: Iterable[str]) -> dict[Key, dict[str, Any]]:
    wanted = set(items)
    replies = read_jsonl(SHARED / "llmbar" / "replies.jsonl")
    return {(r["id"], r["judge"], r["strategy"], r["order"]): r for r in replies if r["id"] in wanted}


def model_name(judge: str, strategy: str) -> str:
    return f"{judge}.{strategy}"


def slot(winner: str, order: str) -> str:
    """Return the slot in which the winner stood: output_1 is a, and was first in the forward order."""
    return "first" if (winner == "1") == (order == "forward") else "second"


class Replay:
    """Answers our requests with what LLMBar's judges answered about the same two texts in the same order."""

    def __init__(self, items: dict[str, dict[str, Any]], replies: dict[Key, dict[str, Any]]) -> None:
        self.replies = replies
        self.asked: list[Key] = []
        self.placed: dict[tuple[str, str], list[tuple[dict[str, Any], str]]] = defaultdict(list)
        for item in items.values():
            one, other = item["output_1"].strip("\n"), item["output_2"].strip("\n")
            self.placed[one, other].append((item, "forward"))
            self.placed[other, one].append((item, "swapped"))

    def __call__(self, call: Call) -> Answer:
        ((item, order),) = [found for found in self.placed[traces_of(call)] if found[0]["question"] in call.user]
        judge, _, strategy = str(call.body["model"]).rpartition(".")
        key = (item["id"], judge, strategy, order)
        self.asked.append(key)
        recorded = self.replies[key]
        if recorded["winner"] is None:
            return Answer(recorded["completion"])
        return Answer(verdicts_for(call.schema or {}, slot(recorded["winner"], order)))


def of(published: str) -> int:
    """Return the count in "95 / 100 = 95.0%"."""
    return int(published.partition(" / ")[0])


@pytest.mark.parametrize(
    ("subset", "n"),
    [
        pytest.param("natural", 100, marks=pytest.mark.slow),
        ("manual", 46),
        pytest.param("neighbor", 134, marks=pytest.mark.slow),
    ],
)
def test_recorded_replies_of_llmbars_judges_give_the_published_counts_judged_and_imported(
    tmp_path: Path, subset: str, n: int
) -> None:
    """Replay six judges (three models with two strategies each) and compare with what their authors published.

    LLMBar counts a reply without a verdict as wrong, and two of them on one item as "equal". Here neither is a verdict:
    the item is missing, out of the consistency's numerator and denominator. Every item without a verdict lacks it in
    both orders, so with k of them our consistency is (equal - k) / (n - k) and our splits are n - equal; right
    verdicts are right in both ways of counting.
    """
    items = llmbar_items(subset)
    replies = llmbar_replies(items)
    published = [
        row for row in json.loads((SHARED / "llmbar" / "expected.json").read_bytes()) if row["subset"] == subset
    ]
    assert len(items) == n
    assert len(published) == 6
    judges = sorted(model_name(row["judge"], row["strategy"]) for row in published)
    for name, output in (("a", "output_1"), ("b", "output_2")):
        write_jsonl(
            tmp_path / f"{name}.jsonl",
            [{"id": id_, "question": i["question"], "trace": i[output], "model": output} for id_, i in items.items()],
        )
    (tmp_path / "overall.toml").write_text(OVERALL)
    replay = Replay(items, replies)
    with ProviderServer(replay) as server:
        omr_judge(
            *("compare", "a.jsonl", "b.jsonl", "--rubric", "overall.toml", "--max-failures", "1", "--name", "judged"),
            *(part for name in judges for part in ("--judge", f"openai:{name}@{server.url}/v1")),
            cwd=tmp_path,
        )
    asked_twice = {key for key, recorded in replies.items() if recorded["winner"] is None}
    asked, expected = Counter(replay.asked), Counter({key: 1 + (key in asked_twice) for key in replies})
    assert not expected - asked
    # A judge's first count of tokens that happens to be the size of a context is seen to grow by one more call.
    assert all(key[0] == min(items) and n == 1 for key, n in (asked - expected).items())
    judged = report_of(tmp_path / "runs" / "judged")

    labels = {id_: str(item["label"]) for id_, item in items.items()}
    right = right_verdicts(tmp_path / "runs" / "judged", labels)
    for row in published:
        name = f"openai:{model_name(row['judge'], row['strategy'])}"
        silent = {
            order: {id_ for id_ in items if replies[id_, row["judge"], row["strategy"], order]["winner"] is None}
            for order in ("forward", "swapped")
        }
        assert silent["forward"] == silent["swapped"]
        k = len(silent["forward"])
        found = judged["by_judge"][name]["overall"]
        consistency = found["consistency"]
        assert consistency["n"] == n - k
        assert round(consistency["estimate"] * consistency["n"]) == of(row["equal"]) - k
        assert consistency["estimate"] == pytest.approx((of(row["equal"]) - k) / (n - k), abs=1e-6)
        assert found["splits"] == n - of(row["equal"])
        assert found["wins_a"] + found["wins_b"] == of(row["equal"]) - k
        assert found["missing"] == k
        assert found["ties"] == 0, "no recorded judge said tie: a tie could only be a failure"
        assert len(right[name, "forward"]) == of(row["correct_False"])
        assert len(right[name, "swapped"]) == of(row["correct_True"])
        assert len(right[name, "forward"] & right[name, "swapped"]) == of(row["correct_both"])
    n_silent = sum(reply["winner"] is None for reply in replies.values())
    assert judged["n_failed"] == n_silent
    assert judged["failures"] == ({"unparsed": n_silent} if n_silent else {})
    assert judged["criteria"]["overall"]["ties"] + judged["criteria"]["overall"]["missing"] <= n

    write_jsonl(tmp_path / "verdicts.jsonl", map(as_verdict, replies.values()))
    omr_judge("import", "verdicts.jsonl", "--name", "imported", cwd=tmp_path)
    imported = report_of(tmp_path / "runs" / "imported")
    same = ("criteria", "by_judge", "judges", "models", "n_items", "n_judgments", "n_failed", "failures", "orders")
    assert {name: imported[name] for name in same} == {name: judged[name] for name in same}


def right_verdicts(run: Path, labels: dict[str, str]) -> dict[tuple[str, str], set[str]]:
    """Return by judge and order the items on which a verdict is what people prefer, from the journal alone."""
    right: dict[tuple[str, str], set[str]] = defaultdict(set)
    for judgment in read_jsonl(run / "judgments.jsonl"):
        item, order, result = judgment["item"], judgment["order"], judgment["result"]
        if result["status"] == "judged" and result["verdicts"]["overall"] == slot(labels[item], order):
            right[judgment["judge"], order].add(item)
    return right


def as_verdict(reply: dict[str, Any]) -> dict[str, Any]:
    winner = reply["winner"]
    said = {"verdict": None, "failure": "unparsed"} if winner is None else {"verdict": slot(winner, reply["order"])}
    return said | {
        "item": reply["id"],
        "order": reply["order"],
        "judge": f"openai:{model_name(reply['judge'], reply['strategy'])}",
        "reply": reply["completion"],
        "model_a": "output_1",
        "model_b": "output_2",
    }
