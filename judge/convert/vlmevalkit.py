"""Predictions of VLMEvalKit: `<model>_<dataset>.xlsx`, `.tsv`, `.json` or `.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase

from judge.convert.output import Cut, NoTrace, Row
from judge.convert.values import Record, present, record_id, text_at
from judge.files.fields import as_label

EXCEL_CELL = 32_767
"""most characters of a cell; more are cut away when the sheet is written"""
SHORTEST_IMAGE = 64
"""characters of one in base64; fewer name the row that has it"""
_FAILED = "Failed to obtain answer"


def is_vlmevalkit(record: Record) -> bool:
    """Return whether a record is a row of a table of predictions."""
    return {"index", "prediction"} <= record.keys()


def read_vlmevalkit(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the row's only output."""
    id_ = record_id(record, id_path or "index")
    prediction, thinking = _cell(record, "prediction"), _cell(record, "thinking")
    failed = prediction.strip().startswith(_FAILED)
    yield Row(
        id=id_,
        text=prediction,
        reasoning=thinking,
        repeats=False,
        no_trace=NoTrace.ERROR if failed else None,
        detail=prediction if failed else "",
        cut=Cut.EXCEL if EXCEL_CELL in (len(prediction), len(thinking)) else None,
        fields=present(
            question=_cell(record, "question"),
            options={letter: text for letter in ascii_uppercase if (text := _cell(record, letter))},
            answer=_cell(record, "answer"),
            image_base64=image if len(image := _cell(record, "image")) >= SHORTEST_IMAGE else None,
        ),
        source=present(category=_cell(record, "category"), split=_cell(record, "split")),
    )


def _cell(record: Record, name: str) -> str:
    """Return a cell as text: tables make numbers of what looks like one."""
    return text_at(record, name, as_label)
