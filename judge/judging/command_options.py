"""What each command that asks judges takes: each field is an option, with its default, stated once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.enums import Method, Orders, ReadAnswers, Show
from judge.inputs.input_options import CaseOptions, FieldOptions, FieldPaths, InputOptions, ItemOptions
from judge.judges.judge_options import JudgeOptions, Judges, Prices
from judge.judging.options import (
    DEFAULT_RUNS,
    ClusterOptions,
    JudgingOptions,
    RunName,
    Runs,
    Seed,
    ServingOptions,
    ShardPart,
    Shared,
    StoppingOptions,
)
from judge.runs.control_kinds import ControlOptions

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
