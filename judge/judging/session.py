"""One sitting at a run: what is to be asked, how, and where judgments go."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from judge.judging.run_kinds import subjects_of
from judge.runs.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from judge.dispatch.budget import Budget
    from judge.judging.options import JudgingOptions
    from judge.judging.record import Recorder
    from judge.judging.stopping import Stopper
    from judge.prompting.pairwise_plan import Plan
    from judge.runs.journal import RunFolder
    from judge.runs.manifest import AnyManifest
    from judge.schema import JudgeSpec, Request


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
class Session:
    """What everything that judges needs to know of the run and of this sitting."""

    folder: RunFolder
    manifest: AnyManifest
    plan: Plan[Any]
    options: JudgingOptions
    closed: Closed
    recorder: Recorder
    budget: Budget
    stopper: Stopper | None
    say: Callable[[str], None]

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
        is_control = isinstance(self.manifest, Manifest) and self.manifest.control is not None
        run = self.folder.path.parent.parent if is_control else self.folder.path
        return f"what was judged is kept, and `omr-judge resume {run}` {how}"
