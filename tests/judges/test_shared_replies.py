"""Servers that answer oddly, after public reports: each verdict is right, or it is a failure in the server's words."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from builders import RUBRIC, SHARED, make_pair, shipped_prompt

from judge.dispatch.dispatch import Stop, dispatch
from judge.dispatch.judge_queue import JudgeQueue
from judge.dispatch.rate_limits import AdaptiveConcurrency, RetryPolicy
from judge.judges.registry import open_judge
from judge.judging.progress import Display
from judge.prompting.pairwise_plan import PairPlan
from judge.prompting.retry_prompt import repair
from judge.schema import Failed, Judged, JudgeSettings, JudgeSpec, Judgment, Order, Pair, Provider, Verdict

CASES = SHARED / "cases" / "replies"
N_ITEMS = 3
PLAN = PairPlan(shipped_prompt(), RUBRIC)


def pairs(n: int, repeat: int) -> list[Pair]:
    body = "The sum of the two numbers is computed digit by digit. " * repeat
    return [
        make_pair(f"ALPHA {number} {body}", f"BETA {number} {body}", id=f"q{number}", question=f"What is {number}+1?")
        for number in range(n)
    ]


@dataclass
class Came:
    """What came of a run against a case."""

    judgments: list[Judgment] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    n_calls: int = 0

    @property
    def right(self) -> int:
        return sum(self._names_alpha(judgment) is True for judgment in self.judgments)

    @property
    def wrong(self) -> int:
        return sum(self._names_alpha(judgment) is False for judgment in self.judgments)

    @staticmethod
    def _names_alpha(judgment: Judgment) -> bool | None:
        if not isinstance(judgment.result, Judged):
            return None
        alpha = Verdict.FIRST if judgment.order is Order.FORWARD else Verdict.SECOND
        return set(judgment.result.verdicts.values()) == {alpha}

    @property
    def words(self) -> str:
        failed = {j.result.failure + ": " + j.result.detail for j in self.judgments if isinstance(j.result, Failed)}
        return " | ".join([*sorted(failed), *([f"stop: {self.stop.error}"] if self.stop.error else [])])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("cases") / "log"
    log.touch()
    process = subprocess.Popen([sys.executable, str(CASES / "server.py"), str(port), str(log)], cwd=CASES)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield port, log
    process.terminate()
    process.wait()


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


async def run(case: str, server: tuple[int, Path], *, n_items: int = N_ITEMS, repeat: int = 1) -> Came:
    port, log = server
    provider = Provider.ANTHROPIC if case.startswith("a_") else Provider.OPENAI
    path = case if provider is Provider.ANTHROPIC else f"{case}/v1"
    spec = JudgeSpec(
        provider=provider,
        model="m",
        endpoint=f"http://127.0.0.1:{port}/{path}",
        settings=JudgeSettings(max_output_tokens=1000),
    )
    timeout = 1.5 if case == "cl_too_long" else 6.0
    came = Came()
    judge = open_judge(spec, concurrency=2, timeout=timeout)
    queue = JudgeQueue(judge, AdaptiveConcurrency(2), PLAN.interpret)
    queue.repair = partial(repair, settings=spec.settings, note="Not read: {problem}")
    queue.take(PLAN.requests(pairs(n_items, repeat), spec))
    try:
        await dispatch(
            [queue],
            policy=RetryPolicy(timeout, 3, 0.1, sleep=no_sleep),
            record=came.judgments.append,
            events=Display(total=9, done=0, prices={}, quiet=True),
            stop=came.stop,
        )
    finally:
        await judge.close()
    came.n_calls = sum(json.loads(line)["case"] == case for line in log.read_text().splitlines())
    return came
