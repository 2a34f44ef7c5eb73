"""Render a report on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from judge.costs.cost_words import costs
from judge.files.safe_text import safe
from judge.tables import tables, words
from judge.tables.control_tables import control_lines, control_tables
from judge.tables.terminal_table import render_table
from judge.tables.words import percent

if TYPE_CHECKING:
    from rich.console import Console

    from judge.outcomes.rates import Estimate
    from judge.report.report import Report

LEFT_OUT = {
    "only_a": "only in a",
    "only_b": "only in b",
    "no_item": "not among the items",
    "no_image": "without an image that can be shown",
    "no_checklist": "without a checklist",
}


def render_report(report: Report, console: Console, *, errors: bool = False) -> None:
    """Render the counts, one table a panel or judge, and every warning; on request with standard errors."""
    console.print(Text(f"a = {safe(report.models.a)}\nb = {safe(report.models.b)}"))
    console.print(Text(_counts(report)))
    for judge, criteria in {"": report.criteria, **report.by_judge}.items():
        for table in tables.judged_tables(report, criteria, judge):
            console.print(render_table(table, console.width, errors=errors))
    _render_sections(report, console, errors=errors)
    for table in control_tables(report):
        console.print(render_table(table, console.width, stacked=True, errors=errors))
    for line in (*control_lines(report), *costs(report)):
        console.print(Text(safe(line)))
    console.print(Text(safe(_caption(report)), style="dim"))
    if errors:
        console.print(Text(words.ERRORS, style="dim"))
    for warning in report.warnings:
        console.print(Text(f"Warning: {safe(warning)}", style="bold yellow"))
    console.print(Text(safe(words.conclusion(report)), style="bold"))
    for line in words.trust(report):
        console.print(Text(safe(line)))


def _render_sections(report: Report, console: Console, *, errors: bool) -> None:
    """Render ledgers, strata, the forest plot, and position bias, length bias and agreement in words."""
    for name, row in report.criteria.items():
        console.print(Text(words.ledger(name, row, report.n_items)))
    if any(row.strata for row in report.criteria.values()):
        console.print(render_table(tables.strata(report.criteria), console.width, stacked=True, errors=errors))
    if report.instruments:
        for table in tables.instrument_tables(report.instruments):
            console.print(render_table(table, console.width, stacked=True, errors=errors))
        console.print(Text(safe(words.disagreements(report.instruments))))
    console.print(Text("\n".join(["", *forest(report), ""])), soft_wrap=True)
    overall = list(report.criteria)[-1]
    length, agreement = report.length[overall], report.agreement[overall]
    lines = [
        *words.interaction(report).values(),
        *words.standardised(report).values(),
        words.position(overall, report.position[overall]),
        words.length(overall, length) if length else "",
        words.agreement(overall, agreement) if agreement else "",
        words.judge_sensitivity(overall, report.judge_sensitivity[overall], report.criteria[overall].win_rate)
        if report.judge_sensitivity
        else "",
        words.variance(overall, report.variance_components[overall]) if report.variance_components else "",
        words.halo(report.halo) if report.halo else "",
    ]
    console.print(Text(safe("\n".join(filter(None, lines)))))


def _counts(report: Report) -> str:
    lines = [f"{report.n_items} items, {report.n_judgments} judgments, {report.n_failed} failed"]
    if report.failures:
        lines[0] += " (" + ", ".join(f"{kind} {count}" for kind, count in report.failures.items()) + ")"
    if report.n_not_asked:
        lines.append(f"{report.n_not_asked} judgments not asked yet: `omr-judge resume` goes on")
    if report.sequential is not None and report.sequential.decided:
        found = report.sequential
        left = found.items_planned - found.items_asked
        lines.append(f"{left} of {found.items_planned} items not asked: the run stopped when it was decided")
    if report.n_identical:
        lines.append(f"{report.n_identical} items with identical traces: ties, not asked")
    undecided = {name: row.cannot_judge for name, row in report.criteria.items() if row.cannot_judge}
    if undecided:
        told = ", ".join(f"{name} {count}" for name, count in undecided.items())
        lines.append(f"missing because a judge said cannot_judge: {told}")
    lines += [f"{count} items left out: {LEFT_OUT[reason]}" for reason, count in report.left_out.items() if count]
    return "\n".join(lines)


def _caption(report: Report) -> str:
    pooled = f" {words.POOLED[report.pooling]}." if report.pooling else ""
    made = f"prompt {report.prompt}, rubric {report.rubric}" if report.prompt else f"imported, criteria {report.rubric}"
    return (
        f"Percent, with {words.intervals(report.interval, report.clusters)}. "
        f"T: both orders tie; split: the orders disagree; {words.CREDIT}; missing: out of the rate.{pooled} {made}."
    )


NAME_CELLS = 24
PLOT_CELLS = 33
MIDDLE = PLOT_CELLS // 2


def forest(report: Report) -> list[str]:
    """Return the lines of the plot: every criterion, then the overall one for each subgroup that was asked for."""
    overall = list(report.criteria)[-1]
    lines = _rows({name: row.win_rate for name, row in report.criteria.items()})
    for field, values in report.subgroups.items():
        lines.append(f"by {safe(field)}, {overall}:")
        lines += _rows(
            {
                f"{value} ({group.n}{', few' if group.small else ''})": group.win_rate[overall]
                for value, group in values.items()
            }
        )
    return [_row("win rate of a, percent", f"0{'50'.center(PLOT_CELLS - 4)}100", ""), *lines]


def _rows(rates: Mapping[str, Estimate]) -> list[str]:
    return [
        _row(safe(name).replace("\n", " ").replace("\t", " "), _bar(rate), percent(rate))
        for name, rate in rates.items()
    ]


def _row(name: str, plot: Sequence[str], numbers: str) -> str:
    shown = name if cell_len(name) <= NAME_CELLS else set_cell_size(name, NAME_CELLS - 1) + "…"
    return f"{set_cell_size(shown, NAME_CELLS)} {''.join(plot)} {numbers}".rstrip()


def _bar(rate: Estimate) -> list[str]:
    cells = [" "] * PLOT_CELLS
    if rate.low is not None and rate.high is not None:
        for cell in range(_cell(rate.low), _cell(rate.high) + 1):
            cells[cell] = "-"
    cells[MIDDLE] = "+" if cells[MIDDLE] == "-" else ":"
    if rate.estimate is not None:
        cells[_cell(rate.estimate)] = "o"
    return cells


def _cell(rate: float) -> int:
    return round(rate * (PLOT_CELLS - 1))
