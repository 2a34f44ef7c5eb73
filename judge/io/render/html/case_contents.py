"""Collect what the page of a score is told of each trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from judge.enums import FailureMode
from judge.io.render.html.contents import Contents, coded
from judge.schema import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from judge.enums import AnswerStanding

MODES = list(FailureMode)
DIGITS = 4


class CaseContents(Contents):
    """The traces of a page in their order: `add` each, then ask for `index()` and `chunks()`."""

    def __init__(self) -> None:
        super().__init__()
        self._modes: dict[str, list[str]] = {group.value: [] for group in Group}
        self._scores: dict[str, list[float | None]] = {name: [] for name in ("", *(group.value for group in Group))}
        self._answers: list[str] = []

    def add(
        self,
        item: str,
        told: dict[str, Any],
        *,
        modes: Mapping[str, Sequence[str]],
        answer: AnswerStanding,
        groups: Mapping[str, str],
    ) -> None:
        """Take one trace.

        Args:
            item: its id.
            told: see `take`; the figures are read here too.
            modes: by group, the failure modes that some unit of it has.
            answer: how it stands with its final answer.
            groups: see `take`.
        """
        for group, own in modes.items():
            self._modes[group].append("".join(str(MODES.index(FailureMode(mode))) for mode in own))
        self._scores[""].append(_short(told["trace_score"]))
        for group in Group:
            self._scores[group.value].append(_short(told["groups"][group.value]["score"]))
        self._answers.append(answer.value)
        self.take(item, told, groups)

    def index(self) -> dict[str, Any]:
        """Return what lists and filters need, one entry a trace: `modes` as places among those of the head."""
        return super().index() | {
            "modes": self._modes,
            "scores": self._scores,
            "answers": coded(self._answers),
        }


def _short(score: float | None) -> float | None:
    return None if score is None else round(score, DIGITS)
