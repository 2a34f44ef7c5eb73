"""Draw a report on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from judge.core.planning import Orders
from judge.core.stats.intervals import Method
from judge.io.render import words
from judge.io.render.costs import costs
from judge.io.render.forest import forest
from judge.io.render.text import safe
from judge.io.render.words import percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    from judge.core.criteria import CriterionReport
    from judge.core.estimates import Estimate
    from judge.core.report import Report

LEFT_OUT = {
    "only_a": "only in a",
    "only_b": "only in b",
    "no_item": "not among the items",
    "no_image": "without an image that can be shown",
}

STRATA = {
    "both right": "both_right",
    "only a right": "only_a_right",
    "only b right": "only_b_right",
    "both wrong": "both_wrong",
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
    _draw_sections(report, console)
    for line in costs(report):
        console.print(Text(safe(line)))
    console.print(Text(safe(_caption(report)), style="dim"))
    for warning in report.warnings:
        console.print(Text(f"Warning: {safe(warning)}", style="bold yellow"))
    console.print(Text(safe(words.conclusion(report)), style="bold"))


def _draw_sections(report: Report, console: Console) -> None:
    """Draw where the items went, strata, the forest plot, and what slot, length and judges have to do with it."""
    for name, row in report.criteria.items():
        console.print(Text(words.ledger(name, row, report.n_items)))
    if any(row.strata for row in report.criteria.values()):
        console.print(_strata(report.criteria))
    console.print(Text("\n".join(["", *forest(report), ""])), soft_wrap=True)
    overall = list(report.criteria)[-1]
    length, agreement = report.length[overall], report.agreement[overall]
    lines = [
        *words.interaction(report).values(),
        words.position(overall, report.position[overall]),
        words.length(overall, length) if length else "",
        words.agreement(overall, agreement) if agreement else "",
        words.halo(report.halo) if report.halo else "",
    ]
    console.print(Text(safe("\n".join(filter(None, lines)))))


def _strata(criteria: Mapping[str, CriterionReport]) -> Table:
    """Draw the win rate by whose final answer is right."""
    sizes = next(row.strata for row in criteria.values() if row.strata)
    table = _table("Win rate of a by whose final answer is right", STRATA)
    for name, row in criteria.items():
        rates = [getattr(row.strata, stratum).win_rate for stratum in STRATA.values()] if row.strata else []
        table.add_row(Text(name), *map(_stacked, rates))
    table.add_row("items", *(str(getattr(sizes, stratum).n) for stratum in STRATA.values()))
    lost = sizes.unreadable
    answers = list(criteria.values())[-1].strata
    alone = percent(answers.answer_only) if answers else "-"
    table.caption = Text(
        f"unreadable answers: a {lost.a}, b {lost.b} ({lost.items} items in no column). If only the answers counted, "
        f"the win rate would be {alone}"
    )
    return table


def _stacked(estimate: Estimate) -> str:
    """Write a rate above its interval."""
    return percent(estimate).replace(" [", "\n[")


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


def _win_rates(title: str, report: Report, criteria: Mapping[str, CriterionReport]) -> Table:
    """Draw who won: the rate, and the items it is made of."""
    splits = report.orders is Orders.BOTH
    table = _table(title, ["win rate of a", "W", "T", "L", *(["split"] if splits else []), "missing"])
    for name, row in criteria.items():
        counts = [row.wins_a, row.ties, row.wins_b, *([row.splits] if splits else []), row.missing]
        table.add_row(Text(name), percent(row.win_rate), *map(str, counts))
    return table


def _reliability(report: Report, criteria: Mapping[str, CriterionReport]) -> Table:
    """Draw whether the judge can be believed: its consistency beside what chance gives, and its leaning to a slot."""
    both = report.orders is Orders.BOTH
    table = _table("Can the judge be believed?", [*(["orders agree", "by chance"] if both else []), "first slot"])
    for name, row in criteria.items():
        chance = "-" if row.chance_consistency is None else f"{100 * row.chance_consistency:.1f}"
        agree = [percent(row.consistency), chance] if both else []
        table.add_row(Text(name), *agree, percent(row.first_slot))
    return table


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=Text(safe(title)), title_justify="left")
    table.add_column("criterion", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _caption(report: Report) -> str:
    interval = report.interval
    units = f"{report.clusters.n} clusters ({report.clusters.field})" if report.clusters.field else "items"
    how = f"{interval.method} bootstrap, {interval.n_resamples:,} resamples, seed {interval.seed}"
    how = "Wilson's closed form" if interval.method is Method.WILSON else how
    made = f"prompt {report.prompt}, rubric {report.rubric}" if report.prompt else f"imported, criteria {report.rubric}"
    return (
        f"Percent, with {100 * interval.level:.0f} % intervals over {units} ({how}). "
        f"T: both orders tie; split: the orders disagree; "
        f"both count half. missing: out of the rate. {made}."
    )
