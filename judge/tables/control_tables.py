"""Controls in a report: tables, and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from judge.costs.cost_words import dollars
from judge.report.control_report import MARGIN, Effect
from judge.runs.control_kinds import ControlKind
from judge.tables import cells, words
from judge.tables.cells import Table

if TYPE_CHECKING:
    from judge.report.control_report import ControlEffect, ControlReport, SelfComparison
    from judge.report.report import Report

CHANGES = {
    ControlKind.NO_IMAGE: "asked again without the images",
    ControlKind.WRONG_IMAGE: "asked again with another item's images",
    ControlKind.IDENTICAL: "a's trace against itself",
    ControlKind.HIDE_ANSWERS: "asked again with final answers hidden",
    ControlKind.REPEAT: "asked again unchanged",
}
LEGEND = (
    "changed: items with another outcome; beyond repeat: how many more than when asked again unchanged, in percentage "
    "points; a gains: points of its win rate, and p that it gains none; a criterion moves where the test of either, "
    "adjusted over all criteria (Holm), says so at 5 %, and does not where one-sided tests at 5 % put both within "
    f"{100 * MARGIN:.0f} points"
)


def control_tables(report: Report) -> Iterator[Table]:
    """Yield the tables of every control of a report."""
    for kind, control in (report.controls or {}).items():
        for judge, criteria in control.moved.items():
            yield _moved(ControlKind(kind), criteria, judge if len(report.judges) > 1 else "")
        for judge, compared in control.false_preference.items():
            alone = judge if len(report.judges) > 1 else ""
            yield from _preferred(compared, alone)


def _title(kind: ControlKind, judge: str) -> str:
    return f"Control {kind}: {CHANGES[kind]}{f', {judge} alone' if judge else ''}"


def _moved(kind: ControlKind, criteria: Mapping[str, ControlEffect], judge: str) -> Table:
    is_repeat = kind is ControlKind.REPEAT
    return Table.of_records(
        "criterion",
        criteria,
        {
            "n": ("items", cells.count),
            "changed": ("changed", cells.counted),
            **({} if is_repeat else {"excess": ("beyond repeat", cells.rate)}),
            "shift": ("a gains", cells.rate),
            "p_value": ("p", cells.p_value),
        },
        key=f"control_{kind.replace('-', '_')}",
        title=_title(kind, judge),
        note=finding(criteria),
        judge=judge,
        legend="" if is_repeat else LEGEND,
    )


def finding(criteria: Mapping[str, ControlEffect]) -> str:
    """Return which criteria move, in the words of `Effect`, and how many verdicts were withdrawn."""
    by_effect = {effect: [name for name, found in criteria.items() if found.effect is effect] for effect in Effect}
    verbs = {Effect.MOVES: ("moves", "move"), Effect.NO_EFFECT: ("does not move", "do not move")}
    parts = [
        f"{', '.join(names)} {verbs.get(effect, ('is unclear', 'are unclear'))[len(names) > 1]}"
        for effect, names in by_effect.items()
        if names
    ]
    withdrawn = [f"{name} {found.withdrawn}" for name, found in criteria.items() if found.withdrawn]
    if withdrawn:
        parts.append(f"items that the judge now says it cannot judge: {', '.join(withdrawn)}")
    return "; ".join(parts)


def _preferred(compared: Mapping[str, SelfComparison], judge: str) -> Iterator[Table]:
    yield Table.of_records(
        "criterion",
        compared,
        {
            "together.named": ("names a winner", cells.counted),
            "together.forward": ("forward", cells.counted),
            "together.swapped": ("swapped", cells.counted),
            "together.consistent": ("both orders", cells.counted),
        },
        key="control_identical",
        title=_title(ControlKind.IDENTICAL, judge),
        judge=judge,
        legend="Share of verdicts that name a winner; both orders: items on which both name the same trace",
    )
    yield Table(
        key="control_identical_parts",
        title=f"The same, by how the trace was written twice{f', {judge} alone' if judge else ''}",
        of="criterion",
        columns={"exact": "the same bytes", "rephrased": "other line breaks", "first_slot": "first slot"},
        rows=tuple(
            cells.row(
                name,
                cells.counted(found.exact.named),
                cells.counted(found.rephrased.named),
                cells.counted(found.together.first_slot),
            )
            for name, found in compared.items()
        ),
        judge=judge,
        legend="first slot: share of the named winners that were shown first",
    )


def control_lines(report: Report) -> list[str]:
    """Return the counts and the cost of each control, a line each."""
    return [_line(kind, control) for kind, control in (report.controls or {}).items()]


def _line(kind: str, control: ControlReport) -> str:
    cost = "at an unknown cost" if control.usd is None else f"for {dollars(control.usd)}"
    items, judgments = words.count(control.n_items, "item"), words.count(control.n_judgments, "judgment")
    counts = f"{items}, {judgments}, {control.n_failed:,} failed"
    left = f"; {control.n_not_asked} not asked yet: `omr-judge resume` goes on" if control.n_not_asked else ""
    return f"Control {kind}: {counts}, {cost}{left}."
