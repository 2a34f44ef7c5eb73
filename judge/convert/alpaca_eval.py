"""Outputs of alpaca_eval: a list of instruction, output and generator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from judge.convert.output import Row
from judge.convert.values import Record, optional_text, present, record_id, text_at
from judge.files.fields import RecordProblem


def is_alpaca_eval(record: Record) -> bool:
    """Return whether a record is one model's output, or a judgment of two."""
    names = record.keys()
    return "instruction" in names and ({"output", "generator"} <= names or {"output_1", "output_2"} <= names)


def instruction_id(instruction: str) -> str:
    """Return the id of an item by a hash of its instruction, since the format has none."""
    return hashlib.sha256(instruction.encode()).hexdigest()[:16]


def read_alpaca_eval(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the record's only output, under the id of its instruction."""
    if "output" not in record:
        raise RecordProblem("a judgment of two outputs, no output", "give the file of one model's outputs")
    instruction = text_at(record, "instruction")
    yield Row(
        id=record_id(record, id_path) if id_path else instruction_id(instruction),
        text=text_at(record, "output"),
        model=optional_text(record, "generator"),
        fields=present(question=instruction),
        source=present(dataset=record.get("dataset")),
    )
