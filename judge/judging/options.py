"""What commands that ask judges share, in groups: each field is an option, with its default, stated once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.dispatch.lease import Lease
from judge.dispatch.retry_policy import RetryPolicy
from judge.errors import InputError
from judge.judges.reach import Reach
from judge.runs.sharding import Shard

if TYPE_CHECKING:
    from judge.outcomes.interim_looks import Stopping


def _dollars(option: str) -> Callable[[str], Decimal]:
    """Return what reads an option's amount of US dollars; it raises InputError where there is none."""

    def dollars(text: str) -> Decimal:
        try:
            amount = Decimal(text.removeprefix("$"))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            raise InputError(option, f"{text!r} is no amount of dollars", "give a number, such as 2.50")
        return amount

    return dollars


Seed = Annotated[int, typer.Option(help="Decides trace tags, the halves of --orders one, and resampling.")]
ShardPart = Annotated[
    Shard | None,
    typer.Option(
        "--shard", metavar="I/N", parser=Shard.parse, help="Judge only the I-th of N parts of the items; see merge."
    ),
]
Shared = Annotated[
    bool, typer.Option("--shared", help="Let your group read and write the run folder too; else it is yours alone.")
]
RunName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the run folder.")]
Runs = Annotated[Path, typer.Option(metavar="FOLDER", help="Where run folders lie.")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="FIELD", help="Items with the same value form one unit, e.g. patient (default: image)."),
]
DEFAULT_RUNS = Path("runs")
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress.")]


@dataclass(frozen=True)
class JudgingOptions:
    """How fast and how patiently to ask, and what it may cost; nothing here changes an answer."""

    confirm_above: Annotated[
        Decimal | None,
        typer.Option(
            metavar="USD",
            parser=_dollars("--confirm-above"),
            help="Ask before what is left to ask costs more than this, by the quote.",
        ),
    ] = None
    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight per judge.")] = 16
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    reach: Reach = Reach()
    max_rpm: Annotated[float | None, typer.Option(min=0.1, help="Most calls begun a minute, per judge.")] = None
    max_tpm: Annotated[float | None, typer.Option(min=1, help="Most tokens a minute, input and output, per judge.")] = (
        None
    )
    max_calls: Annotated[
        int | None, typer.Option(min=0, help="Most calls of the whole run; then exit code 6, resumable.")
    ] = None
    max_cost: Annotated[
        Decimal | None,
        typer.Option(
            metavar="USD",
            parser=_dollars("--max-cost"),
            help="Most dollars of the whole run; then exit code 6, resumable.",
        ),
    ] = None
    allow_served_model: Annotated[
        tuple[str, ...],
        typer.Option(
            "--allow-served-model",
            metavar="NAME",
            help="A model that replies may name in place of the one asked; '*' stands for any characters; repeatable.",
        ),
    ] = ()
    batch: Annotated[
        bool,
        typer.Option("--batch", help="Ask in batches: half the price, within a day; openai: and anthropic: judges."),
    ] = False
    """a run that has begun so goes on so"""
    poll: Annotated[float, typer.Option(min=0.01, metavar="SECONDS", help="Pause between two looks at a batch.")] = 60.0
    fsync_ms: Annotated[
        int,
        typer.Option(
            "--fsync-ms",
            min=0,
            max=100,
            metavar="MS",
            help="Flush judgments to the disk so often; 0: each before it counts.",
        ),
    ] = 50
    quiet: Quiet = False
    lease: Lease | None = None
    """the part of the limits that holds here, where the run is judged in several places at once"""


@dataclass(frozen=True)
class ClusterOptions:
    """Over which machines a run is judged."""

    on: Annotated[
        str | None,
        typer.Option("--on", metavar="ray[:ADDRESS]", help="Judge in shards over the nodes of a Ray cluster."),
    ] = None
    shards: Annotated[int, typer.Option("--shards", min=1, help="With --on: how many shards.")] = 16
    serve_judge: Annotated[
        str | None,
        typer.Option("--serve-judge", metavar="vllm:MODEL", help="With --on: serve the judge beside each shard."),
    ] = None
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="With --serve-judge: GPUs of each shard.")] = 0

    def __post_init__(self) -> None:
        """Refuse what is no cluster (InputError), and options of one that is not named."""
        if self.on is not None and self.on.partition(":")[0] != "ray":
            raise InputError(f"--on {self.on}", "is no cluster", "give ray, or ray:ADDRESS")
        for option, given in (("--serve-judge", self.serve_judge is not None), ("--gpus", self.gpus > 0)):
            if given and self.on is None:
                raise InputError(option, "is for a run over a cluster", "add --on ray, or leave it out")


@dataclass(frozen=True)
class ResumeOptions(JudgingOptions):
    """The same for a run that has begun: its folder says whether it goes on in batches."""

    batch: bool = False


@dataclass(frozen=True)
class ServingOptions(JudgingOptions):
    """The same for judgments that are asked for one by one: there is no whole to quote, nor to submit in batches."""

    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight per judge.")] = 256
    confirm_above: Decimal | None = None
    batch: bool = False
    poll: float = 60.0


@dataclass(frozen=True)
class StoppingOptions:
    """Whether and how a run may stop early."""

    stop_when_decided: Annotated[
        bool,
        typer.Option("--stop-when-decided", help="Stop when the overall criterion is decided, at 5 % over all looks."),
    ] = False
    look_every: Annotated[
        int | None,
        typer.Option(min=1, metavar="ITEMS", help="With --stop-when-decided: items between two looks (default 50)."),
    ] = None
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="FIELD",
            help="With --stop-when-decided: items with the same value count as one (default: image).",
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what says how a run stops that does not stop (InputError)."""
        for option, value in (("--look-every", self.look_every), ("--cluster", self.cluster)):
            if value is not None and not self.stop_when_decided:
                raise InputError(option, "says how a run stops early", "add --stop-when-decided, or leave it out")

    def rule(self) -> Stopping | None:
        """Return the rule by which the run may stop early."""
        from judge.outcomes.interim_looks import (  # noqa: PLC0415 - `--help` starts without numpy
            LOOK_EVERY,
            Evidence,
            Stopping,
        )

        if not self.stop_when_decided:
            return None
        return Stopping(look_every=self.look_every or LOOK_EVERY, cluster=self.cluster, evidence=Evidence.CREDITS)
