"""What a person allows a run to spend, and how fast it may go, from the command line."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

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


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); "
ROOM = "from judge.judging.direct import room_for; print(room_for(500), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"


@pytest.mark.parametrize(
    ("soft", "hard", "room", "raised"),
    [(1000, 1000, 500, 1000), (256, 1000, 500, 564), (256, 300, 236, 300), (40, 50, 1, 50)],
)
def test_the_limit_on_open_files_is_raised_as_far_as_it_may_be(soft: int, hard: int, room: int, raised: int) -> None:
    code = LIMITED.format(soft=soft, hard=hard) + ROOM
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert told.stdout.split() == [str(room), str(raised)]


def test_a_limit_that_cannot_be_raised_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, which allows no limit on paper and less than it says."""

    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert room_for(500) == 256 - OTHER_FILES
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert room_for(500) == 500


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
