"""What the page shows of controls: a plot of each, and all figures of each in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.page.plots import Forest, plotted, shares
from judge.runs.control_kinds import ControlKind
from judge.tables.control_tables import CHANGES, control_tables

if TYPE_CHECKING:
    from judge.report.report import Report
    from judge.tables.cells import Table


def control_plots(report: Report) -> dict[str, Forest]:
    """Return by control, and judge where there are several, how often the outcome is another, or a winner is named."""
    found = {}
    for kind, control in (report.controls or {}).items():
        changed = _named(f"{kind}: {CHANGES[ControlKind(kind)]}", report)
        for judge, criteria in control.moved.items():
            rows = [plotted(name, own.changed, own.effect or "") for name, own in criteria.items()]
            title = changed if len(report.judges) == 1 else f"{changed}, {judge}"
            found[title] = shares("criterion", "Pairs with another outcome, %", rows)
        for judge, compared in control.false_preference.items():
            rows = [plotted(name, own.together.named) for name, own in compared.items()]
            title = changed if len(report.judges) == 1 else f"{changed}, {judge}"
            found[title] = shares("criterion", "Verdicts that name a winner, %", rows, "verdicts")
    return found


def tables_by_name(report: Report) -> list[Table]:
    """Return the tables of all controls, with the model's name in place of the letter a."""
    return [
        one._replace(
            title=_named(one.title, report),
            legend=_named(one.legend, report),
            columns={field: _named(heading, report) for field, heading in one.columns.items()},
        )
        for one in control_tables(report)
    ]


def _named(text: str, report: Report) -> str:
    name = report.models.names[0]
    return text.replace("a gains", f"{name} gains").replace("a's trace", f"{name}'s trace")
