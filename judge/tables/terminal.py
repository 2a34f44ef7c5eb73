"""Render the report of a comparison on the terminal: a first screen of some twenty lines, or on request everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from judge.costs.cost_words import costs
from judge.files.safe_text import safe
from judge.outcomes.counted_items import Pooling
from judge.report.judge_signal import Signal
from judge.tables import first_screen, tables, words
from judge.tables.control_tables import control_lines, control_tables
from judge.tables.rate_rows import rate_rows
from judge.tables.terminal_table import render_table

if TYPE_CHECKING:
    from rich.console import Console

    from judge.report.report import Report

NOTE_LINES = 6
"""lines on the first screen for what changes how its sentence is read"""
KEPT_TOGETHER = re.compile(
    r"\[[^\[\]]*\]|(?<=\d) (?:%|= \d)|p [=<] (?=\d)|Next: |omr-judge \S+(?: --\S+)*(?: [\w./~-]+)?(?: --\S+ \w+)?"
)
"""what is never parted at the end of a line: an interval, a number and its sign, a command"""
GLUE = "\ue000"
"""stands for a blank that is no place to part a line; no text on a terminal holds it"""


def render_report(
    report: Report, console: Console, *, run: str = "latest", full: bool = False, errors: bool = False
) -> None:
    """Render a report.

    Args:
        report: of a comparison.
        console: where to.
        run: what a person calls the run, for the commands that go on with it.
        full: everything that is known, and not the first screen alone.
        errors: whether to show standard errors.
    """
    for line in first_screen.headline(report, run):
        _print(console, line, "bold")
    for line in first_screen.judge_lines(report):
        _print(console, line)
    for line in words.trust(report):
        _print(console, line)
    console.print()
    _render_rates(report, console, alone=not full, errors=errors)
    console.print()
    if full:
        _render_all(report, console, errors=errors)
    else:
        _render_asked(report, console, errors=errors)
        _render_equal_length(report, console)
        for note in _fitting(list(first_screen.notes(report)), console):
            console.print(note)
    _print(console, first_screen.counts_line(report))
    legend = first_screen.legend(report)
    _print(console, legend.removesuffix(" --full has the rest.") if full else legend, "dim")
    if errors:
        _print(console, words.ERRORS, "dim")
    console.print()
    _print(console, first_screen.next_line(run))


def _print(console: Console, text: str, style: str = "") -> None:
    for part in wrapped(text, console):
        console.print(Text(part, style=style))


def wrapped(text: str, console: Console) -> list[str]:
    """Part a text into lines as wide as the terminal, and never within an interval, a share or a command."""
    glued = KEPT_TOGETHER.sub(lambda found: found[0].replace(" ", GLUE), safe(text))
    return [line.plain.rstrip().replace(GLUE, " ") for line in Text(glued).wrap(console, console.width)]


def _fitting(notes: list[str], console: Console) -> Iterator[Text]:
    """Yield as many notes as fit, and how many there are beside them."""
    lines = {note: wrapped(note[:1].upper() + note[1:], console) for note in dict.fromkeys(notes)}
    room = NOTE_LINES - (sum(map(len, lines.values())) > NOTE_LINES)
    left = 0
    for own in lines.values():
        if left or len(own) > room:
            left += 1
            continue
        room -= len(own)
        yield from map(Text, own)
    if left:
        yield Text(f"{words.count(left, 'more note')}: --full", style="yellow")


def _render_rates(report: Report, console: Console, *, alone: bool, errors: bool) -> None:
    """Render the win rates of the run, and on request those of each judge of a panel on the overall criterion."""
    side, (overall, row) = first_screen.side_of(report), list(report.criteria.items())[-1]
    by_judge = {f"· {judge}": own[overall] for judge, own in report.by_judge.items()} if alone else {}
    style = "dim" if row.signal is Signal.NO_SIGNAL else ""
    for line in rate_rows(report, report.criteria | by_judge, side, console.width, errors=errors):
        console.print(Text(line, style=style))


def _render_asked(report: Report, console: Console, *, errors: bool) -> None:
    """Render what a person asked for by an option, which is not in the report of a run as such."""
    for table in tables.subgroups(report):
        console.print(render_table(table, console.width, stacked=True, errors=errors))
    for table in tables.instrument_tables(report.instruments) if report.instruments else ():
        console.print(render_table(table, console.width, stacked=True, errors=errors))
    if report.instruments:
        _print(console, words.disagreements(report.instruments))


def _render_equal_length(report: Report, console: Console) -> None:
    """Render what was asked for of equal length and the notes do not tell: AlpacaEval's rate, or why there is none."""
    overall = list(report.criteria)[-1]
    found = report.length[overall]
    if found and (found.alpaca_eval or found.not_identified):
        _print(console, words.length(overall, found))


def _render_all(report: Report, console: Console, *, errors: bool) -> None:
    """Render every table and sentence that the first screen leaves out."""
    _render_judges(report, console, errors=errors)
    for line in filter(None, (words.ledger(name, row) for name, row in report.criteria.items())):
        _print(console, line)
    if any(row.strata for row in report.criteria.values()):
        console.print(render_table(tables.strata(report), console.width, stacked=True, errors=errors))
    _render_asked(report, console, errors=errors)
    for line in _sentences(report):
        _print(console, line)
    for table in control_tables(report):
        console.print(render_table(table, console.width, stacked=True, errors=errors))
    for line in (*control_lines(report), *costs(report)):
        _print(console, line)
    _print(console, _caption(report), "dim")
    for warning in report.warnings:
        _print(console, f"Warning: {warning}", "bold yellow")
    for line in first_screen.left_out(report):
        _print(console, line)


def _render_judges(report: Report, console: Console, *, errors: bool) -> None:
    """Render each judge of a panel alone, and how reliable all and each of them are."""
    side = first_screen.side_of(report)
    for judge, criteria in report.by_judge.items():
        _print(console, f"{judge} alone", "italic")
        for line in rate_rows(report, criteria, side, console.width, errors=errors):
            console.print(Text(line))
        console.print()
    for judge, criteria in {"": report.criteria, **report.by_judge}.items():
        console.print(render_table(tables.credibility(report, criteria, judge), console.width, errors=errors))


def _sentences(report: Report) -> Iterator[str]:
    """Yield position bias, length bias, agreement and what else is told of the overall criterion in words."""
    overall, row = list(report.criteria.items())[-1]
    length, agreement = report.length[overall], report.agreement[overall]
    yield from words.position(overall, report.position[overall])
    if length:
        yield words.length(overall, length)
    if agreement:
        yield words.agreement(overall, agreement)
    if report.judge_sensitivity:
        yield words.judge_sensitivity(overall, report.judge_sensitivity[overall], row.win_rate)
    if report.variance_components:
        yield words.variance(overall, report.variance_components[overall])
    if report.halo:
        yield words.halo(report.halo)


def _caption(report: Report) -> str:
    pooled = f" {words.POOLED[report.pooling]}." if isinstance(report.pooling, Pooling) else ""
    made = f"prompt {report.prompt}, rubric {report.rubric}" if report.prompt else f"imported, criteria {report.rubric}"
    return (
        f"a = {report.models.a}, b = {report.models.b}. Percent, with "
        f"{words.intervals(report.interval, report.clusters)}. "
        f"T: both orders tie; split: the orders disagree; {words.CREDIT}; missing: out of the rate.{pooled} {made}."
        f"{words.quoted(report.fingerprint)}"
    )
