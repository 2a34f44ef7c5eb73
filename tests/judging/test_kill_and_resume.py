from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import omr_judge, read_jsonl, report_of, start, wait_until, write_jsonl
from forked import Started

ITEMS_A_KILL = 40
FEW = 10
CONCURRENCY = 8


@dataclass(frozen=True)
class Counts:
    """What the server was asked."""

    calls: int
    distinct: int
    in_flight_max: int


class ServerProcess:
    """The provider server as a process of its own, which outlives the killed command."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def counts(self) -> Counts:
        with urllib.request.urlopen(f"{self.url}/count", timeout=30) as reply:  # noqa: S310 - our own server
            return Counts(**json.load(reply))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    port_file = tmp_path / "port"
    program = Path(__file__).parents[1] / "provider_server.py"
    options = ("--port-file", str(port_file), "--delay", "0.02")
    with subprocess.Popen([sys.executable, str(program), *options]) as process:
        try:
            wait_until(port_file.exists)
            yield ServerProcess(int(port_file.read_text()))
        finally:
            process.kill()


def write_inputs(folder: Path, n_items: int) -> None:
    for side in ("a", "b"):
        write_jsonl(
            folder / f"{side}.jsonl",
            [
                {"id": n, "question": f"Question {n}?", "trace": f"{side} thinks about {n}. " * (1 + n % 7)}
                for n in range(n_items)
            ],
        )


def compare(server: ServerProcess, name: str) -> tuple[str, ...]:
    judge = ("--judge", f"openai:m@{server.url}/v1", "--concurrency", str(CONCURRENCY))
    return ("compare", "a.jsonl", "b.jsonl", *judge, "--name", name, "--quiet")


def size(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(journal: Path, n: int, process: Started) -> None:
    """Return as soon as so many judgments are written, or the process has ended."""
    wait_until(lambda: size(journal) >= n or process.poll() is not None)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_and_resumed_ends_as_one_that_was_never_killed(
    tmp_path: Path, server: ServerProcess, kills: int
) -> None:
    n_calls = 2 * kills * ITEMS_A_KILL
    write_inputs(tmp_path, n_calls // 2)
    omr_judge(*compare(server, "whole"), cwd=tmp_path)
    asked_whole = server.counts()
    assert (asked_whole.calls, asked_whole.distinct) == (n_calls, n_calls)

    run = tmp_path / "runs" / "killed"
    journal = run / "judgments.jsonl"
    chance = random.Random(kills)  # noqa: S311 - the same moments each time
    for kill in range(kills):
        can_resume = (run / "manifest.json").exists() and chance.random() < 0.5
        resume = ("resume", "killed", "--concurrency", str(CONCURRENCY), "--quiet")
        before = size(journal)
        with start(*(resume if can_resume else compare(server, "killed")), cwd=tmp_path) as process:
            if kill % 4 == 0:
                time.sleep(chance.uniform(0.0, 1.5))
            else:
                most = (n_calls - before) // (kills - kill + 1)  # the machine may be slow to kill
                wait_for_lines(journal, before + chance.randint(1, max(1, most)), process)
                time.sleep(chance.uniform(0.0, 0.02))
            process.kill()
        assert len({line["key"] for line in whole_lines(journal)}) == len(whole_lines(journal))
    assert size(journal) < n_calls, "the last kill came after the end: nothing was left to resume"
    omr_judge("resume", "killed", "--quiet", cwd=tmp_path)

    assert (run / "report.json").read_bytes() == (tmp_path / "runs" / "whole" / "report.json").read_bytes()
    keys = [line["key"] for line in read_jsonl(journal)]
    assert len(set(keys)) == len(keys) == n_calls
    assert sorted(keys) == sorted(line["key"] for line in read_jsonl(tmp_path / "runs" / "whole" / "judgments.jsonl"))
    asked = server.counts()
    assert asked.distinct == n_calls, "a resumed run asked something that the first run did not"
    repeated = asked.calls - asked_whole.calls - n_calls
    assert 0 <= repeated <= kills * CONCURRENCY


def whole_lines(journal: Path) -> list[dict[str, str]]:
    """Return the judgments that were written whole."""
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


@pytest.mark.slow
def test_a_torn_last_line_is_dropped_with_a_word_and_its_request_alone_is_asked_again(
    tmp_path: Path, server: ServerProcess
) -> None:
    write_inputs(tmp_path, FEW)
    omr_judge(*compare(server, "r"), cwd=tmp_path)
    run = tmp_path / "runs" / "r"
    report, lines = (run / "report.json").read_bytes(), (run / "judgments.jsonl").read_bytes()
    (run / "report.json").unlink()
    (run / "judgments.jsonl").write_bytes(lines[:-100])
    told = omr_judge("report", "r", cwd=tmp_path)
    assert f"{2 * FEW - 1} judgments, 0 failed" in told.stdout
    assert "1 judgments not asked yet" in told.stdout
    resumed = omr_judge("resume", "r", cwd=tmp_path)
    assert "torn last line" in resumed.stderr
    assert (run / "report.json").read_bytes() == report
    assert (run / "judgments.jsonl").read_bytes().splitlines()[:-1] == lines.splitlines()[:-1]
    asked = server.counts()
    assert (asked.calls, asked.distinct) == (2 * FEW + 1, 2 * FEW)
    assert report_of(run)["n_judgments"] == 2 * FEW
