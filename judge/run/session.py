"""One sitting at a run: what is to be asked, how, and where judgments go."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from judge.io.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from judge.io.budget import Budget
    from judge.io.journal import RunFolder
    from judge.io.manifest import AnyManifest
    from judge.run.options import JudgingOptions
    from judge.run.recording import Recorder
    from judge.run.stopping import Stopper
    from judge.run.task import Task
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
    task: Task
    options: JudgingOptions
    closed: Closed
    recorder: Recorder
    budget: Budget
    stopper: Stopper | None
    say: Callable[[str], None]

    def open_requests(
        self, spec: JudgeSpec, subjects: Iterator[Any], *, number: int = 0, n_lanes: int = 1
    ) -> Iterator[Request]:
        """Yield one lane's requests to a judge that are to be asked now.

        A pair belongs to one lane: where each has a server of its own, that server's prompt cache serves the second
        order.
        """
        for request in self.task.work.planner(spec).requests(islice(subjects, number, None, n_lanes)):
            if bytes.fromhex(request.key) not in self.closed:
                yield request

    def way_on(self, how: str = "goes on") -> str:
        """Say what remains, and what a person may do next."""
        is_control = isinstance(self.manifest, Manifest) and self.manifest.control is not None
        run = self.folder.path.parent.parent if is_control else self.folder.path
        return f"what was judged is kept, and `omr-judge resume {run}` {how}"
