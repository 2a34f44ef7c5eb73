"""Show how a run goes: a live line on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn

from judge.costs.cost_words import dollars
from judge.costs.spending import Spending
from judge.files.safe_text import safe
from judge.files.terminal import console, tell
from judge.schema import Attempt, Failed, Judgment, Price

PLAIN_SECONDS = 10.0
LIVE_SECONDS = 0.2
PROBLEM_CHARS = 60
NARROW = 80
"""columns below which there is neither a bar nor a rate"""
STATE_CELLS = 62
"""columns that the line takes beside its bar"""
BAR_CELLS = (8, 40)
MEASURED = 100
"""calls whose mean latency counts"""
MINUTE, HOUR = 60, 3600


class Pace:
    """How many judgments a second there are, also while hardly one has come: by Little's law, from calls in flight.

    At first the mean number of calls in flight over the mean latency is taken: the first reply of sixteen calls that
    run at once says that there will be sixteen in that time. Once each has come back several times, they are counted.
    """

    def __init__(self, now: float) -> None:
        self._began, self._seen, self._area = now, now, 0.0
        self._at: dict[str, float] = {}
        self._latencies: deque[float] = deque(maxlen=MEASURED)
        self._most, self._done = 0, 0

    def began(self, key: str, now: float) -> None:
        """Count a call that begins, at a time in seconds."""
        self._pass_to(now)
        self._at[key] = now
        self._most = max(self._most, len(self._at))

    def ended(self, key: str, now: float, *, judged: bool) -> None:
        """Count a call that ends, with a judgment or given up."""
        self._pass_to(now)
        begun = self._at.pop(key, None)
        self._done += judged
        if judged and begun is not None:
            self._latencies.append(now - begun)

    def per_second(self, now: float) -> float | None:
        """Return the judgments a second; None before the first."""
        seconds = max(now - self._began, 1e-9)
        if not self._done:
            return None
        if self._done >= 3 * self._most or not self._latencies:
            return self._done / seconds
        in_flight = (self._area + len(self._at) * (now - self._seen)) / seconds
        mean = max(sum(self._latencies) / len(self._latencies), 1e-9)
        return max(in_flight / mean, self._done / seconds)

    def _pass_to(self, now: float) -> None:
        self._area += len(self._at) * (now - self._seen)
        self._seen = now


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
        self._told = time.monotonic()
        self._pace = Pace(self._told)
        self._last_problem = ""
        screen = console(to_stderr=True)
        self._plain = not quiet and not screen.is_terminal
        self._width = screen.width
        bar: list[ProgressColumn] = []
        if self._width >= NARROW:
            bar = [BarColumn(bar_width=max(BAR_CELLS[0], min(BAR_CELLS[1], self._width - STATE_CELLS)))]
        self._progress = Progress(
            TextColumn("judging"),
            *bar,
            TextColumn("{task.fields[state]}", markup=False),
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
            self._progress.update(self._task, completed=self.done, state=self.live())
        self._progress.stop()
        if self._plain:
            self._tell()

    def started(self, key: str) -> None:
        """Count a request in flight."""
        self.in_flight += 1
        self._pace.began(key, time.monotonic())

    def retried(self, attempt: Attempt) -> None:
        """Count an attempt that failed in passing."""
        self.retries += 1
        self._last_problem = safe(attempt.problem)[:PROBLEM_CHARS]
        self._show()

    def recorded(self, judgment: Judgment) -> None:
        """Count a judgment that is on disk."""
        self.in_flight -= 1
        self.done += 1
        self._pace.ended(judgment.key, time.monotonic(), judged=True)
        self.failed += isinstance(judgment.result, Failed)
        self._spent.add(judgment)
        self._show()

    def given_up(self, key: str, *, maybe_paid: bool) -> None:  # noqa: ARG002 - it is all one here
        """Count a request that was in flight as not asked."""
        self.in_flight -= 1
        self._pace.ended(key, time.monotonic(), judged=False)

    def live(self) -> str:
        """Return the line of a terminal beside its bar: how far, how fast, how long, at what cost, what failed."""
        rate = self._pace.per_second(time.monotonic())
        parts = [f"{self.done:,}/{self.total:,}"]
        if rate and self._width >= NARROW:
            parts.append(f"{rate:.0f}/s" if rate >= BAR_CELLS[0] else f"{rate:.1f}/s")
        if left := self._seconds_left(rate):
            minutes, seconds = divmod(round(left), MINUTE)
            hours, minutes = divmod(minutes, MINUTE)
            parts.append(f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left")
        line = "  ".join([*parts, self._cost(), *self._troubles()])
        return line if not self.retries else f"{line}  {self._last_problem}"

    def plain(self) -> str:
        """Return the line of a pipe or a file."""
        left = self._seconds_left(self._pace.per_second(time.monotonic()))
        parts = [f"{self.done:,} of {self.total:,} judged", *([f"{_duration(left)} left"] if left else [])]
        line = ", ".join([*parts, self._cost(), *self._troubles()])
        return line if not self.retries else f"{line} (last: {self._last_problem})"

    def _seconds_left(self, rate: float | None) -> float | None:
        return (self.total - self.done) / rate if rate and self.done < self.total else None

    def _cost(self) -> str:
        return "cost unknown" if self._spent.usd is None else dollars(self._spent.usd)

    def _troubles(self) -> list[str]:
        retries = f"{self.retries} retr{'y' if self.retries == 1 else 'ies'}"
        return [f"{self.failed} failed", *([retries] if self.retries else [])]

    def _show(self) -> None:
        now = time.monotonic()
        if self._plain and now - self._told > PLAIN_SECONDS:
            self._tell()
        elif not self._progress.disable and now - self._told > LIVE_SECONDS:
            self._told = now
            self._progress.update(self._task, completed=self.done, state=self.live())

    def _tell(self) -> None:
        self._told = time.monotonic()
        tell(self.plain())


def _duration(seconds: float) -> str:
    """Write a duration as one tells it: 12 s, 5 min, 2.5 h."""
    if seconds < 2 * MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"
