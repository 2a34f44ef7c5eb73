"""Render a list of runs: two lines a run, which fit terminals from 60 columns on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.padding import Padding
from rich.text import Text

from judge.audit.list_runs import RunState
from judge.costs.cost_words import dollars
from judge.files.safe_text import safe
from judge.runs.run_names import age

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rich.console import Console, RenderableType

    from judge.audit.list_runs import ListedRun, RunListing
    from judge.outcomes.rates import Estimate

HEAD = ("kind", "win rate, %", "state", "cost", "age")
GAP = "  "


def render_runs(listing: RunListing, runs: Path, screen: Console, *, now: datetime) -> None:
    """Draw the runs of a folder: names whole, since people copy them, with the figures in columns at the right edge.

    Args:
        listing: what to draw.
        runs: the folder.
        screen: where to draw.
        now: with a zone; ages are counted up to it.
    """
    for line in _lines(listing.runs, screen.width, now):
        screen.print(line)
    for one in listing.damaged:
        screen.print(Text(f"Not listed: {one.problem}"))
    n_shown = len(listing.runs) + len(listing.damaged)
    if not listing.n_runs:
        screen.print(Text(f"No runs in {runs}; `omr-judge compare` makes one, --runs names another folder."))
    elif n_shown < listing.n_runs:
        screen.print(Text(f"The newest {n_shown} of {listing.n_runs} runs in {runs}."))


def _lines(listed: Sequence[ListedRun], width: int, now: datetime) -> Iterator[RenderableType]:
    if not listed:
        return
    rows = [HEAD, *(_figures(run, now) for run in listed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = max(0, width - sum(widths) - len(GAP) * len(widths))
    details = [[], *map(_details, listed)]
    for name, row, parts in zip(["run", *(_one_line(run.name) for run in listed)], rows, details, strict=True):
        figures = GAP + GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if cell_len(name) <= room:
            yield Text.assemble((set_cell_size(name, room), "bold"), figures)
        else:
            yield Text(name, "bold", overflow="fold")
            is_wide = room + len(figures) > width
            yield from _indented(_filled(row, width - len(GAP))) if is_wide else [Text(" " * room + figures)]
        yield from _indented(_filled(parts, width - len(GAP)), "dim")


def _figures(run: ListedRun, now: datetime) -> tuple[str, ...]:
    cost = dollars(run.usd) if run.usd is not None else "unknown" if run.n_requests else "-"
    return run.kind.split()[0], _rate(run.win_rate), _state(run), cost, age(run.created, now)


def _details(run: ListedRun) -> list[str]:
    """Return models, judges and what else there is; no line break may come within one of them."""
    parts = [run.kind] if " " in run.kind else []
    parts += [_one_line(" against ".join(run.models)), *map(_one_line, run.judges), f"{run.n_items:,} items"]
    if run.trace_score:
        parts.append(f"mean trace score {_rate(run.trace_score)}")
    if run.n_failed:
        parts.append(f"{run.n_failed:,} failed")
    if run.controls:
        parts.append("1 control" if len(run.controls) == 1 else f"{len(run.controls)} controls")
    return [part for part in parts if part]


def _filled(parts: Sequence[str], width: int) -> list[str]:
    """Put as many parts on a line as fit."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else part
        if lines and cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def _indented(lines: Iterable[str], style: str = "") -> Iterator[RenderableType]:
    return (Padding.indent(Text(line, style, overflow="fold"), len(GAP)) for line in lines)


def _one_line(name: str) -> str:
    return safe(name).replace("\n", " ").replace("\t", " ")


def _rate(rate: Estimate | None) -> str:
    """Write a rate in percent, with its interval where it has one."""
    if rate is None or rate.estimate is None:
        return "-"
    percent = f"{100 * rate.estimate:.1f}"
    if rate.low is None or rate.high is None:
        return percent
    return f"{percent} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _state(run: ListedRun) -> str:
    """Write the state, with the share that is judged where that is not all: never rounded up to all of it."""
    if run.state in {RunState.DONE, RunState.DECIDED} or not run.n_requests:
        return run.state
    return f"{run.state} {100 * run.n_judged // run.n_requests} %"
