"""Render the report of people's labels on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from judge.files.safe_text import safe
from judge.tables.words import FINGERPRINT_DIGITS, number, percent

if TYPE_CHECKING:
    from rich.console import Console

    from judge.labels.people_report import CorrectedRate, PeopleOnCriterion, PeopleReport, SideCounts, Sides

SIDES = ("a", "tie or split", "b")


def render_people(report: PeopleReport, console: Console) -> None:
    """Render each criterion's agreement and corrected win rate."""
    basis = f"draw {report.draw}" if report.draw else "all labelled items, which readers chose: no random sample"
    console.print(Text(safe(f"Judged by {', '.join(report.judges)}; compared on {basis}.")))
    if report.other_draws:
        console.print(Text(safe(f"Left out: draws {', '.join(report.other_draws)} (--draw takes another).")))
    if report.unrecorded_draws:
        names = ", ".join(report.unrecorded_draws)
        console.print(Text(safe(f"Drawn by an earlier version, which kept no record of when: {names}.")))
    for name, found in report.criteria.items():
        console.print(Text(f"\n{name}", style="bold"))
        for line in _lines(found):
            console.print(Text(safe(line)), soft_wrap=True)
    if report.fingerprint:
        console.print(f"\nVerdicts and labels: fingerprint {report.fingerprint[:FINGERPRINT_DIGITS]}.")


def _lines(found: PeopleOnCriterion) -> Iterator[str]:
    counts = ", ".join(f"{reader} {count}" for reader, count in found.readers.items())
    undecided = f"; {found.cannot_judge} cannot judge" if found.cannot_judge else ""
    yield f"Labels: {counts}{undecided}."
    if found.n_unjudged:
        yield f"{found.n_unjudged} labelled items have no outcome by the judge and are left out."
    if found.judge:
        yield from _sides("Judge and people", found.judge, "people", "judge")
    if found.calibration:
        yield f"Brier score of the judge's probabilities: {number(found.calibration.brier)} (0.25: all 1/2)."
        for own in found.calibration.bins:
            yield f"  credit by the judge {own.credit:.2f}, by people {own.label:.2f} ({own.n} items)"
    if found.people:
        yield from _sides("People among themselves", found.people, "one", "other")
    if found.corrected:
        yield from _corrected(found.corrected)
    if found.refused:
        yield f"No corrected win rate: {found.refused}."


def _sides(title: str, sides: Sides, rows: str, columns: str) -> Iterator[str]:
    agreement = sides.agreement
    named = {
        "raw": agreement.raw,
        "AC1": agreement.ac1,
        "kappa": agreement.kappa,
        "alpha": agreement.alpha_nominal,
        "interval alpha": agreement.alpha_interval,
    }
    figures = ", ".join(f"{word} {number(value)}" for word, value in named.items() if value is not None)
    yield f"{title}, {agreement.n} items: {figures}."
    if agreement.kappa_warning:
        yield f"Note: {agreement.kappa_warning}."
    if sides.decisive:
        yield f"Where people prefer one, the judge prefers the same in {percent(sides.decisive)} %."
    if sides.table:
        yield from _table(sides.table, rows, columns)


def _table(table: SideCounts, rows: str, columns: str) -> Iterator[str]:
    width = max(map(len, SIDES))
    yield f"  {f'{rows} / {columns}':<22}" + "".join(f"{side:>{width + 2}}" for side in SIDES)
    for side, counts in zip(SIDES, table, strict=True):
        yield f"  {side:<22}" + "".join(f"{count:>{width + 2}}" for count in counts)


def _corrected(found: CorrectedRate) -> Iterator[str]:
    yield f"Win rate of a by the judge: {percent(found.judge)} % over {found.judge.n} items."
    yield f"By people alone: {percent(found.people)} % over {found.people.n} labelled items."
    yield (
        f"Corrected by people's labels (PPI++): {percent(found.corrected)} %, "
        f"as precise as {found.n_equivalent:.0f} labels alone."
    )
    if found.n_needed is None:
        yield f"An interval {100 * found.width:g} points wide is out of reach, were every item of the run labelled."
    else:
        more = max(0, found.n_needed - found.corrected.n)
        yield f"An interval {100 * found.width:g} points wide takes {more} more labels ({found.n_needed} in all)."
