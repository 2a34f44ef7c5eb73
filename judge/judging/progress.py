"""Show how a run goes: a live line on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from judge.costs.cost_words import dollars
from judge.costs.spending import Spending
from judge.files.safe_text import safe
from judge.files.terminal import console, tell
from judge.schema import Attempt, Failed, Judgment, Price

PLAIN_SECONDS = 10.0
LIVE_SECONDS = 0.2
PROBLEM_CHARS = 60


class Display:
    """Counts what dispatch tells of, and draws it.

    Args:
        total: requests of the run, those judged earlier included.
        done: requests judged earlier.
        prices: by judge.
        quiet: draw nothing.
    """

    def __init__(self, *, total: int, done: int, prices: Mapping[str, Price], quiet: bool) -> None:
        self.total, self.done, self.failed, self.in_flight, self.retries = total, done, 0, 0, 0
        self._spent = Spending(prices)
        self._started, self._told = time.monotonic(), time.monotonic()
        self._new = 0
        self._last_problem = ""
        screen = console(to_stderr=True)
        self._plain = not quiet and not screen.is_terminal
        self._progress = Progress(
            TextColumn("judging"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeRemainingColumn(),
            console=screen,
            disable=quiet or self._plain,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task("", total=total, completed=done, state="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._progress.disable:
            self._progress.update(self._task, completed=self.done, state=self.state())
        self._progress.stop()
        if self._plain:
            self._tell()

    def started(self, _: str) -> None:
        """Count a request in flight."""
        self.in_flight += 1

    def retried(self, attempt: Attempt) -> None:
        """Count an attempt that failed in passing."""
        self.retries += 1
        self._last_problem = safe(attempt.problem)[:PROBLEM_CHARS]
        self._show()

    def recorded(self, judgment: Judgment) -> None:
        """Count a judgment that is on disk."""
        self.in_flight -= 1
        self.done += 1
        self._new += 1
        self.failed += isinstance(judgment.result, Failed)
        self._spent.add(judgment)
        self._show()

    def given_up(self, _: str, *, maybe_paid: bool) -> None:  # noqa: ARG002 - it is all one here
        """Count a request that was in flight as not asked."""
        self.in_flight -= 1

    def state(self) -> str:
        """Say in a line how many failed and are in flight, how fast it goes, and what it took so far."""
        rate = self._new / max(time.monotonic() - self._started, 1e-9)
        parts = [
            f"{self.failed} failed",
            f"{self.in_flight} in flight",
            f"{rate:.1f}/s",
            f"{self._spent.tokens:,} tokens",
            "cost unknown" if self._spent.usd is None else dollars(self._spent.usd),
        ]
        return ", ".join(
            parts + ([f"{self.retries} retries, last retry: {self._last_problem}"] if self.retries else [])
        )

    def _show(self) -> None:
        now = time.monotonic()
        if self._plain and now - self._told > PLAIN_SECONDS:
            self._tell()
        elif not self._progress.disable and now - self._told > LIVE_SECONDS:
            self._told = now
            self._progress.update(self._task, completed=self.done, state=self.state())

    def _tell(self) -> None:
        self._told = time.monotonic()
        left = ""
        if self._new and self.done < self.total:
            seconds = (self.total - self.done) * (self._told - self._started) / self._new
            left = f", about {seconds:.0f} s left"
        tell(f"judging: {self.done}/{self.total} done, {self.state()}{left}")
