"""The outcome of each item of a run that writes checklists, and the report of all of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from rich.text import Text

from judge.checklists.quotations import UnitDoubt, checked_units
from judge.costs.cost_words import cost_line
from judge.costs.spending import JudgeCost
from judge.files.safe_text import safe
from judge.files.terminal import console
from judge.prompting.checklist_writing import is_askable
from judge.schema import Failed, Frozen, Group, Item, Result, Written

SCHEMA_VERSION = 1
NO_REFERENCE = "no_reference"
"""why an item has no checklist: there is nothing to make it from"""
NOT_ASKED = "not_asked"
"""its request was not made yet"""
GROUP_LOST = "group_lost"
"""of a group that was asked for, no unit's quotation stands in the reference"""


class WrittenItem(NamedTuple):
    """Outcome of one item."""

    item: Item
    """with its checklist, if there is one"""
    made: bool = False
    """whether the checklist was made by this run"""
    without: str | None = None
    """why there is no checklist: a kind of failure, or one of the reasons above"""
    doubts: tuple[UnitDoubt, ...] = ()
    """of each unit that was written and is not in the checklist"""


class ChecklistReport(Frozen):
    """All items of a run that writes checklists."""

    schema_version: int = SCHEMA_VERSION
    """another one where a field changes its meaning"""
    judge: str
    """name of the judge"""
    prompt: str
    """name and version"""
    n_items: int
    """`n_made` + `n_had` + the items in `without`"""
    n_made: int
    """items whose checklist this run made"""
    n_had: int
    """items that came with a checklist, and keep it"""
    units: dict[Group, int]
    """units of the checklists that this run made"""
    n_core: int
    """among them: of core importance"""
    dropped: dict[UnitDoubt, int]
    """units that were written and kept out, by reason, whether or not their item has a checklist"""
    without: dict[str, list[str]]
    """ids of the items without a checklist, by reason, in the order of the file"""
    cost: JudgeCost
    """what its replies took"""

    @property
    def n_failed(self) -> int:
        """Items that were asked about and have no checklist."""
        return sum(len(items) for reason, items in self.without.items() if reason not in {NO_REFERENCE, NOT_ASKED})

    @property
    def n_asked(self) -> int:
        """Items that were asked about."""
        return self.n_made + self.n_failed


def outcome_of(item: Item, result: Result | None) -> WrittenItem:
    """Return the outcome of an item.

    Args:
        item: as it came.
        result: of its request; None where there is none.
    """
    if item.checklist:
        return WrittenItem(item)
    if not is_askable(item):
        return WrittenItem(item, without=NO_REFERENCE)
    match result:
        case Written(units=units):
            checked = checked_units(item.reference_reasoning or "", units)
            doubts = tuple(checked.doubts.values())
            if checked.checklist.keys() < units.keys():
                return WrittenItem(item, without=GROUP_LOST, doubts=doubts)
            made = replace(item, checklist=checked.checklist)
            return WrittenItem(made, made=True, doubts=doubts)
        case Failed(failure=failure):
            return WrittenItem(item, without=failure.value)
        case _:
            return WrittenItem(item, without=NOT_ASKED)


class Tally:
    """Counts outcomes as they pass."""

    def __init__(self) -> None:
        self._made = self._had = self._core = 0
        self._units: Counter[Group] = Counter()
        self._dropped: Counter[UnitDoubt] = Counter()
        self._without: dict[str, list[str]] = {}

    def add(self, outcome: WrittenItem) -> None:
        """Count the outcome of one item."""
        self._dropped.update(outcome.doubts)
        if outcome.without is not None:
            self._without.setdefault(outcome.without, []).append(outcome.item.id)
        elif not outcome.made:
            self._had += 1
        else:
            self._made += 1
            for group, units in outcome.item.checklist.items():
                self._units[group] += len(units)
                self._core += sum(unit.importance == "core" for unit in units)

    def report(self, *, judge: str, prompt: str, cost: JudgeCost) -> ChecklistReport:
        """Return the report of all that was counted."""
        return ChecklistReport(
            judge=judge,
            prompt=prompt,
            n_items=self._made + self._had + sum(map(len, self._without.values())),
            n_made=self._made,
            n_had=self._had,
            units={group: self._units[group] for group in Group},
            n_core=self._core,
            dropped={doubt: self._dropped[doubt] for doubt in UnitDoubt},
            without=dict(sorted(self._without.items())),
            cost=cost,
        )


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
    screen = console()
    for line in _lines(report, to):
        screen.print(Text(safe(line)), soft_wrap=True)


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
