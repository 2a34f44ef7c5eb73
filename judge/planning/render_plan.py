"""Render a plan on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from judge.files.safe_text import safe

if TYPE_CHECKING:
    from rich.console import Console

    from judge.planning.plan import Needed, PowerPlan


def render_plan(plan: PowerPlan, console: Console) -> None:
    """Render what is supposed, and what the target needs."""
    console.print(Text(safe("\n".join(_supposed(plan)))))
    if plan.needed is not None:
        console.print(Text(_target(plan, plan.needed), style="bold"))
    if plan.precision is not None:
        found = plan.precision
        width = f"An interval of ±{100 * found.half_width:g} points needs {found.items:,} items, {found.calls:,} calls."
        console.print(Text(width, style="bold"))
    if plan.table:
        console.print(_table(plan))
    for note in plan.notes:
        console.print(Text(f"Note: {safe(note)}", style="yellow"))


def _supposed(plan: PowerPlan) -> list[str]:
    """Return the assumptions in words."""
    lines = []
    if plan.pilot is not None:
        found = plan.pilot
        clusters = f" in {found.n_clusters} clusters" if found.n_clusters is not None else ""
        lines.append(
            f"Pilot {found.run}, {found.criterion}: {found.n_items} items{clusters}, "
            f"win rate of a {100 * found.win_rate:.1f} %"
        )
    agree = "" if plan.consistency is None else f"orders agree in {100 * plan.consistency:.1f} %; "
    lines.append(f"Supposed: {agree}{100 * plan.ties:.1f} % of the items tied or split")
    if plan.cluster_size > 1:
        lines[-1] += (
            f"; {plan.cluster_size:.4g} items a cluster, correlated by {plan.icc:.2f}: "
            f"{plan.design_effect:.2f} times the items"
        )
    if plan.win_rate is not None and plan.win_rate != plan.resolved_win_rate:
        lines.append(
            f"A win rate of {100 * plan.win_rate:.1f} % where orders agree is "
            f"{100 * (plan.resolved_win_rate or 0):.1f} % over all items: a split counts half"
        )
    return lines


def _target(plan: PowerPlan, needed: Needed) -> str:
    clusters = f" in {needed.clusters:,} clusters" if needed.clusters is not None else ""
    return (
        f"A win rate of {100 * needed.win_rate:.1f} % needs {needed.items:,} items{clusters}, {needed.calls:,} calls, "
        f"for a power of {100 * needed.power:g} % at {100 * plan.alpha:g} %.\n"
        f"Simulated at that size: the sign-flip test finds it in {100 * (needed.simulated_power or 0):.1f} % of "
        f"{plan.reps:,} comparisons (seed {plan.seed})."
    )


def _table(plan: PowerPlan) -> Table:
    powers = list(dict.fromkeys(row.power for row in plan.table))
    title = f"Items for a power of {' and '.join(f'{100 * power:g} %' for power in powers)}"
    table = Table(title=title, title_justify="left")
    table.add_column("win rate of a", justify="right")
    for power in powers:
        table.add_column(f"{100 * power:g} %", justify="right")
        table.add_column("calls", justify="right")
    for win_rate in dict.fromkeys(row.win_rate for row in plan.table):
        cells = [_cell(value) for row in plan.table if row.win_rate == win_rate for value in (row.items, row.calls)]
        table.add_row(f"{100 * win_rate:g} %", *cells)
    return table


def _cell(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
