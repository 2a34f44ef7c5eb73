"""Carry a score away as tidy tables: traces, units of their checklists, requests."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

from judge.audit.fold_run_counting import counting_journeys
from judge.export.score_rows import (
    CLAIMS,
    ITEMS,
    JUDGMENTS,
    UNITS,
    case_row,
    claim_rows,
    score_judgment_row,
    scored_rows,
    unit_rows,
)
from judge.export.write import write_table
from judge.files.folders import filling
from judge.outcomes.latest_judgments import FrameBuilder
from judge.scoring.derive_score_report import make_score_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from judge.enums import ExportFormat
    from judge.export.rows import Row
    from judge.runs.journal import RunFolder

BLOCK = 1 << 14
"""traces, or requests, that are joined with what was made of them at once"""


def write_score_tables(folder: RunFolder, out: Path, form: ExportFormat) -> dict[str, int]:
    """Write the tables of a score into a new folder; return how many rows each has (errors as for `export_run`)."""
    scores = make_score_report(folder).scores
    prices = folder.score_manifest().prices
    judgments = (score_judgment_row(journey, prices) for journey in counting_journeys(folder))
    with filling(out) as hidden:
        return {
            "items": write_table(hidden, "items", _item_columns(folder), _item_rows(folder, scores.items), form),
            "units": write_table(hidden, "units", UNITS, _unit_rows(folder, scores.units), form),
            "judgments": write_table(hidden, "judgments", JUDGMENTS, judgments, form),
        }


def _item_columns(folder: RunFolder) -> dict[str, pl.DataType]:
    """Return the columns of the table of items, with one for each field that some item has."""
    fields = {name: None for case in folder.cases() for name in case_row(case) if name.startswith("by_")}
    return {**ITEMS, **dict.fromkeys(fields, pl.String())}


def _item_rows(folder: RunFolder, items: pl.DataFrame) -> Iterator[Row]:
    known = map(case_row, folder.cases())
    while block := list(islice(known, BLOCK)):
        yield from scored_rows(block, items)


def _unit_rows(folder: RunFolder, units: pl.DataFrame) -> Iterator[Row]:
    claims = FrameBuilder(CLAIMS)
    for case in folder.cases():
        for row in claim_rows(case):
            claims.add(*row)
    known = claims.frame()
    plain = units.with_columns(pl.col("judge", "group", "mode").cast(pl.String), pl.col("sample").cast(pl.Int64))
    judgments = (journey.judgment for journey in counting_journeys(folder))
    while block := list(islice(judgments, BLOCK)):
        yield from unit_rows(block, plain, known)
