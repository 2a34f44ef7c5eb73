"""Tables of two instruments: pairwise preference beside checklist scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.report.instruments import SIDE_NAMES
from judge.tables import cells
from judge.tables.cells import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from judge.report.instruments import Instruments


def instrument_tables(found: Mapping[str, Instruments]) -> Iterator[Table]:
    """Yield how far the two agree, and how many items each gives to whom."""
    yield _agreement(found)
    yield _sides(found)


def _agreement(found: Mapping[str, Instruments]) -> Table:
    """Return the win rate beside the checklists, and how far the two agree."""
    return Table(
        key="instruments",
        title="Two instruments: pairwise preference, and the difference of checklist scores",
        of="criterion",
        columns={
            "n": "items",
            "preference": "win rate of a",
            "same_side": "same model, where both name one",
            "raw": "agreement (a, neither, b)",
            "ac1": "AC1",
            "kappa": "kappa",
        },
        rows=tuple(
            cells.row(
                name,
                cells.count(own.n),
                cells.rate(own.preference),
                cells.rate(own.same_side),
                cells.number(own.agreement.raw, as_rate=True),
                cells.number(own.agreement.ac1),
                cells.number(own.agreement.kappa),
            )
            for name, own in found.items()
        ),
        note="Items in both instruments alone",
    )


def _sides(found: Mapping[str, Instruments]) -> Table:
    """Return how many items each instrument gives to whom."""
    places = [(preferred, scored) for preferred in SIDE_NAMES for scored in SIDE_NAMES]
    return Table(
        key="sides",
        title="Items by who is preferred, then by whose checklist score is higher",
        of="criterion",
        columns={f"{preferred}_{scored}": f"{preferred}, {scored}" for preferred, scored in places},
        rows=tuple(
            cells.row(name, *(cells.count(own.table[preferred][scored]) for preferred, scored in places))
            for name, own in found.items()
        ),
    )
