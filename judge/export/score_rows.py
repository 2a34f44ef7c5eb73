"""A score as rows of tidy tables: its traces, the units of their checklists, and its requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from judge.export.rows import TOOK, Row, field_columns, request_row
from judge.prompting.correctness import chosen_options
from judge.schema import Failed, Group
from judge.scoring.scores import PARTS, quoted

if TYPE_CHECKING:
    from judge.audit.audited_item import Journey
    from judge.schema import Case, Judgment, Price

_TEXT, _NUMBER, _COUNT, _TRUTH = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()
FIGURES: dict[str, pl.DataType] = {
    **{f"{group}_{part}": _TEXT if part == "standing" else _NUMBER for group in Group for part in ("standing", *PARTS)},
    "trace_score": _NUMBER,
    "right_and_grounded": _NUMBER,
}
CASE_ITEMS: dict[str, pl.DataType] = {
    **dict.fromkeys(("item", "question", "answer"), _TEXT),
    "right": _TRUTH,
    "unread": _TRUTH,
    **FIGURES,
}
"""One row a trace; a column `by_FIELD` follows for each field of the items."""
CLAIMS: dict[str, pl.DataType] = dict.fromkeys(("item", "group", "unit", "claim", "importance"), _TEXT)
READINGS: dict[str, pl.DataType] = {
    **dict.fromkeys(("item", "group", "judge"), _TEXT),
    "sample": _COUNT,
    "failure": _TEXT,
}
EVIDENCE: dict[str, pl.DataType] = {
    **dict.fromkeys(("item", "group", "judge"), _TEXT),
    "sample": _COUNT,
    **dict.fromkeys(("unit", "evidence"), _TEXT),
}
_READING = ["item", "group", "judge", "sample"]
UNITS: dict[str, pl.DataType] = {
    **{name: dtype for name, dtype in READINGS.items() if name != "failure"},
    **dict.fromkeys(("unit", "claim", "importance"), _TEXT),
    **dict.fromkeys(("presence", "correctness", "consistency"), _COUNT),
    "grounded": _TRUTH,
    **dict.fromkeys(("mode", "evidence", "failure"), _TEXT),
}
"""One row a unit of a judgment that counts."""
CASE_JUDGMENTS: dict[str, pl.DataType] = {
    **READINGS,
    "status": _TEXT,
    **TOOK,
}
"""One row a judgment that counts."""


def case_row(case: Case) -> Row:
    """Return what the table of items holds of a case beside its figures; `answer` is a letter, or as it was stated."""
    item, trace = case.item, case.trace
    return {
        "item": item.id,
        "question": item.question,
        "answer": "".join(chosen_options(trace, item)) or trace.answer,
        **field_columns(item.subgroup),
    }


def scored_rows(known: Sequence[Row], items: pl.DataFrame) -> Iterator[Row]:
    """Yield rows of `case_row` with their figures.

    Args:
        known: rows of `case_row`.
        items: rows of `Scores.items`.
    """
    ids = pl.DataFrame({"item": [row["item"] for row in known]}, schema={"item": pl.String})
    figures = items.select("item", "unread", *FIGURES, right=pl.col("answer_accuracy") == 1)
    joined = ids.join(figures, on="item", how="left", maintain_order="left")
    for row, own in zip(known, joined.iter_rows(named=True), strict=True):
        yield row | own


def claim_rows(case: Case) -> Iterator[tuple[str, ...]]:
    """Yield what the checklist says of each unit; columns of `CLAIMS`."""
    for group, units in case.item.checklist.items():
        for unit in units:
            yield case.item.id, group.value, unit.id, unit.claim, unit.importance


def unit_rows(judgments: Iterable[Judgment], units: pl.DataFrame, claims: pl.DataFrame) -> Iterator[Row]:
    """Yield a row for each unit of each judgment, those of failures too.

    Args:
        judgments: those that count, a block of them.
        units: rows of `Scores.units`, its enumerations as text.
        claims: rows of `CLAIMS`.
    """
    readings, quotes = [], []
    for judgment in judgments:
        reading = (judgment.item, judgment.group, judgment.judge, judgment.sample)
        readings.append((*reading, _failure(judgment)))
        quotes += [(*reading, unit, quote) for unit, quote in quoted(judgment).items()]
    asked = pl.DataFrame(readings, schema=READINGS, orient="row")
    evidence = pl.DataFrame(quotes, schema=EVIDENCE, orient="row")
    rows = (
        asked.join(units, on=_READING, maintain_order="left_right")
        .join(claims, on=["item", "group", "unit"], how="left", maintain_order="left")
        .join(evidence, on=[*_READING, "unit"], how="left", maintain_order="left")
    )
    yield from rows.select(list(UNITS)).iter_rows(named=True)


def score_judgment_row(journey: Journey, prices: Mapping[str, Price]) -> Row:
    """Return the row of a judgment in the table of judgments."""
    judgment = journey.judgment
    said: dict[str, Any] = {
        "group": judgment.group.value if judgment.group else None,
        "status": judgment.result.__struct_config__.tag,
        "failure": _failure(judgment),
    }
    return request_row(journey, prices) | said


def _failure(judgment: Judgment) -> str | None:
    return judgment.result.failure.value if isinstance(judgment.result, Failed) else None
