"""The kinds of controls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from judge.schema import Frozen

DEFAULT_N = 200


class ControlKind(StrEnum):
    """What a control changes."""

    NO_IMAGE = "no-image"
    """the images are hidden, and the prompt says so"""
    WRONG_IMAGE = "wrong-image"
    """each item is shown the images of another one"""
    IDENTICAL = "identical"
    """a's trace stands against itself, or against a paraphrase of it by rule"""
    HIDE_ANSWERS = "hide-answers"
    """the final answers are hidden"""
    REPEAT = "repeat"
    """nothing: how often the judge changes its mind by itself"""

    @property
    def needs_images(self) -> bool:
        """Whether only items with images can be drawn."""
        return self in {ControlKind.NO_IMAGE, ControlKind.WRONG_IMAGE}

    @property
    def is_compared(self) -> bool:
        """Whether its verdicts are held against the run's own."""
        return self is not ControlKind.IDENTICAL


class Control(Frozen):
    """Which control a run folder holds."""

    kind: ControlKind
    """what was changed"""
    n: int
    """items that were wanted; there are fewer where the run has fewer"""


def with_repeat(kinds: Iterable[ControlKind]) -> tuple[ControlKind, ...]:
    """Return each kind once, with `repeat` where one is held against the run: changes mean nothing without noise."""
    wanted = list(dict.fromkeys(kinds))
    if any(kind.is_compared for kind in wanted) and ControlKind.REPEAT not in wanted:
        wanted.append(ControlKind.REPEAT)
    return tuple(wanted)


ControlN = Annotated[int, typer.Option("--control-n", min=1, metavar="ITEMS", help="Items of each control, at most.")]


@dataclass(frozen=True)
class ControlOptions:
    """Which controls a person wants."""

    kinds: Annotated[
        tuple[ControlKind, ...],
        typer.Option("--control", help="Ask a sample of the pairs again, changed so, to test the judge; repeatable."),
    ] = ()
    n: ControlN = DEFAULT_N

    def wanted(self) -> list[Control]:
        """Return the controls, with the repetition that they are held against."""
        return [Control(kind=kind, n=self.n) for kind in with_repeat(self.kinds)]
