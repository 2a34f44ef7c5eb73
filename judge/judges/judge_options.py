"""How judges are named, what they cost and how they are set, as options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

Judges = Annotated[
    tuple[str, ...],
    typer.Option(
        "--judge",
        metavar="JUDGE",
        help="anthropic:MODEL, openai:MODEL, openai:MODEL@http://HOST:PORT/v1, local, local:FILE.gguf, or another of "
        "`omr-judge judges`; repeatable.",
    ),
]
Prices = Annotated[
    tuple[str, ...],
    typer.Option(
        "--price",
        metavar="MODEL=IN/OUT[/READ[/WRITE]]",
        help="A judge's price in US dollars per million tokens: input, output, read from and written to the cache.",
    ),
]


@dataclass(frozen=True)
class JudgeOptions:
    """Settings that a person may set for all judges; None leaves the default."""

    max_output_tokens: Annotated[int | None, typer.Option(min=1, help="Limit of a reply, reasoning included.")] = None
    temperature: Annotated[float | None, typer.Option(min=0, help="Sampling temperature; not sent unless given.")] = (
        None
    )
    effort: Annotated[str | None, typer.Option(metavar="LEVEL", help="Reasoning effort; not sent unless given.")] = None
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file of judges (default: omr-judge.toml, here or above).")
    ] = None
