"""Options that several commands take."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# The values are repeated here, and compared with their owners by a test, so that `--help` need not import numpy.


MAX_IMAGE_SIDE = 1920


class OrdersOption(StrEnum):
    """Values of --orders."""

    both = "both"
    one = "one"


class ImageOption(StrEnum):
    """Values of --on-missing-image."""

    error = "error"
    skip = "skip"
    text_only = "text-only"


class IntervalOption(StrEnum):
    """Values of --ci."""

    jeffreys = "jeffreys"
    percentile = "percentile"
    wilson = "wilson"


class FormOption(StrEnum):
    """Values of --format."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"
    html_fragment = "html-fragment"


class ExportOption(StrEnum):
    """Values of --to."""

    csv = "csv"
    parquet = "parquet"
    jsonl = "jsonl"
    dpo = "dpo"


class OrderOption(StrEnum):
    """Values of --order."""

    forward = "forward"
    swapped = "swapped"


class FailureOption(StrEnum):
    """Values of --failure."""

    refused = "refused"
    filtered = "filtered"
    truncated = "truncated"
    unparsed = "unparsed"
    too_long = "too_long"
    rejected = "rejected"
    timeout = "timeout"
    transport = "transport"
    rate_limit = "rate_limit"


class StratifyOption(StrEnum):
    """Values of --stratify."""

    outcome = "outcome"


class ControlOption(StrEnum):
    """Values of --control and --kind."""

    no_image = "no-image"
    wrong_image = "wrong-image"
    identical = "identical"
    hide_answers = "hide-answers"
    repeat = "repeat"


TracesA = Annotated[str, typer.Argument(metavar="A.JSONL", help="Traces of model a; '-' reads standard input.")]
TracesB = Annotated[str, typer.Argument(metavar="B.JSONL", help="Traces of model b.")]
Items = Annotated[
    list[str],
    typer.Option(
        "--items",
        metavar="FILE",
        help="Items, where the trace files hold only id and trace: JSONL, Parquet or a folder of it; repeatable.",
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Field or column that holds the items' ids; 'row': the rows' numbers from 0."),
]
Fields = Annotated[
    list[str],
    typer.Option("--field", metavar="NAME=PATH", help="Where a field stands in a record, e.g. trace=out.0.text."),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Leave out items that only one file has, and print how many.")
]
OnMissingImage = Annotated[ImageOption, typer.Option(help="What to do with an item whose image cannot be shown.")]
MaxImageSide = Annotated[
    int, typer.Option(min=0, metavar="PIXELS", help="Send images with no side longer than this; 0 sends every size.")
]
ImageRoots = Annotated[
    list[Path],
    typer.Option(
        "--image-root",
        metavar="DIR",
        help="Images may lie in this folder too, not only in that of the file that names them; repeatable.",
        exists=True,
        file_okay=False,
    ),
]
ImageHosts = Annotated[
    list[str],
    typer.Option("--allow-image-urls", metavar="HOST", help="Fetch images from this host, by https; repeatable."),
]
Judges = Annotated[
    list[str],
    typer.Option(
        "--judge",
        metavar="JUDGE",
        help="anthropic:MODEL, openai:MODEL, openai:MODEL@http://HOST:PORT/v1, local, local:FILE.gguf; repeatable.",
    ),
]
PromptName = Annotated[
    str | None, typer.Option(metavar="NAME|FILE.md", help="The judge prompt; pairwise.v1 unless given.")
]
Checklist = Annotated[
    bool, typer.Option("--checklist", help="Show the judge each item's checklist (prompt pairwise-checklist.v1).")
]
RubricName = Annotated[str, typer.Option(metavar="NAME|FILE.toml", help="The criteria.")]
ShowReference = Annotated[
    bool, typer.Option("--show-reference/--hide-reference", help="Show the judge the right answer and its reasoning.")
]
HideAnswers = Annotated[bool, typer.Option("--hide-answers", help="Strip the final answers from both traces.")]
MaxOutputTokens = Annotated[int | None, typer.Option(min=1, help="Limit of a reply, reasoning included.")]
Temperature = Annotated[float | None, typer.Option(min=0, help="Sampling temperature; not sent unless given.")]
Effort = Annotated[str | None, typer.Option(metavar="LEVEL", help="Reasoning effort; not sent unless given.")]
Seed = Annotated[int, typer.Option(help="Decides trace tags, the halves of --orders one, and resampling.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Quote calls, tokens and cost, ask nothing and write nothing; needs no keys.")
]
Prices = Annotated[
    list[str],
    typer.Option(
        "--price",
        metavar="MODEL=IN/OUT[/READ[/WRITE]]",
        help="A judge's price in US dollars per million tokens: input, output, read from and written to the cache.",
    ),
]
ConfirmAbove = Annotated[
    str | None,
    typer.Option(metavar="USD", help="Ask before what is left to ask costs more than this, by the quote."),
]
StopWhenDecided = Annotated[
    bool,
    typer.Option("--stop-when-decided", help="Stop when the overall criterion is decided, at 5 % over all looks."),
]
LookEvery = Annotated[
    int | None,
    typer.Option(min=1, metavar="ITEMS", help="With --stop-when-decided: items between two looks (default 50)."),
]
StepCluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="FIELD",
        help="With --stop-when-decided: items with the same value count as one (default: image).",
    ),
]
Concurrency = Annotated[int, typer.Option(min=1, help="Calls in flight per judge.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds for one call, to the last byte.")]
MaxRpm = Annotated[float | None, typer.Option(min=0.1, help="Most calls begun a minute, per judge.")]
MaxTpm = Annotated[float | None, typer.Option(min=1, help="Most tokens a minute, input and output, per judge.")]
MaxCalls = Annotated[int | None, typer.Option(min=0, help="Most calls of the whole run; then exit code 6, resumable.")]
MaxCost = Annotated[
    str | None, typer.Option(metavar="USD", help="Most dollars of the whole run; then exit code 6, resumable.")
]
Attempts = Annotated[int, typer.Option(min=1, help="Attempts at a call that fails in passing.")]
Batch = Annotated[
    bool, typer.Option("--batch", help="Ask in batches: half the price, within a day; openai: and anthropic: judges.")
]
Poll = Annotated[float, typer.Option(min=0.01, metavar="SECONDS", help="Pause between two looks at a batch.")]
FsyncMs = Annotated[
    int,
    typer.Option(
        "--fsync-ms",
        min=0,
        max=100,
        metavar="MS",
        help="Flush judgments to the disk so often; 0: each before it counts.",
    ),
]
Controls = Annotated[
    list[ControlOption],
    typer.Option("--control", help="Ask a sample of the pairs again, changed so, to test the judge; repeatable."),
]
ControlN = Annotated[int, typer.Option("--control-n", min=1, metavar="ITEMS", help="Items of each control, at most.")]
ShardOption = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Judge only the I-th of N parts of the items; see merge.")
]
Failures = Annotated[list[FailureOption], typer.Option("--failure", help="Ask again only what failed so; repeatable.")]
MaxFailures = Annotated[
    float, typer.Option(min=0, max=1, metavar="SHARE", help="Exit code 4 when a larger share of judgments failed.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Runs = Annotated[Path, typer.Option(metavar="FOLDER", help="Where run folders lie.")]
RunName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the run folder.")]
RunPath = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or the name of one in --runs.")]


def tell(text: str) -> None:
    """Write a note for a person to stderr."""
    sys.stderr.write(f"{text}\n")


def tell_nothing(text: str) -> None:
    """Be quiet."""
