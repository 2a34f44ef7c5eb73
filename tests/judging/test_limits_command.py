"""What a person allows a run to spend, and how fast it may go, from the command line."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, environment, omr_judge, only_run, read_jsonl, report_of
from comparison.test_compare_command import judge, write_pairs
from provider_server import Answer, ProviderServer, content_judge, longer_wins

from judge.judging.direct import OTHER_FILES, room_for


def test_a_run_stops_at_its_calls_and_goes_on_to_the_same_report(tmp_path: Path) -> None:
    write_pairs(tmp_path, 30)
    with ProviderServer(content_judge) as server:
        whole = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--concurrency", "8")
        omr_judge(*whole, "--name", "direct", cwd=tmp_path)
        before = len(server.calls)
        stopped = omr_judge(*whole, "--name", "r", "--max-calls", "37", cwd=tmp_path, code=6)
        assert len(server.calls) - before == 37
        told = "omr-judge: budget reached: 37 calls, of --max-calls 37; what was judged is kept, and `omr-judge resume"
        assert told in stopped.stderr
        omr_judge("resume", "runs/r", "--max-calls", "37", cwd=tmp_path, code=6)
        assert len(server.calls) - before == 37, "a limit holds for the whole run"
        omr_judge("resume", "runs/r", cwd=tmp_path)
    assert len(server.calls) - before == 60
    reports = [json.loads((tmp_path / f"runs/{name}/report.json").read_bytes()) for name in ("direct", "r")]
    assert reports[0] == reports[1]


def test_a_call_that_was_given_up_after_its_last_attempt_counts_against_a_later_limit(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    with ProviderServer(lambda call: Answer(fault="hang") if call.number == 0 else content_judge(call)) as server:
        asked = (*judge(server), "--attempts", "1", "--timeout", "0.5", "--name", "r")
        omr_judge("compare", "a.jsonl", "b.jsonl", *asked, cwd=tmp_path, code=4)
        failed = [line["result"] for line in read_jsonl(tmp_path / "runs/r/judgments.jsonl") if not line.get("reply")]
        assert [(result["failure"], result["maybe_paid"]) for result in failed] == [("timeout", True)]
        omr_judge("resume", "runs/r", "--max-calls", "4", cwd=tmp_path, code=6)
        assert len(server.calls) == 4, "three replies, and one call that may have been paid for"


def test_a_run_stops_at_its_dollars(tmp_path: Path) -> None:
    write_pairs(tmp_path, 20)
    with ProviderServer(content_judge) as server:
        env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": f"{server.url}/v1"}
        args = ("compare", "a.jsonl", "b.jsonl", "--judge", "openai:m", "--price", "m=2.5/10", "--concurrency", "2")
        stopped = omr_judge(*args, "--max-cost", "0.02", cwd=tmp_path, env=env, code=6)
    assert "spent, of --max-cost 0.02" in stopped.stderr
    usages = [line["reply"]["usage"] for line in read_jsonl(only_run(tmp_path) / "judgments.jsonl")]
    dollars = sum(usage["input"] * 2.5 + usage["output"] * 10 for usage in usages) / 1e6
    assert 0.01 < dollars <= 0.02


DEAR = {"usage": {"prompt_tokens": 100_000, "completion_tokens": 10_000}}
UNTOLD: dict[str, Any] = {"usage": None}
PRICED = ("--price", "m=1/10")
ALSO_UNREADABLE = [
    *(Answer("no verdict"), Answer(stop="filter"), Answer('data: {"choices": []}', fault="garbage")),
    *(Answer('{"choices": []}', fault="garbage"), Answer("odd", more={"choices": [{"message": {"content": 7}}]})),
]
UNREADABLE = [
    *(Answer("{", stop="length"), Answer("<html>Sign in</html>", fault="garbage")),
    Answer(error={"message": "try pulling it first"}),
    *(pytest.param(answer, marks=pytest.mark.slow) for answer in ALSO_UNREADABLE),
]


def spent(run: Path, *, untold: float = 0.0) -> float:
    """Return the dollars of all replies at 1 and 10 a million tokens, those that tell no tokens at what is given."""
    lines = read_jsonl(run / "judgments.jsonl")
    replies = [reply for line in lines for one in [*line.get("attempts", []), line] if (reply := one.get("reply"))]
    usages = [reply.get("usage", {}) for reply in replies]
    return sum((usage["input"] + 10 * usage["output"]) / 1e6 if usage else untold for usage in usages)


@pytest.mark.parametrize("more", [{}, DEAR], ids=["as quoted", "a hundred times as dear"])
@pytest.mark.parametrize(
    "concurrency", ["16", pytest.param("1", marks=pytest.mark.slow), pytest.param("64", marks=pytest.mark.slow)]
)
def test_what_is_spent_exceeds_its_limit_by_no_more_than_one_calls_error(
    tmp_path: Path, concurrency: str, more: dict[str, Any]
) -> None:
    write_pairs(tmp_path, 60)
    limit = 0.62 if more else 0.03
    with ProviderServer(lambda call: replace(content_judge(call), more=more), delay=0.02) as server:
        asked = ("compare", "a.jsonl", "b.jsonl", *judge(server), *PRICED, "--name", "r", "--concurrency", concurrency)
        omr_judge(*asked, "--max-cost", str(limit), cwd=tmp_path, code=6)
        first = spent(tmp_path / "runs/r")
        omr_judge("resume", "runs/r", "--max-cost", str(limit), cwd=tmp_path, code=6)
        assert spent(tmp_path / "runs/r") <= limit
        omr_judge("resume", "runs/r", "--max-cost", str(2 * limit), cwd=tmp_path, code=6)
    dearest = max(
        usage["input"] + 10 * usage["output"]
        for line in read_jsonl(tmp_path / "runs/r/judgments.jsonl")
        for usage in [line["reply"]["usage"]]
    )
    assert limit - dearest / 1e6 * 1.5 <= first <= limit
    assert spent(tmp_path / "runs/r") <= 2 * limit


@pytest.mark.slow
def test_replies_that_tell_no_tokens_are_charged_as_the_quote_expects_and_their_cost_is_unknown(tmp_path: Path) -> None:
    write_pairs(tmp_path, 60)
    with ProviderServer(lambda call: replace(content_judge(call), more=UNTOLD), delay=0.02) as server:
        asked = ("compare", "a.jsonl", "b.jsonl", *judge(server), *PRICED, "--name", "r")
        quoted = json.loads(omr_judge(*asked, "--dry-run", "--json", cwd=tmp_path).stdout)
        each = quoted["usd"]["expected"] / quoted["calls"]
        stopped = omr_judge(*asked, "--max-cost", str(20.5 * each), cwd=tmp_path, code=6)
        assert 19 <= len(server.calls) <= 21
        omr_judge("resume", "runs/r", "--max-cost", str(20.5 * each), cwd=tmp_path, code=6)
        assert 19 <= len(server.calls) <= 21
        omr_judge("resume", "runs/r", "--max-cost", str(40.5 * each), cwd=tmp_path, code=6)
        assert 39 <= len(server.calls) <= 41
    told = json.loads(omr_judge("report", "runs/r", "--json", cwd=tmp_path).stdout)
    assert told["usd"] is None
    assert told["costs"]["openai:m"]["usd"] is None
    assert told["costs"]["openai:m"]["without_usage"] == len(server.calls)
    assert "cost unknown" in stopped.stderr
    shown = omr_judge("report", "runs/r", "--full", cwd=tmp_path).stdout
    assert "unknown (tokens unknown" in " ".join(shown.split())
    assert "$0.00" not in shown + stopped.stderr.replace("$0.00 spent", "")


@pytest.mark.parametrize("answer", UNREADABLE, ids=repr)
def test_a_server_whose_every_reply_is_unreadable_is_given_up_in_its_own_words(tmp_path: Path, answer: Answer) -> None:
    write_pairs(tmp_path, 400)
    with ProviderServer(lambda _: answer) as server:
        asked = ("compare", "a.jsonl", "b.jsonl", *judge(server), *PRICED, "--name", "r")
        stopped = omr_judge(*asked, cwd=tmp_path, code=4)
        assert len(server.calls) <= 40
        omr_judge("resume", "runs/r", "--max-cost", "0.000001", cwd=tmp_path, code=6)
        assert len(server.calls) <= 40
    said = " ".join(stopped.stderr.split())
    assert "the first 20 replies hold no verdict, the last: " in said
    for words in ("" if answer.more else answer.text, (answer.error or {}).get("message", "")):
        assert words.replace('"', "") in said.replace('\\"', "").replace('"', "")


@pytest.mark.parametrize("amount", ["much", "-1", "nan", "inf"])
def test_an_amount_that_is_none_is_refused(tmp_path: Path, amount: str) -> None:
    write_pairs(tmp_path, 1)
    refused = omr_judge("compare", "a.jsonl", "b.jsonl", "--max-cost", amount, cwd=tmp_path, code=3)
    assert f"--max-cost: '{amount}' is no amount of dollars" in refused.stderr


def test_dollars_cannot_limit_what_has_no_price(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    with ProviderServer(longer_wins) as server:
        args = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--max-cost", "1")
        refused = omr_judge(*args, cwd=tmp_path, code=3)
    assert "--max-cost: no price is known for openai:m" in refused.stderr
    assert server.calls == []


@pytest.mark.slow
def test_calls_a_minute_are_kept_to(tmp_path: Path) -> None:
    write_pairs(tmp_path, 3)
    with ProviderServer(content_judge) as server:
        started = time.monotonic()
        args = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--max-rpm", "120", "--max-tpm", "10000000")
        omr_judge(*args, cwd=tmp_path)
    assert time.monotonic() - started >= 2.5
    assert report_of(only_run(tmp_path))["n_judgments"] == 6


LIMITED = """
import resource, sys
from judge.judging.direct import room_for
for hard, soft in ((1000, 1000), (1000, 256), (300, 256), (50, 40)):  # a hard limit is never raised again
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(room_for(500), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_the_limit_on_open_files_is_raised_as_far_as_it_may_be() -> None:
    told = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, encoding="utf-8", check=True)
    assert told.stdout.splitlines() == ["500 1000", "500 564", "236 300", "1 50"]


def test_a_limit_that_cannot_be_raised_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, which allows no limit on paper and less than it says."""

    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert room_for(500) == 256 - OTHER_FILES
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert room_for(500) == 500


@pytest.mark.slow
def test_a_system_that_allows_few_open_files_lowers_the_concurrency_and_fails_no_call(tmp_path: Path) -> None:
    write_pairs(tmp_path, 60)
    with ProviderServer(content_judge, delay=0.05) as server:
        asked = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--concurrency", "200", "--name", "r")
        limited = ["sh", "-c", 'ulimit -n 90; exec "$@"', "sh", *COMMAND, *asked]
        done = subprocess.run(
            limited, cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", check=True
        )
        assert server.in_flight_max == 90 - OTHER_FILES
    assert f"Note: --concurrency is {90 - OTHER_FILES} for want of open files" in done.stderr
    assert "60 items, 120 judgments, 0 failed" in done.stdout
    assert "retries" not in done.stderr
