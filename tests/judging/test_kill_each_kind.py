"""Scores, batches and clocks that jump: whatever is killed or meddled with loses nothing, and is paid once."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from batch_server import BatchServer
from command import omr_judge, read_jsonl, write_jsonl
from faulty_command import Clock, faulty_command
from judging.test_kill_at_each_step import SECONDS, Loop
from provider_server import Answer, Call, ProviderServer, Script, content_judge
from runs.test_journal_copy import MEDDLING, replace
from score_runs import score_item
from scoring.test_score_command import reading_judge

Kind = Literal["compare", "score", "batch", "batch score"]
KINDS: tuple[Kind, ...] = ("compare", "score", "batch", "batch score")
N_CALLS = 2 * 4 * 2
"""By hand: two judges; four pairs in two orders, or four traces in two groups, as there is no image to perceive."""
AT_ONCE = 6
BEGUN = 4
"""calls before somebody meddles"""


def write_inputs(folder: Path) -> None:
    claims = ("white line, dark spot", "lines are bone", "so it is a fracture", "nothing at all")
    write_jsonl(folder / "items.jsonl", [score_item(str(n), f"Question {n}?") for n in range(len(claims))])
    for side in ("a", "b"):
        traces = [{"id": str(n), "trace": f"{side}: {claim}", "answer": "A"} for n, claim in enumerate(claims)]
        write_jsonl(folder / f"{side}.jsonl", traces)


def arguments(kind: Kind, url: str) -> tuple[str, ...]:
    judges = ("--judge", f"openai:m@{url}/v1", "--judge", f"anthropic:n@{url}")
    how = ("--batch", "--poll", "0.02") if kind.startswith("batch") else ("--concurrency", str(AT_ONCE // 2))
    what = ("score", "a.jsonl") if kind.endswith("score") else ("compare", "a.jsonl", "b.jsonl")
    return (*what, "--items", "items.jsonl", *judges, *how)


def script(kind: Kind) -> Script:
    return reading_judge if kind.endswith("score") else content_judge


@contextmanager
def served(kind: Kind, answer: Script) -> Iterator[ProviderServer]:
    with BatchServer(answer, polls=1) if kind.startswith("batch") else ProviderServer(answer, delay=SECONDS) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["steady", "jumping"])
@pytest.mark.parametrize("kind", KINDS)
def test_runs_of_each_kind_killed_at_random_moments_end_as_one_that_was_never_killed(
    tmp_path: Path, kind: Kind, clock: Clock
) -> None:
    write_inputs(tmp_path)
    with served(kind, script(kind)) as server, faulty_command(tmp_path) as command:
        loop = Loop(command, server, tmp_path / "runs", arguments(kind, server.url), N_CALLS, AT_ONCE)
        loop.begin()
        loop.kill_at_random(10, clock=clock)


def meddling_after(path: Path, meddle: Callable[[Path], object], script: Script) -> Script:
    """Answer, and meddle with a journal once, after its first lines."""
    done: list[int] = []

    def answer(call: Call) -> Answer:
        if path.exists() and call.number >= BEGUN and not done:
            done.append(call.number)
            meddle(path)
        return script(call)

    return answer


@pytest.mark.parametrize(
    ("kind", "meddle"),
    [
        pytest.param(kind, meddle, marks=() if (kind, meddle) == ("batch", replace) else pytest.mark.slow)
        for kind in KINDS[1:]
        for meddle in MEDDLING
    ],
)
def test_a_journal_of_each_kind_that_is_meddled_with_meanwhile_stops_the_run_and_loses_nothing(
    tmp_path: Path, kind: Kind, meddle: Callable[[Path], object]
) -> None:
    write_inputs(tmp_path)
    run = tmp_path / "runs" / "r"
    journal = run / "judgments.jsonl"
    with served(kind, meddling_after(journal, meddle, script(kind))) as server:
        command = (*arguments(kind, server.url), "--name", "r")
        omr_judge(*command, "--max-calls", str(BEGUN), cwd=tmp_path, code=6)
        told = omr_judge("resume", "r", cwd=tmp_path, code=3).stderr
        assert f"{MEDDLING[meddle]} by another program while the run went on" in told
        found = re.search(r"is in (?P<path>\S+): put that file in its place, then resume", told)
        assert found is not None, told
        if not run.exists():
            shutil.move(tmp_path / "runs" / "moved", run)
        os.replace(tmp_path / found["path"], journal)  # noqa: PTH105
        omr_judge("resume", "r", cwd=tmp_path)
        assert len(server.calls) == N_CALLS
    assert len({line["key"] for line in read_jsonl(journal)}) == len(read_jsonl(journal)) == N_CALLS
