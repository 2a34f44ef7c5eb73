"""The command that turns generators' files into traces: convert."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# The values are repeated here, and compared with their owners by a test, so that `--help` starts without them.


class SourceOption(StrEnum):
    """Values of --format."""

    lm_eval = "lm-eval"
    lmms_eval = "lmms-eval"
    vlmevalkit = "vlmevalkit"
    openai_batch = "openai-batch"
    anthropic_batch = "anthropic-batch"
    inspect = "inspect"
    alpaca_eval = "alpaca-eval"
    native = "native"


def convert(
    sources: Annotated[list[str], typer.Argument(metavar="IN...", help="Generators' files; '-' reads standard input.")],
    *,
    to: Annotated[Path, typer.Option(metavar="TRACES.JSONL", help="The file of traces to write.")],
    format_: Annotated[
        SourceOption | None, typer.Option("--format", help="What wrote the files; default: found by their content.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this model's rows; or its name, where the files do not tell it."),
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="PATH", help="Where the id stands in a record, e.g. doc.question_id.")
    ] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", metavar="NAME", help="lm-eval: which filter's rows; default: the first's.")
    ] = None,
    sample: Annotated[int, typer.Option(min=1, metavar="N", help="Which of an id's several rows to take.")] = 1,
    all_samples: Annotated[
        bool, typer.Option("--all-samples", help="Take all rows of an id, as id#1, id#2 ...")
    ] = False,
    failures: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows without a trace there, with the reason.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was understood as JSON.")] = False,
) -> None:
    """Turn what generators wrote into a file of traces, and say what was understood."""
    from judge.core.conversion import Choice  # noqa: PLC0415 - `--help` starts without the readers
    from judge.io.render.converted import as_record, lines  # noqa: PLC0415
    from judge.run.convert import ConvertOptions, convert  # noqa: PLC0415

    choice = Choice(model=model, filter=filter_, sample=sample, all_samples=all_samples)
    named = format_.value if format_ is not None else None
    options = ConvertOptions(to=to, choice=choice, format=named, id_path=id_, failures=failures, force=force)
    counts = convert(sources, options)
    if json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(as_record(counts), option=orjson.OPT_INDENT_2))
        return
    for line in lines(counts, sample=sample, all_samples=all_samples):
        typer.echo(line)
    typer.echo(f"{to}: written")
