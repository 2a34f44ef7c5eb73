"""Report a run that may stop early: what its looks show, and no interval that holds only for a fixed size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.outcomes.sequential import Sequential

if TYPE_CHECKING:
    pass


def stopping_warnings(found: Sequential, overall: str, margin: float | None) -> list[str]:
    """Say in words what a run that may stop early cannot tell."""
    texts = []
    if found.decided:
        texts.append(
            f"This run stopped when {overall} was decided: its win rate is biased away from 50 %, and the rates, "
            "intervals and tests of other criteria and of subgroups are of a sample that was stopped: descriptive only."
        )
    if margin is not None:
        texts.append(f"Equivalence on {overall} is not tested in a run that may stop early.")
    return texts
