"""Keep what happens to requests: on disk first, then on the display."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from judge.errors import RunError

if TYPE_CHECKING:
    from judge.io.in_flight import InFlight
    from judge.io.journal import Journal
    from judge.io.render.progress import Display
    from judge.schema import Attempt, Judgment, Request


@dataclass(frozen=True)
class Recorder:
    """Hears the events of dispatch: a request is in the record of what is in flight until its judgment is recorded."""

    journal: Journal
    in_flight: InFlight
    display: Display
    _unrecorded: set[str] = field(default_factory=set)
    """keys whose reply came and could not be recorded: paid for in vain"""

    def record(self, judgment: Judgment) -> None:
        """Append a judgment to the journal; RunError where it does not take it."""
        try:
            self.journal.append(judgment)
        except RunError:
            self._unrecorded.add(judgment.key)
            raise

    def started(self, request: Request) -> None:
        """Note a request before it is sent; RunError where it cannot be noted."""
        self.in_flight.sent(bytes.fromhex(request.key))
        self.display.started(request)

    def retried(self, attempt: Attempt) -> None:
        """Show an attempt that failed in passing; its request stays in flight."""
        self.display.retried(attempt)

    def recorded(self, judgment: Judgment) -> None:
        """Forget a request whose judgment is in the journal."""
        self.in_flight.settled(bytes.fromhex(judgment.key))
        self.display.recorded(judgment)

    def given_up(self, request: Request) -> None:
        """Forget a request that stays unasked, unless its reply had come."""
        if request.key not in self._unrecorded:
            self.in_flight.settled(bytes.fromhex(request.key))
        self.display.given_up(request)
