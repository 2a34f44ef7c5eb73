"""Killed at each step and at random moments, a run loses nothing that it counted and names what it may pay twice."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from batch_server import BatchServer
from command import read_jsonl, write_jsonl
from faulty_command import Clock, Ended, FaultyCommand, faulty_command
from provider_server import ProviderServer, content_judge

from judge.dispatch.in_flight import read_in_flight
from judge.runs.run_folder import RunFolder

N_ITEMS, CONCURRENCY = 4, 3
N_CALLS = 2 * N_ITEMS
SECONDS = 0.01
"""of one call"""
PAID_TWICE = re.compile(r"^(\d+) calls? may have been paid twice \(in flight when the run was killed\)$", re.MULTILINE)


@dataclass
class Loop:
    """A comparison that is killed and begun again, each time under another name."""

    command: FaultyCommand
    server: ProviderServer
    runs: Path
    args: tuple[str, ...]
    n_calls: int
    at_once: int = CONCURRENCY
    """calls in flight together"""
    report: bytes = b""
    steps: int = 0
    seconds: float = 0.0
    """that a run takes which is never killed, on a machine that has nothing else to do"""
    names: Iterator[str] = field(default_factory=lambda: (f"r{number}" for number in count()))
    kills: int = 0
    paid_twice: int = 0
    told: int = 0

    def begin(self) -> None:
        """Make the run that is never killed, and time another."""
        ended = self.command.run(*self.named("whole"))
        assert ended.code == 0, ended.stderr
        assert len(self.server.calls) == self.n_calls
        self.report = (self.runs / "whole" / "report.json").read_bytes()
        started = time.monotonic()
        timed = self.command.run(*self.named("timed"))
        assert timed.code == 0, timed.stderr
        self.steps, self.seconds = timed.steps, min(1.0, time.monotonic() - started)

    def named(self, name: str) -> tuple[str, ...]:
        return (*self.args, "--name", name)

    def kill_at_random(self, kills: int, *, clock: Clock = "steady") -> None:
        """Kill so many times, one to four times a run, at a moment or at a step."""
        chance = random.Random(kills)  # noqa: S311 - the same moments each time
        done = 0
        while done < kills:
            name, asked = next(self.names), len(self.server.calls)
            if isinstance(self.server, BatchServer):
                self.server.batches.clear()  # of other runs: a lost one of the same requests would be picked up
            killed: list[Ended] = []
            for _ in range(chance.randint(1, 4)):
                if chance.random() < 0.5:
                    moment = chance.uniform(0.0, self.seconds)
                    killed.append(self.command.run(*self.named(name), kill_after=moment, clock=clock))
                else:
                    step = chance.randint(1, self.steps)
                    killed.append(self.command.run(*self.named(name), fault="kill", at=step, clock=clock))
                done += killed[-1].code == -9
            self.end(name, asked, self.at_once * len(killed), killed, clock=clock)
        print(f"random: {done} kills, {self.told} calls told of, {self.paid_twice} paid twice in all")  # noqa: T201

    def end(
        self, name: str, asked_before: int, most_told: int, killed: list[Ended], *, clock: Clock = "steady"
    ) -> None:
        """Go on until the end, and hold what must be true of a run that was killed on its way."""
        ended = self.command.run(*self.named(name), clock=clock)
        assert ended.code == 0, ended.stderr
        run = self.runs / name
        assert (run / "report.json").read_bytes() == self.report
        keys = [line["key"] for line in read_jsonl(run / "judgments.jsonl")]
        assert len(keys) == len(set(keys)) == self.n_calls
        told = sum(int(number) for part in (*killed, ended) for number in PAID_TWICE.findall(part.stderr))
        paid_twice = len(self.server.calls) - asked_before - self.n_calls
        assert 0 <= paid_twice <= told <= most_told
        assert read_in_flight(run / "in_flight", RunFolder(run).judged_keys()) == frozenset()
        assert not [path.name for path in run.iterdir() if path.name.endswith(".tmp")]
        assert not [path.name for path in self.runs.iterdir() if path.name.startswith(".")]
        self.paid_twice, self.told = self.paid_twice + paid_twice, self.told + told


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    folder = tmp_path_factory.mktemp("killed")
    for side in ("a", "b"):
        records = [{"id": n, "question": f"Question {n}?", "trace": f"{side} {n} " * (n + 1)} for n in range(N_ITEMS)]
        write_jsonl(folder / f"{side}.jsonl", records)
    with ProviderServer(content_judge, delay=SECONDS) as server, faulty_command(folder) as command:
        judge = ("--judge", f"openai:m@{server.url}/v1", "--concurrency", str(CONCURRENCY))
        made = Loop(command, server, folder / "runs", ("compare", "a.jsonl", "b.jsonl", *judge), N_CALLS)
        made.begin()
        yield made


@pytest.mark.parametrize("fault", ["kill", "tear"])
@pytest.mark.parametrize("stride", [53, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_killed_at_each_step_ends_as_one_that_was_never_killed(loop: Loop, fault: str, stride: int) -> None:
    for step in count(1, stride):
        name, asked = next(loop.names), len(loop.server.calls)
        killed = loop.command.run(*loop.named(name), fault="kill" if fault == "kill" else "tear", at=step)
        if killed.code == 0:
            break
        assert killed.code == -9, killed.stderr
        loop.kills += 1
        loop.end(name, asked, CONCURRENCY, [killed])
    print(f"{fault}: {loop.kills} kills, {loop.told} calls told of, {loop.paid_twice} paid twice")  # noqa: T201 - figures
    assert step > 2 * N_CALLS


@pytest.mark.parametrize("kills", [4, pytest.param(120, marks=pytest.mark.slow)])
def test_a_run_killed_again_and_again_at_random_moments_ends_as_one_that_was_never_killed(
    loop: Loop, kills: int
) -> None:
    loop.kill_at_random(kills)
