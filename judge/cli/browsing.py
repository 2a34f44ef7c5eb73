"""The commands that read single items in the terminal: show, list."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options as o
from judge.cli.reporting import find_run, refuse_options
from judge.cli.score_browsing import AnswerOption, ModeOption, list_score, show_case
from judge.errors import InputError

# The values are repeated here, and compared with their owners by a test, so that `--help` need not import numpy.


class OutcomeOption(StrEnum):
    """Values of --outcome."""

    A = "a"
    B = "b"
    TIE = "tie"
    SPLIT = "split"
    MISSING = "missing"


class AnswersOption(StrEnum):
    """Values of --answers."""

    both_right = "both_right"
    only_a_right = "only_a_right"
    only_b_right = "only_b_right"
    both_wrong = "both_wrong"
    unreadable = "unreadable"


class KindOption(StrEnum):
    """Values of --failure: those of retry, and that of imported judgments."""

    refused = "refused"
    filtered = "filtered"
    truncated = "truncated"
    unparsed = "unparsed"
    too_long = "too_long"
    rejected = "rejected"
    timeout = "timeout"
    transport = "transport"
    rate_limit = "rate_limit"
    other = "other"


class SortOption(StrEnum):
    """Values of --sort."""

    doubt = "doubt"
    item = "item"


def show(
    run: o.RunPath,
    item: Annotated[
        str | None, typer.Argument(metavar="ITEM", help="An item; default: the most doubtful, or the lowest score.")
    ] = None,
    *,
    raw: Annotated[bool, typer.Option("--raw", help="What was sent and what came back, too.")] = False,
    runs: o.Runs = Path("runs"),
) -> None:
    """Read one item: its traces, every verdict with its evidence, and how each request went."""
    from rich.console import Console  # noqa: PLC0415 - `--help` starts without it

    from judge.io.render.item import render_item  # noqa: PLC0415
    from judge.run.browse import read_item  # noqa: PLC0415

    folder = find_run(run, runs)
    if folder.any_manifest().kind == "score":
        show_case(folder, item, raw=raw)
        return
    shown = read_item(folder, item)
    render_item(shown, Console(highlight=False, markup=False, emoji=False), raw=raw)


def list_(
    run: o.RunPath,
    *,
    criterion: Annotated[
        list[str], typer.Option("--criterion", metavar="NAME", help="Whose outcomes; repeatable. Default: the last.")
    ] = [],  # noqa: B006 - typer copies it
    outcome: Annotated[
        list[OutcomeOption], typer.Option("--outcome", help="Only items with it on a chosen criterion; repeatable.")
    ] = [],  # noqa: B006
    failure: Annotated[
        list[KindOption], typer.Option("--failure", help="Only items with such a failure; repeatable.")
    ] = [],  # noqa: B006
    judges_disagree: Annotated[
        bool, typer.Option("--judges-disagree", help="Only items where one judge is for a and another for b.")
    ] = False,
    where: Annotated[
        list[str], typer.Option("--where", metavar="FIELD=VALUE", help="Only items with it; repeatable: all must hold.")
    ] = [],  # noqa: B006
    answers: Annotated[
        list[AnswersOption], typer.Option("--answers", help="Only items whose final answers are so; repeatable.")
    ] = [],  # noqa: B006
    text: Annotated[
        str, typer.Option(metavar="WORDS", help="Only items whose question, traces or replies hold them, in any case.")
    ] = "",
    mode: Annotated[
        list[ModeOption], typer.Option("--mode", help="Of a score: only traces with a unit so; repeatable.")
    ] = [],  # noqa: B006
    answer: Annotated[
        list[AnswerOption], typer.Option("--answer", help="Of a score: only traces whose answer is so; repeatable.")
    ] = [],  # noqa: B006
    flagged: Annotated[bool, typer.Option("--flagged", help="Only items with a flagged trace.")] = False,
    sort: Annotated[
        SortOption, typer.Option(help="The most doubtful (of a score: the lowest) first, or as they stand.")
    ] = SortOption.doubt,
    n: Annotated[int | None, typer.Option(min=1, help="Most items to print; default: all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    runs: o.Runs = Path("runs"),
) -> None:
    """List items of a run by what was said of them, one a line."""
    from judge.core.audit import Unplaced  # noqa: PLC0415
    from judge.core.listing import Filters, Sort  # noqa: PLC0415 - `--help` starts without numpy
    from judge.core.stats.strata import Stratum  # noqa: PLC0415
    from judge.io.render.listing import as_record, lines  # noqa: PLC0415
    from judge.run.browse import list_items  # noqa: PLC0415
    from judge.schema import FailureKind, Outcome  # noqa: PLC0415

    folder = find_run(run, runs)
    if folder.any_manifest().kind == "score":
        pairwise = {"--criterion": criterion, "--outcome": outcome, "--failure": failure, "--answers": answers}
        pairwise |= {"--judges-disagree": judges_disagree, "--where": where, "--flagged": flagged}
        refuse_options(pairwise, "is for runs of `compare`")
        list_score(folder, modes=mode, answers=answer, text=text, sort=Sort(sort.value), n=n, as_json=json)
        return
    refuse_options({"--mode": mode, "--answer": answer}, "is for runs of `score`")
    filters = Filters(
        outcomes=frozenset(Outcome(one.value) for one in outcome),
        failures=frozenset(FailureKind(one.value) for one in failure),
        answers=frozenset(
            Unplaced.UNREADABLE if one is AnswersOption.unreadable else Stratum(one.value) for one in answers
        ),
        judges_disagree=judges_disagree,
        flagged=flagged,
        where=tuple(map(_field, where)),
        text=text,
    )
    found = list_items(folder, filters, criterion, Sort(sort.value), n)
    foot = f"{found.matched} of {found.total} items" + (
        f"; the first {len(found.rows)} are shown" if len(found.rows) < found.matched else ""
    )
    if json:
        import orjson  # noqa: PLC0415

        for row in found.rows:
            typer.echo(orjson.dumps(as_record(row)))
        o.tell(foot)
        return
    for line in [*(lines(found.rows, found.criteria) if found.rows else ()), foot]:
        typer.echo(line)


def _field(given: str) -> tuple[str, str]:
    field, equals, value = given.partition("=")
    if not (field and equals):
        raise InputError(f"--where {given}", "is no FIELD=VALUE", "e.g. --where specialty=cardio")
    return field, value
