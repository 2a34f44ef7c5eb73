"""Annotations of AlpacaEval, as it publishes them: one record a pair, with the annotator's preference."""

from __future__ import annotations

from judge.convert.alpaca_eval import instruction_id
from judge.convert.values import Record, optional_text, text_at
from judge.files.fields import RecordProblem

_OUTPUTS = ("output_1", "output_2")


def is_annotation(record: Record) -> bool:
    """Return whether a record is an annotation of AlpacaEval."""
    return {"instruction", "preference", "generator_1", "generator_2"} <= record.keys()


def _named(record: Record, field: str) -> str:
    if not (name := text_at(record, field)):
        raise RecordProblem(f"{field}: no name", "an annotation names both generators")
    return name


def read_annotation(record: Record, index: int) -> Record:
    """Return an annotation as a line of imported verdicts.

    Model a is the one whose win rate the leaderboard gives, generator_2; which output the annotator was shown first is
    not published, so that output_1, the baseline's, stands in the first slot. RecordProblem where a text is lacking.

    Args:
        record: the annotation.
        index: its place in the file, from 0, by which AlpacaEval numbers instructions.
    """
    lengths = zip(("length_b", "length_a"), (record.get(name) for name in _OUTPUTS), strict=True)
    meta = {name: len(text) for name, text in lengths if isinstance(text, str)}
    dataset = optional_text(record, "dataset")
    return {
        "item": instruction_id(text_at(record, "instruction")),
        "order": "swapped",
        "judge": optional_text(record, "annotator") or "imported",
        "preference": record["preference"],
        "model_a": _named(record, "generator_2"),
        "model_b": _named(record, "generator_1"),
        "meta": meta | {"index": index} | ({"dataset": dataset} if dataset else {}),
    }
