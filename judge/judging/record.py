"""Keep what happens to requests: on disk first, then on the display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from judge.schema import Failed

if TYPE_CHECKING:
    from judge.dispatch.in_flight import InFlight
    from judge.judging.progress import Display
    from judge.judging.stopping import Stopper
    from judge.runs.journal import Journal
    from judge.schema import Attempt, Judgment


@dataclass(frozen=True)
class Recorder:
    """Hears the events of dispatch: a request is in the record of what is in flight until its judgment is recorded."""

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
