"""What a tournament takes, and which pairs its design judges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import typer

from judge.enums import Method
from judge.errors import InputError
from judge.inputs.input_options import InputOptions
from judge.judging.command_options import CompareOptions
from judge.judging.options import DEFAULT_RUNS, Cluster, Runs
from judge.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_NAME = "tournament"
DEFAULT_SHARE = 0.5
FEW_MODELS = 2


class PairDesign(Frozen):
    """Which pairs are judged."""

    kind: Literal["all", "star", "cyclic", "adaptive"]
    base: str = ""
    """of a star: the model that meets every other"""
    k: int = 0
    """of a cycle: how many of the models that come next each one meets"""
    share: float = 1.0
    """adaptive: the share of all pairs' items that is judged"""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `all`, `star:BASE`, `cyclic:K`, `adaptive` or `adaptive:SHARE`; InputError where it is none of them."""
        kind, _, value = text.partition(":")
        try:
            match kind:
                case "all" if not value:
                    return cls(kind="all")
                case "star" if value:
                    return cls(kind="star", base=value)
                case "cyclic" if int(value) > 0:
                    return cls(kind="cyclic", k=int(value))
                case "adaptive" if 0 < float(value or DEFAULT_SHARE) <= 1:
                    return cls(kind="adaptive", share=float(value or DEFAULT_SHARE))
        except ValueError:
            pass
        hint = "give all, star:BASE, cyclic:K with K from 1, adaptive, or adaptive:SHARE with a share of 1 at most"
        raise InputError("--design", f"{text!r} is no design", hint)

    def pairs(self, models: Sequence[str]) -> list[tuple[str, str]]:
        """Return the pairs of models to judge, each in the order of names; InputError where the base is none of them.

        Args:
            models: in the order in which they were given.
        """
        if self.kind == "star":
            if self.base not in models:
                raise InputError("--design", f"star:{self.base} is none of the models", f"they are {', '.join(models)}")
            chosen = [(self.base, other) for other in models if other != self.base]
        elif self.kind == "cyclic":
            n = len(models)
            chosen = [(one, models[(at + step) % n]) for at, one in enumerate(models) for step in range(1, self.k + 1)]
        else:
            chosen = list(combinations(models, 2))
        return sorted({(min(pair), max(pair)) for pair in chosen if pair[0] != pair[1]})

    def told(self, n_batches: int = 0) -> str:
        """Say in a sentence how pairs were chosen.

        Args:
            n_batches: how many an adaptive design has planned.
        """
        match self.kind:
            case "star":
                return f"Each model was judged against {self.base}."
            case "cyclic":
                return f"Each model was judged against the next {self.k} of the list."
            case "adaptive":
                return (
                    f"Pairs were chosen in {n_batches} planned batches of whole blocks of items, by what they tell of "
                    f"the models that may be among the first three; that {100 * self.share:g} % of all pairs' items "
                    "are judged was fixed beforehand."
                )
            case _:
                return "Each model was judged against every other."


@dataclass(frozen=True, kw_only=True)
class TournamentInputs(InputOptions):
    """Where the traces of the models are, and the items."""

    files: Annotated[
        tuple[str, ...], typer.Argument(metavar="A.JSONL B.JSONL C.JSONL...", help="Traces, a file for each model.")
    ]
    a: str = ""
    b: str = ""


@dataclass(frozen=True, kw_only=True)
class TournamentOptions(CompareOptions):
    """What a tournament is made of: what a comparison is, of more files."""

    inputs: TournamentInputs
    pairs: Annotated[
        str,
        typer.Option(
            "--design",
            metavar="DESIGN",
            help="Pairs to judge: all, star:BASE, cyclic:K (each with the next K), adaptive[:SHARE] of all calls.",
        ),
    ] = "all"

    @property
    def design(self) -> PairDesign:
        """Which pairs are judged; InputError where that is no design."""
        return PairDesign.parse(self.pairs)

    @property
    def folder(self) -> Path:
        """The folder of the tournament, with a run folder for each pair."""
        return self.runs / (self.name or DEFAULT_NAME)

    def check(self) -> None:
        """Refuse what a tournament cannot have (InputError)."""
        if len(self.inputs.files) < FEW_MODELS:
            raise InputError("tournament", "needs the traces of two models at least", "give a file for each model")
        if "-" in self.inputs.files:
            raise InputError("-", "standard input can be read once, and each model meets several", "give a file")
        if self.early.stop_when_decided:
            hint = "leave it out; --design adaptive asks less where less is to be learnt"
            raise InputError("--stop-when-decided", "a run that stopped early cannot be ranked", hint)
        if self.cluster.on is not None:
            raise InputError("--on", "a tournament is judged here", "`--shard I/N` judges a part of every pair's items")
        unfit = {
            "--shard": (self.shard is not None, "plans by all that was judged"),
            "--batch": (self.judging.batch, "waits for each of its batches"),
            "--escalate": (
                self.escalate is not None,
                "leaves pairs unfinished, whose doubtful items are not known",
            ),
        }
        for option, (given, why) in unfit.items():
            if given and self.design.kind == "adaptive":
                raise InputError(option, f"an adaptive design {why}", "leave one of the two out")


@dataclass(frozen=True)
class RankOptions:
    """What is asked of a ranking."""

    runs: Runs = DEFAULT_RUNS
    cluster: Cluster = None
    by: Annotated[
        tuple[str, ...],
        typer.Option("--by", metavar="FIELD", help="Rank within each value of a field too; repeatable."),
    ] = ()
    curve: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Draw checkpoints by this field of their traces or names, e.g. step."),
    ] = None
    allow_judges: Annotated[bool, typer.Option("--allow-judges", help="Join runs of different judges, as a panel.")] = (
        False
    )
    added: Annotated[
        tuple[str, ...],
        typer.Option("--added", metavar="MODEL", help="Say how far this model moves the others; repeatable."),
    ] = ()
    bootstrap: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Make errors by N fits to reweighted items, not in closed form."),
    ] = 0
    ci: Annotated[Method | None, typer.Option("--ci", help="How intervals of pairs' win rates are made.")] = None
