"""Draw a report on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from judge.core.planning import Orders
from judge.io.render.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from judge.core.report import CriterionReport, Estimate, Report

LEFT_OUT = {
    "only_a": "only in a",
    "only_b": "only in b",
    "no_item": "not among the items",
    "no_image": "without an image that can be shown",
}


def draw_report(report: Report, console: Console) -> None:
    """Draw the counts, one table a panel or judge, and every warning."""
    console.print(Text(f"a = {safe(report.models.a)}\nb = {safe(report.models.b)}"))
    console.print(Text(_counts(report)))
    console.print(_win_rates(f"Judged by {', '.join(report.judges)}", report, report.criteria))
    console.print(_reliability(report, report.criteria))
    for judge, criteria in report.by_judge.items():
        console.print(_win_rates(f"Judged by {judge} alone", report, criteria))
        console.print(_reliability(report, criteria))
    console.print(Text(_caption(report), style="dim"))
    for warning in report.warnings:
        console.print(Text(f"Warning: {safe(warning)}", style="bold yellow"))


def _counts(report: Report) -> str:
    lines = [f"{report.n_items} items, {report.n_judgments} judgments, {report.n_failed} failed"]
    if report.failures:
        lines[0] += " (" + ", ".join(f"{kind} {count}" for kind, count in report.failures.items()) + ")"
    if report.n_not_asked:
        lines.append(f"{report.n_not_asked} judgments not asked yet: `omr-judge resume` goes on")
    if report.n_identical:
        lines.append(f"{report.n_identical} items with identical traces: ties, not asked")
    undecided = {name: row.cannot_judge for name, row in report.criteria.items() if row.cannot_judge}
    if undecided:
        told = ", ".join(f"{name} {count}" for name, count in undecided.items())
        lines.append(f"missing because a judge said cannot_judge: {told}")
    lines += [f"{count} items left out: {LEFT_OUT[reason]}" for reason, count in report.left_out.items() if count]
    return "\n".join(lines)


def _win_rates(title: str, report: Report, criteria: Mapping[str, CriterionReport]) -> Table:
    """Draw who won: the rate, and the items it is made of."""
    splits = report.orders is Orders.BOTH
    table = _table(title, ["win rate of a", "W", "T", "L", *(["split"] if splits else []), "missing"])
    for name, row in criteria.items():
        counts = [row.wins_a, row.ties, row.wins_b, *([row.splits] if splits else []), row.missing]
        table.add_row(Text(name), _percent(row.win_rate), *map(str, counts))
    return table


def _reliability(report: Report, criteria: Mapping[str, CriterionReport]) -> Table:
    """Draw whether the judge can be believed: its consistency beside what chance gives, and its leaning to a slot."""
    both = report.orders is Orders.BOTH
    table = _table("Can the judge be believed?", [*(["orders agree", "by chance"] if both else []), "first slot"])
    for name, row in criteria.items():
        chance = "-" if row.chance_consistency is None else f"{100 * row.chance_consistency:.1f}"
        agree = [_percent(row.consistency), chance] if both else []
        table.add_row(Text(name), *agree, _percent(row.first_slot))
    return table


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=Text(safe(title)), title_justify="left")
    table.add_column("criterion")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _percent(estimate: Estimate) -> str:
    """Write a rate and its interval in percent; a dash where nothing was counted."""
    if estimate.estimate is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{100 * estimate.estimate:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _caption(report: Report) -> str:
    interval = report.interval
    made = f"prompt {report.prompt}, rubric {report.rubric}" if report.prompt else f"imported, criteria {report.rubric}"
    return (
        f"Percent, with {100 * interval.level:.0f} % intervals over items ({interval.method} bootstrap, "
        f"{interval.n_resamples:,} resamples, seed {interval.seed}). T: both orders tie; split: the orders disagree; "
        f"both count half. missing: out of the rate. {made}."
    )
