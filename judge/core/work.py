"""What a run asks, whatever its kind: requests about each of its subjects, and what their replies say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from judge.schema import Group, JudgeSpec, Reply, Request, Result

Subject = TypeVar("Subject", contravariant=True)  # noqa: PLC0105 - the docs speak of subjects
"""what the requests of a run are about: pairs, cases, or items"""


class Asked(Protocol):
    """What of a request the reading of its reply needs."""

    @property
    def asks(self) -> tuple[str, ...]:
        """What the reply must speak of, in order: criteria, units of a checklist, or groups of units to write."""
        ...

    @property
    def group(self) -> Group | None:
        """The checklist's group that was asked about; None: a pair was compared."""
        ...


class Planner(Protocol[Subject]):
    """Makes the requests for one judge."""

    def requests(self, subjects: Iterable[Subject]) -> Iterator[Request]:
        """Yield every request about each subject, those about one subject together."""
        ...


class Work(Protocol[Subject]):
    """What a run asks about each of its subjects."""

    def planner(self, judge: JudgeSpec) -> Planner[Subject]:
        """Return what makes the requests for a judge."""
        ...

    def interpret(self, reply: Reply, asked: Asked) -> Result:
        """Return what a reply says: verdicts on all that was asked, or why there are none."""
        ...
