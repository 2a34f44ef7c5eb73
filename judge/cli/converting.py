"""The commands that take in other programs' files, and that write for them: convert, import, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli.named_runs import find_run
from judge.cli.options import OutputOptions, RunPath
from judge.cli.output import teller
from judge.cli.reporting import print_report
from judge.enums import ExportFormat, SourceFormat
from judge.files.terminal import say, write
from judge.judging.options import DEFAULT_RUNS, Quiet, Runs, Shared


def convert(
    sources: Annotated[
        tuple[str, ...], typer.Argument(metavar="IN...", help="Generators' files; '-' reads standard input.")
    ],
    *,
    to: Annotated[Path, typer.Option(metavar="TRACES.JSONL", help="The file of traces to write.")],
    format_: Annotated[
        SourceFormat | None, typer.Option("--format", help="What wrote the files; default: found by their content.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this model's rows; or its name, where the files do not tell it."),
    ] = None,
    id_: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="PATH", help="Where the id stands, e.g. doc.question_id; 'row': the rows' numbers from 0."
        ),
    ] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", metavar="NAME", help="lm-eval: which filter's rows; default: the first's.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Which of an id's several rows to take, from 1; default: the first."),
    ] = None,
    all_samples: Annotated[
        bool, typer.Option("--all-samples", help="Take all rows of an id, as id#1, id#2 ...")
    ] = False,
    failures: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows without a trace there, with the reason.")
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out records that cannot be read, such as a cut last line; counted."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was understood as JSON.")] = False,
) -> None:
    """Turn what generators wrote into a file of traces, and say what was understood."""
    from judge.convert.choose_traces import Choice
    from judge.convert.convert import ConvertOptions, convert
    from judge.convert.render_conversion import as_record, lines

    choice = Choice(model=model, filter=filter_, sample=sample, all_samples=all_samples)
    options = ConvertOptions(
        to=to, choice=choice, format=format_, id_path=id_, failures=failures, force=force, skip_bad=skip_bad
    )
    counts = convert(sources, options)
    if json:
        import orjson

        write(orjson.dumps(as_record(counts), option=orjson.OPT_INDENT_2))
        return
    for line in lines(counts, sample=sample, all_samples=all_samples):
        say(line)
    say(f"{to}: written")


def import_(
    verdicts: Annotated[
        str,
        typer.Argument(
            metavar="VERDICTS",
            help="One verdict a line, or another program's file of verdicts; '-' reads standard input.",
        ),
    ],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the run folder.")],
    models: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Model a and model b, where the file tells of more than two or names none."),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    shared: Shared = False,
    output: OutputOptions = OutputOptions(max_failures=1.0),
    quiet: Quiet = False,
) -> None:
    """Make a run of judgments made elsewhere, so that report and everything after it work on them."""
    from judge.comparison.import_judgments import import_verdicts

    say_note = teller(quiet=quiet)
    folder = import_verdicts(
        verdicts, name=name, runs=runs, command=sys.argv, shared=shared, models=models, say=say_note
    )
    print_report(folder, output, quiet=quiet)


def export(
    run: RunPath,
    *,
    to: Annotated[ExportFormat, typer.Option(help="Tidy tables, or preferences for TRL's DPOTrainer.")],
    out: Annotated[Path, typer.Option(metavar="PATH", help="What to make: a folder of tables; with --to dpo, a file.")],
    criterion: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --to dpo: what decides; default: the overall verdict.")
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="With --to dpo: least share of judges and samples that say the same."
        ),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Write a run as tables of items, judgments and labels (of a score: units), or as preferences to train on."""
    from judge.export.write import ExportOptions, export_run

    options = ExportOptions(to, out, criterion, min_agreement)
    written = export_run(find_run(run, runs), options)
    say(f"{out}: {', '.join(f'{name} {n}' for name, n in written.items())}")
