"""Predictions of VLMEvalKit: `<model>_<dataset>.xlsx`, `.tsv`, `.json` or `.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from string import ascii_uppercase
from typing import Any

from judge.convert.messages import image_fields, named_images
from judge.convert.output import Cut, NoTrace, Row
from judge.convert.values import Record, present, record_id, text_at
from judge.files.fields import RecordProblem, as_label, show
from judge.files.option_fields import parsed_text

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
            **_images(record),
        ),
        source=present(category=_cell(record, "category"), split=_cell(record, "split")),
    )


def _images(record: Record) -> dict[str, Any]:
    """Return the images of a row: base64, or paths; one or a list as Python writes it."""
    held, paths = _listed(record, "image"), _listed(record, "image_path")
    if held and not paths and all(PurePath(one).suffix and len(one) < SHORTEST_IMAGE for one in held):
        held, paths = [], held
    short = [one for one in held if len(one) < SHORTEST_IMAGE]
    if short and not paths:
        raise RecordProblem(
            f"image: {show(short[0])} names another row, whose image would be left out",
            "write that row's image here too, or leave the column out and give the images with --items",
        )
    return image_fields(paths) if short else {"image_base64": held} if held else image_fields(paths)


def _listed(record: Record, name: str) -> list[str]:
    value = record.get(name)
    listed = value if isinstance(value, list) else parsed_text(cell := _cell(record, name))
    return named_images(listed if isinstance(listed, list) else cell or None)


def _cell(record: Record, name: str) -> str:
    """Return a cell as text: tables make numbers of what looks like one."""
    return text_at(record, name, as_label)
