"""Read single traces of a score in the terminal."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from judge.cli import options as o

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.core.listing import Sort
    from judge.io.journal import RunFolder

# The values are repeated here, and compared with their owners by a test, so that `--help` need not import numpy.


class ModeOption(StrEnum):
    """Values of --mode."""

    judge_error = "judge_error"
    omission = "omission"
    factual_error = "factual_error"
    option_elimination = "option_elimination"
    internal_inconsistency = "internal_inconsistency"
    chain_break = "chain_break"
    ok = "ok"


class AnswerOption(StrEnum):
    """Values of --answer."""

    right = "right"
    wrong = "wrong"
    unread = "unread"
    unknown = "unknown"


def show_case(folder: RunFolder, item: str | None, *, raw: bool) -> None:
    """Draw one trace; without a name, that with the lowest trace score."""
    from rich.console import Console  # noqa: PLC0415 - `--help` starts without it

    from judge.io.render.case import render_case  # noqa: PLC0415
    from judge.run.score_browse import read_case  # noqa: PLC0415

    render_case(read_case(folder, item), Console(highlight=False, markup=False, emoji=False), raw=raw)


def list_score(
    folder: RunFolder,
    *,
    modes: Sequence[ModeOption],
    answers: Sequence[AnswerOption],
    text: str,
    sort: Sort,
    n: int | None,
    as_json: bool,
) -> None:
    """Print the traces that pass the filters, one a line."""
    import orjson  # noqa: PLC0415 - `--help` starts without it

    from judge.core.listing import TraceFilters  # noqa: PLC0415
    from judge.core.pkr.audit import AnswerStanding  # noqa: PLC0415 - `--help` starts without numpy
    from judge.core.pkr.scores import FailureMode  # noqa: PLC0415
    from judge.io.render.case import listing_lines, trace_record  # noqa: PLC0415
    from judge.run.score_browse import list_traces  # noqa: PLC0415

    filters = TraceFilters(
        frozenset(FailureMode(mode.value) for mode in modes),
        frozenset(AnswerStanding(answer.value) for answer in answers),
        text,
    )
    found = list_traces(folder, filters, sort, n)
    shown = f"; the first {len(found.rows)} are shown" if len(found.rows) < found.matched else ""
    foot = f"{found.matched} of {found.total} traces{shown}"
    if as_json:
        for row in found.rows:
            typer.echo(orjson.dumps(trace_record(row)))
        o.tell(foot)
        return
    for line in [*(listing_lines(found) if found.rows else ()), foot]:
        typer.echo(line)
