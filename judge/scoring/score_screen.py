"""The first screen of a checklist score: the sentence, the groups, what changes the reading, where to look next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from judge.enums import FailureMode
from judge.tables import words
from judge.tables.first_screen import counts_line, next_line
from judge.tables.notes import LEFT_OUT
from judge.tables.terminal import GAPS, LINES, MIN_NOTES, NOTE_LINES, fitting, print_lines, wrapped
from judge.tables.words import count, percent_sign

if TYPE_CHECKING:
    from rich.console import Console

    from judge.outcomes.rates import Estimate
    from judge.scoring.score_report import ScoreReport

HEADS = ("group", "scored", "missing", "presence", "correctness", "consistency", "score")
FIGURES = ("presence", "correctness", "consistency")
NARROW = ("group", *FIGURES, "score")
"""columns of a narrow terminal"""


def render_screen(report: ScoreReport, console: Console, *, run: str) -> None:
    """Render the first screen; `run` is what a person calls the run."""
    head, judges, counts, legend, following = (
        [line for text in part for line in wrapped(text, console)]
        for part in (
            headline(report, run),
            [_judges(report)],
            [counts_line(report)],
            [_legend(report)],
            [next_line(run)],
        )
    )
    rows = _rows(report, console.width)
    print_lines(console, head, "bold")
    print_lines(console, judges)
    console.print()
    print_lines(console, rows)
    console.print()
    taken = sum(map(len, (head, judges, rows, counts, legend, following))) + GAPS
    for note in fitting(list(_notes(report)), console, max(MIN_NOTES, min(NOTE_LINES, LINES - taken))):
        console.print(note)
    print_lines(console, counts)
    print_lines(console, legend, "dim")
    console.print()
    for line in following:
        console.print(Text(line))


def conclusion(report: ScoreReport) -> str:
    """Return the trace score and the accuracy, over how many traces, as a sentence."""
    total, right = report.trace_score, report.answer_accuracy
    if total.estimate is None:
        sentence = f"{report.model}: no trace has a score in every group of its checklist, so there is no trace score"
    else:
        sentence = f"{report.model} has a trace score of {_over(total)}"
    if right.estimate is not None:
        sentence += f"; answer accuracy {_over(right)}"
    return f"{sentence}."


def headline(report: ScoreReport, run: str) -> list[str]:
    """Return the sentence that comes first, and how to go on where the run is not finished."""
    if not report.n_not_asked:
        return [conclusion(report)]
    asked = f"{report.n_judgments:,} of {report.n_judgments + report.n_not_asked:,} calls made"
    return [f"Not finished: {asked}. So far {conclusion(report)}", f"Go on: omr-judge resume {run}"]


def _over(rate: Estimate) -> str:
    return f"{percent_sign(words.percent(rate))} over {count(rate.n, 'trace')}"


def _judges(report: ScoreReport) -> str:
    samples = f", {report.samples} samples each" if report.samples > 1 else ""
    return f"Judge{'s' * (len(report.judges) > 1)} {', '.join(report.judges)}{samples}."


def _rows(report: ScoreReport, width: int) -> list[str]:
    """Return a heading and a row for each group; without counts, or intervals, where they do not fit."""
    table = [HEADS] + [
        (
            group.value,
            str(report.group_counts[group].scored),
            str(report.group_counts[group].missing),
            *(words.percent(getattr(own, name)).partition(" ")[0] for name in FIGURES),
            words.percent(own.score),
        )
        for group, own in report.groups.items()
    ]
    narrow = [tuple(cell for name, cell in zip(HEADS, row, strict=True) if name in NARROW) for row in table]
    plain = [(*row[:-1], row[-1].partition(" ")[0]) for row in narrow]
    for shown in (table, narrow):
        lines = list(_aligned(shown))
        if len(lines[0]) <= width:
            return lines
    return list(_aligned(plain))


def _aligned(table: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *cells in table:
        yield "  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))])


def _notes(report: ScoreReport) -> Iterator[str]:
    """Yield what changes how the first sentence is read, what matters most first."""
    if n := report.n_unread:
        yield f"{count(n, 'final answer')} cannot be read, and count{'s' * (n == 1)} as not right."
    if n := report.n_without_answer:
        yield f"{count(n, 'item')} {'has' if n == 1 else 'have'} no known right answer: out of the accuracy."
    yield from (f"{count(n, 'item')} left out: {LEFT_OUT[why]}." for why, n in report.left_out.items() if n)
    yield from (f"{text.removesuffix('.')}." for text in report.warnings)
    wrong = {mode: n for mode, n in report.failure_modes.all.items() if n and mode is not FailureMode.OK}
    if wrong:
        most_first = sorted(wrong.items(), key=lambda one: -one[1])
        told = ", ".join(f"{mode.replace('_', ' ')} {n:,}" for mode, n in most_first)
        yield f"Failure modes of {sum(report.failure_modes.all.values()):,} units: {told}."


def _legend(report: ScoreReport) -> str:
    units = f"clusters ({report.clusters.field})" if report.clusters.field else "traces"
    level = f"{100 * report.interval.level:.0f} % intervals over {units}"
    return f"Percent: means over scored traces, with {level}. --full has the rest."
