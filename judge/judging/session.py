"""The session of a run that is judged: what is to be asked, how, and where judgments go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from judge.judging.run_kinds import subjects_of
from judge.runs.controls import run_of
from judge.schema import Failed

if TYPE_CHECKING:
    from judge.dispatch.budget import Budget
    from judge.dispatch.in_flight import InFlight
    from judge.judging.options import JudgingOptions
    from judge.judging.progress import Display
    from judge.judging.stopping import Stopper
    from judge.prompting.pairwise_plan import Plan
    from judge.runs.journal import Journal
    from judge.runs.manifest import AnyManifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Attempt, JudgeSpec, Judgment, Request


@dataclass(frozen=True)
class Closed:
    """The keys of requests that are not to be asked now."""

    judged: set[bytes]
    """have verdicts"""
    only: frozenset[bytes] | None = None
    """where not all others are to be asked: those that are"""

    def __contains__(self, key: object) -> bool:
        return key in self.judged or (self.only is not None and key not in self.only)


@dataclass(frozen=True)
class Recorder:
    """Takes the events of dispatch: a request is in the record of what is in flight until its judgment is recorded."""

    journal: Journal
    in_flight: InFlight
    display: Display
    stopper: Stopper | None = None

    def record(self, judgment: Judgment) -> None:
        """Append a judgment to the journal, and show it to who may stop the run; RunError where it cannot be written.

        What cannot be written stays in the record of what is in flight: it was paid for in vain.
        """
        self.journal.append(judgment)
        if self.stopper is not None:
            self.stopper.note(judgment)

    def started(self, key: str) -> None:
        """Note a request before it is sent; RunError where it cannot be noted."""
        self.in_flight.sent(bytes.fromhex(key))
        self.display.started(key)

    def retried(self, attempt: Attempt) -> None:
        """Show an attempt that failed in passing; its request stays in flight."""
        self.display.retried(attempt)

    def recorded(self, judgment: Judgment) -> None:
        """Forget a request whose judgment is in the journal."""
        self.in_flight.settled(bytes.fromhex(judgment.key), judged=not isinstance(judgment.result, Failed))
        self.display.recorded(judgment)

    def given_up(self, key: str, *, maybe_paid: bool) -> None:
        """Forget a request that stays without a reply, unless an attempt at it may have been paid for."""
        if not maybe_paid:
            self.in_flight.settled(bytes.fromhex(key))
        self.display.given_up(key, maybe_paid=maybe_paid)


@dataclass(frozen=True)
class Session:
    """What is judged in this process, and how."""

    folder: RunFolder
    manifest: AnyManifest
    plan: Plan[Any]
    options: JudgingOptions
    closed: Closed
    recorder: Recorder
    budget: Budget
    stopper: Stopper | None
    say: Callable[[str], None]
    again: str = ""
    """what a person does to go on; empty: resumes the run"""

    def subjects(self) -> Iterator[Any]:
        """Read the subjects of the run.

        Each queue reads them anew: to hand on what one has read, everything between the slowest and the fastest judge
        would have to be held in memory.
        """
        return subjects_of(self.folder, self.manifest)

    def open_requests(
        self, spec: JudgeSpec, subjects: Iterable[Any] | None = None, *, number: int = 0, n_queues: int = 1
    ) -> Iterator[Request]:
        """Yield one queue's requests to a judge that are to be asked now.

        A pair belongs to one queue: where each has a server of its own, that server's prompt cache serves the second
        order.

        Args:
            spec: the judge.
            subjects: what to ask about; None: all subjects of the run.
            number: of the queue, from 0.
            n_queues: how many the judge has.
        """
        chosen = islice(self.subjects() if subjects is None else subjects, number, None, n_queues)
        for request in self.plan.requests(chosen, spec):
            if bytes.fromhex(request.key) not in self.closed:
                yield request

    def way_on(self, how: str = "goes on") -> str:
        """Say what remains, and what a person may do next."""
        again = self.again or f"`omr-judge resume {run_of(self.folder).path}`"
        return f"what was judged is kept, and {again} {how}"
