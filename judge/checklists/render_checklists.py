"""Render the report of a run that writes checklists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from judge.checklists.checklist_report import GROUP_LOST, NO_REFERENCE, NOT_ASKED
from judge.checklists.quotations import UnitDoubt
from judge.costs.cost_words import cost_line
from judge.files.safe_text import safe

if TYPE_CHECKING:
    from pathlib import Path

    from judge.checklists.checklist_report import ChecklistReport

NAMED = 5
"""items of a kind that are named; report.json names all"""
_DROPPED = {
    UnitDoubt.NOT_FOUND: "quotation not in the reference",
    UnitDoubt.TOO_SHORT: "quotation too short to prove anything",
}
_WITHOUT = {
    NO_REFERENCE: "no reference to make one from",
    NOT_ASKED: "not asked yet",
    GROUP_LOST: "no unit of a group is kept",
}


def render_checklists(report: ChecklistReport, to: Path) -> None:
    """Render how many items have a checklist, what its units are, what was dropped, who is without and what it cost."""
    console = Console(highlight=False, markup=False, emoji=False)
    for line in _lines(report, to):
        console.print(Text(safe(line)), soft_wrap=True)


def _lines(report: ChecklistReport, to: Path) -> list[str]:
    n_with = report.n_made + report.n_had
    kept = f"; {report.n_had} came with one and keep it" if report.n_had else ""
    written = f"{to}: {report.n_items} items, {n_with} with a checklist ({report.n_made} made by {report.judge}{kept})"
    n_units = sum(report.units.values())
    groups = ", ".join(f"{count} {group}" for group, count in report.units.items())
    lines = [written, f"Units: {n_units} ({groups}); {report.n_core} core, {n_units - report.n_core} supporting"]
    if n_dropped := sum(report.dropped.values()):
        why = ", ".join(f"{count} {_DROPPED[doubt]}" for doubt, count in report.dropped.items() if count)
        lines.append(f"Dropped: {n_dropped} units ({why})")
    lines += [_without(reason, items) for reason, items in report.without.items()]
    return [*lines, cost_line(report.judge, report.cost)]


def _without(reason: str, items: list[str]) -> str:
    named = ", ".join(items[:NAMED]) + (f" and {len(items) - NAMED} more" if len(items) > NAMED else "")
    return f"Without a checklist, {_WITHOUT.get(reason, reason)}: {len(items)} ({named})"
