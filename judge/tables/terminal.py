"""Render the report of a comparison on the terminal: a first screen of some twenty lines, or on request everything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from judge.costs.cost_words import costs
from judge.files.safe_text import safe
from judge.outcomes.counted_items import Pooling
from judge.report.judge_signal import Signal
from judge.tables import first_screen, notes, reliability_words, tables, words
from judge.tables.control_tables import control_lines, control_tables
from judge.tables.rate_rows import AGREE, rate_rows
from judge.tables.sides import side_of
from judge.tables.terminal_table import render_table

if TYPE_CHECKING:
    from rich.console import Console

    from judge.report.report import Report

LINES, WIDTH = 24, 80
"""of the first screen: what it fits on a terminal of this width, and on wider ones"""
NOTE_LINES, MIN_NOTES = 6, 1
"""lines on it for what changes how its sentence is read: at most, and as many as are always left"""
GAPS = 3
"""blank lines on it"""
MIN_ROWS = 2
"""of the table: its heading, and the overall criterion"""
KEPT_TOGETHER = re.compile(
    r"\[[^\[\]]*\]|[\d.]+ to [\d.]+ %|(?<=\d) (?:%|= \d)|p [=<] (?=\d)|(?:not|none) certified|--judge \S+"
    r"|Next: |omr-judge \S+(?: --\S+)*(?: [\w./~-]+)?(?: --\S+ \w+)?"
)
"""what is never parted at the end of a line: an interval, a range, a number and its sign, a command"""
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
    rows = _rates(report, console, full=full, errors=errors)
    legend = first_screen.legend(report, agree=AGREE in rows[0]) + ("" if full else " --full has the rest.")
    texts = (first_screen.counts_line(report), legend.strip(), first_screen.next_line(run))
    head, judges, *tail = (
        [line for text in part for line in wrapped(text, console)]
        for part in (first_screen.headline(report, run), _of_judges(report), *((text,) for text in texts))
    )
    room = 2 * LINES
    if not full and console.width >= WIDTH:
        others = sum(map(len, (head, *tail))) + GAPS
        if others + len(judges) + len(rows) + MIN_NOTES > LINES:
            judges = [line for line in judges if line not in first_screen.ADVICE]
        room = LINES - others - len(judges)
        rows = _cropped(rows, room - MIN_NOTES, overall=len(report.criteria))
    counts, legend_lines, next_lines = tail
    print_lines(console, head, "bold")
    print_lines(console, judges)
    console.print()
    is_silent = list(report.criteria.values())[-1].signal is Signal.NO_SIGNAL
    print_lines(console, rows, "dim" if is_silent else "")
    console.print()
    if full:
        _render_all(report, console, errors=errors)
    else:
        _render_asked(report, console, errors=errors)
        _render_equal_length(report, console)
        most = max(MIN_NOTES, min(NOTE_LINES, room - len(rows)))
        for note in fitting(list(notes.notes(report)), console, most):
            console.print(note)
    print_lines(console, counts)
    print_lines(console, legend_lines, "dim")
    if errors:
        _print(console, words.ERRORS, "dim")
    console.print()
    print_lines(console, next_lines)


def _of_judges(report: Report) -> list[str]:
    return [*first_screen.judge_lines(report), *words.trust(report)]


def _print(console: Console, text: str, style: str = "") -> None:
    print_lines(console, wrapped(text, console), style)


def print_lines(console: Console, lines: Iterable[str], style: str = "") -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(Text(line, style=style))


def wrapped(text: str, console: Console) -> list[str]:
    """Part a text into lines as wide as the terminal, and never within an interval, a share or a command."""
    glued = KEPT_TOGETHER.sub(lambda found: found[0].replace(" ", GLUE), safe(text))
    return [line.plain.rstrip().replace(GLUE, " ") for line in Text(glued).wrap(console, console.width)]


def fitting(texts: list[str], console: Console, most: int) -> Iterator[Text]:
    """Yield as many notes as fit into so many lines, and how many there are beside them."""
    lines = {note: wrapped(note[:1].upper() + note[1:], console) for note in dict.fromkeys(texts)}
    room = most - (sum(map(len, lines.values())) > most)
    left = 0
    for own in lines.values():
        if left or len(own) > room:
            left += 1
            continue
        room -= len(own)
        yield from map(Text, own)
    if left:
        yield Text(f"{words.count(left, 'more note')}: --full", style="yellow")


def _rates(report: Report, console: Console, *, full: bool, errors: bool) -> list[str]:
    """Return the table of win rates: of the run, and on the first screen of each judge of a panel, overall."""
    overall = list(report.criteria)[-1]
    by_judge = {} if full else {f"· {judge}": own[overall] for judge, own in report.by_judge.items()}
    shown = report.criteria | by_judge
    return rate_rows(report, shown, side_of(report), console.width, errors=errors)


def _cropped(rows: list[str], most: int, *, overall: int) -> list[str]:
    """Leave out rows of a table that is longer than it may be, not that of the overall criterion; say how many."""
    if len(rows) <= most:
        return rows
    kept = max(MIN_ROWS, most - 1)
    more = f"({len(rows) - kept} more: --full)"
    return [*rows[:kept], more] if overall < kept else [*rows[: kept - 1], more, rows[overall]]


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
        _print(console, words.length(overall, found, report.models.names[0]))


def _render_all(report: Report, console: Console, *, errors: bool) -> None:
    """Render every table and sentence that the first screen leaves out."""
    _render_judges(report, console, errors=errors)
    for line in filter(
        None, (words.ledger(name, row, report.models.names[0]) for name, row in report.criteria.items())
    ):
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
    for line in notes.left_out(report):
        _print(console, line)


def _render_judges(report: Report, console: Console, *, errors: bool) -> None:
    """Render each judge of a panel alone, and how reliable all and each of them are."""
    side = side_of(report)
    for judge, criteria in report.by_judge.items():
        _print(console, f"{judge} alone", "italic")
        print_lines(console, rate_rows(report, criteria, side, console.width, errors=errors))
        console.print()
    for judge, criteria in {"": report.criteria, **report.by_judge}.items():
        console.print(render_table(tables.credibility(report, criteria, judge), console.width, errors=errors))


def _sentences(report: Report) -> Iterator[str]:
    """Yield position bias, length bias, agreement and what else is told of the overall criterion in words."""
    overall, row = list(report.criteria.items())[-1]
    length, agreement = report.length[overall], report.agreement[overall]
    a = report.models.names[0]
    yield from words.position(overall, report.position[overall], a)
    if length:
        yield words.length(overall, length, a)
    if agreement:
        yield reliability_words.agreement(overall, agreement)
    if report.judge_sensitivity:
        yield reliability_words.judge_sensitivity(overall, report.judge_sensitivity[overall], row.win_rate)
    if report.variance_components:
        yield reliability_words.variance(overall, report.variance_components[overall])
    if report.halo:
        yield reliability_words.halo(report.halo)


def _caption(report: Report) -> str:
    pooled = f" {words.POOLED[report.pooling]}." if isinstance(report.pooling, Pooling) else ""
    made = f"prompt {report.prompt}, rubric {report.rubric}" if report.prompt else f"imported, criteria {report.rubric}"
    return (
        f"a = {report.models.a}, b = {report.models.b}. Percent, with "
        f"{words.intervals(report.interval, report.clusters)}. "
        f"T: both orders tie; split: the orders disagree; {words.CREDIT}; missing: out of the rate.{pooled} {made}."
        f"{words.quoted(report.fingerprint)}"
    )
