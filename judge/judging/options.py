"""What the commands that ask judges take, in groups: each field is an option, with its default, stated once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.dispatch.lease import Lease
from judge.dispatch.retry_policy import RetryPolicy
from judge.enums import Method, Orders, ReadAnswers, Show
from judge.errors import InputError
from judge.files.listening import LOCAL, OWN
from judge.inputs.input_options import CaseOptions, FieldOptions, FieldPaths, InputOptions, ItemOptions
from judge.judges.judge_options import JudgeOptions, Judges, Prices
from judge.judges.reach import Reach
from judge.runs.control_kinds import ControlOptions
from judge.runs.sharding import Shard

if TYPE_CHECKING:
    from judge.outcomes.interim_looks import Stopping

DEFAULT_PROMPT = "pairwise.v1"
DEFAULT_RUBRIC = "openmedreason.v1"
ONE_VERDICT_RUBRIC = "overall.v1"
"""the default where a judge's prompt asks for one verdict alone"""
ANSWERS_PROMPT = "pairwise-answers.v1"
"""what `compare --read-answers judge` asks with"""
CHECKLIST_PROMPT = "pairwise-checklist.v1"
"""what `compare --checklist` asks with"""


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


@dataclass(frozen=True)
class PromptOptions:
    """What judges are asked about pairs, and shown of them."""

    inputs: InputOptions
    judges: Judges = ("local",)
    prompt: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.md", help="The judge prompt; pairwise.v1 unless given.")
    ] = None
    checklist: Annotated[
        bool, typer.Option("--checklist", help="Show the judge each item's checklist (prompt pairwise-checklist.v1).")
    ] = False
    """the prompt has to show them, and some item to have one"""
    rubric: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.toml", help="The criteria; openmedreason.v1 unless given.")
    ] = None
    show_reference: Annotated[
        bool,
        typer.Option("--show-reference/--hide-reference", help="Show the judge the right answer and its reasoning."),
    ] = True
    hide_answers: Annotated[bool, typer.Option("--hide-answers", help="Strip the final answers from both traces.")] = (
        False
    )
    show: Annotated[
        Show, typer.Option(help="Which part of a trace the judge is shown, where it has thinking and a final text.")
    ] = Show.BOTH
    read_answers: Annotated[
        ReadAnswers,
        typer.Option(help="Who reads the traces' final answers; judge: it too, where the rules read none."),
    ] = ReadAnswers.RULES
    seed: Seed = 0

    @property
    def prompt_name(self) -> str:
        """The prompt: as given, else that of what is shown."""
        if self.prompt is None and self.read_answers is ReadAnswers.JUDGE:
            return ANSWERS_PROMPT
        return self.prompt or (CHECKLIST_PROMPT if self.checklist else DEFAULT_PROMPT)


@dataclass(frozen=True)
class CompareOptions(PromptOptions):
    """What a comparison is made of; every field but the paths has the default of the command."""

    orders: Annotated[Orders, typer.Option(help="Judge each pair in both orders, or half of them each way.")] = (
        Orders.BOTH
    )
    samples: Annotated[
        int, typer.Option(min=1, help="Judges' replies per pair and order (--sample takes fewer items).")
    ] = 1
    judge_options: JudgeOptions = JudgeOptions()
    interval: Annotated[Method, typer.Option("--ci", help="How intervals are made.")] = Method.JEFFREYS
    prices: Prices = ()
    early: StoppingOptions = StoppingOptions()
    shard: ShardPart = None
    controls: ControlOptions = ControlOptions()
    escalate: Annotated[
        str | None,
        typer.Option(
            "--escalate",
            metavar="JUDGE",
            help="A second, stronger judge, asked about doubtful items alone: splits, no verdict, criteria against it.",
        ),
    ] = None
    name: RunName = None
    runs: Runs = DEFAULT_RUNS
    shared: Shared = False
    cluster: ClusterOptions = ClusterOptions()
    judging: JudgingOptions = JudgingOptions()

    @property
    def stopping(self) -> Stopping | None:
        """The rule by which the run may stop early."""
        return self.early.rule()


@dataclass(frozen=True)
class ScoreOptions:
    """What a score is made of; every field but the inputs has the default of the command."""

    inputs: CaseOptions
    judges: Judges = ("local",)
    prompts: Annotated[
        str, typer.Option(metavar="NAME", help="The three prompts: NAME-GROUP.vN for each group of units.")
    ] = "pkr.v1"
    samples: Annotated[
        int, typer.Option(min=1, help="Judges' replies per trace and group (--sample takes fewer items).")
    ] = 1
    judge_options: JudgeOptions = JudgeOptions()
    seed: Seed = 0
    prices: Prices = ()
    shard: ShardPart = None
    name: RunName = None
    runs: Runs = DEFAULT_RUNS
    shared: Shared = False
    cluster: ClusterOptions = ClusterOptions()
    judging: JudgingOptions = JudgingOptions()


@dataclass(frozen=True)
class ChecklistOptions(FieldOptions):
    """Whose checklists to write, where to, and how."""

    items: Annotated[
        str, typer.Argument(metavar="ITEMS.JSONL", help="Items with reference reasoning; '-' reads standard input.")
    ]
    to: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="Where to write the items with their checklists.")]
    field_paths: FieldPaths = ()
    judge: Annotated[
        str, typer.Option(metavar="JUDGE", help="Who writes: anthropic:MODEL, openai:MODEL[@URL], local[:FILE.gguf].")
    ] = "local"
    prompt: Annotated[str, typer.Option(metavar="NAME|FILE.md", help="The writer's prompt.")] = "checklist-writing.v1"
    judge_options: JudgeOptions = JudgeOptions()
    prices: Prices = ()
    name: RunName = None
    runs: Runs = DEFAULT_RUNS
    shared: Shared = False
    judging: JudgingOptions = JudgingOptions()


@dataclass(frozen=True, kw_only=True)
class CertifyOptions(ItemOptions):
    """Whose judge to certify, on which traces, and with how many planted errors."""

    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|A.JSONL",
            help="A comparison, whose judge, prompt, rubric and traces of a are taken; or one model's traces.",
        ),
    ]
    judges: Judges = ()
    prompt: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.md", help="With traces: the judge prompt (pairwise.v1).")
    ] = None
    rubric: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.toml", help="With traces: the criteria (openmedreason.v1).")
    ] = None
    judge_options: JudgeOptions = JudgeOptions()
    per_criterion: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Errors a criterion, and placebos (37 for the floor of 0.7)."),
    ] = None
    omissions: Annotated[int, typer.Option(min=0, metavar="N", help="Steps left out, beside them.")] = 12
    image_part: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Perception errors asked again without the image, and with another item's."
        ),
    ] = 20
    floor: Annotated[
        float, typer.Option(min=0.5, max=0.85, metavar="RATE", help="The catch rate to be shown on each criterion.")
    ] = 0.7
    packet: Annotated[
        Path | None,
        typer.Option(
            "--packet", metavar="FILE.html", help="Ask no judge: put 30 planted pairs, blinded, into a page for people."
        ),
    ] = None
    seed: Seed = 0
    prices: Prices = ()
    name: RunName = None
    runs: Runs = DEFAULT_RUNS
    shared: Shared = False
    judging: JudgingOptions = JudgingOptions()


@dataclass(frozen=True)
class RejudgeOptions:
    """By whom anchors are judged again, and which run is held against them."""

    anchor: Annotated[str, typer.Argument(metavar="ANCHOR", help="What `anchor` made: its folder, or its name.")]
    judges: Judges = ()
    judge_options: JudgeOptions = JudgeOptions()
    against: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="A later run on the same items: part its change into that of the judge and the models."
        ),
    ] = None
    prices: Prices = ()
    name: RunName = None
    runs: Runs = DEFAULT_RUNS
    shared: Shared = False
    judging: JudgingOptions = JudgingOptions()


@dataclass(frozen=True)
class ServeOptions:
    """What the preference service asks of its judges, and where it keeps what they say."""

    judges: Judges = ("local",)
    prompt: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.md", help="The judge prompt; pairwise.v1 unless given.")
    ] = None
    rubric: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.toml", help="The criteria; openmedreason.v1 unless given.")
    ] = None
    design: Annotated[
        str, typer.Option(metavar="DESIGN", help="Which pairs of a group to ask: cyclic, strides:K, anchor, all, both.")
    ] = "strides:2"
    anchors: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Traces that single responses are compared with, by their id or question."),
    ] = None
    max_pending: Annotated[
        int, typer.Option(min=1, metavar="PAIRS", help="Most pairs that wait at once; beyond, callers get 503.")
    ] = 10_000
    require_certificate: Annotated[
        bool, typer.Option("--require-certificate", help="Serve only where the judge is certified: see certify.")
    ] = False
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE|RUN", help="The judge's certificate, where it was made by another run."),
    ] = None
    show_reference: Annotated[
        bool,
        typer.Option("--show-reference/--hide-reference", help="Show the judge the right answer and its reasoning."),
    ] = True
    seed: Seed = 0
    judge_options: JudgeOptions = JudgeOptions()
    prices: Prices = ()
    name: RunName = None
    runs: Runs = DEFAULT_RUNS
    shared: Shared = False
    judging: ServingOptions = ServingOptions()

    @property
    def prompt_name(self) -> str:
        """The prompt: as given, else the default."""
        return self.prompt or DEFAULT_PROMPT


@dataclass(frozen=True)
class ListenOptions:
    """Where the service listens, and to whom."""

    host: Annotated[str, typer.Option(help="Where to listen; anywhere but 127.0.0.1 needs --token-env.")] = LOCAL
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8400
    token_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The environment variable with the bearer token that requests must have."),
    ] = None
    cohort: Annotated[
        int, typer.Option(min=0, help="Rollouts of a prompt that NeMo Gym's /verify gathers; 0: each meets its anchor.")
    ] = 0

    def token(self) -> str | None:
        """Return the token; InputError where there is none and others can reach the service."""
        token = os.environ.get(self.token_env, "") if self.token_env is not None else ""
        if self.token_env is not None and not token:
            raise InputError(f"--token-env {self.token_env}", "the variable is not set", "set it to a long random text")
        if not token and self.host not in OWN:
            hint = "name the variable that holds a token with --token-env"
            raise InputError(f"--host {self.host}", "whoever reaches it could spend your money", hint)
        return token or None
