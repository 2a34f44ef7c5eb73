"""Predictions of LLaMA-Factory (0.6 on): `generated_predictions.jsonl` of its trainer and `scripts/vllm_infer.py`."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.chat_templates import asked_in
from judge.convert.output import Row
from judge.convert.values import Record, answer_at, id_or_row, present, text_at


def is_llama_factory(record: Record) -> bool:
    """Return whether a record is one prediction."""
    return {"prompt", "predict", "label"} <= record.keys()


def read_llama_factory(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the record's only output; there is no id, and the prompt is in the model's own chat template."""
    yield Row(
        id=id_or_row(record, id_path),
        text=text_at(record, "predict"),
        fields=present(question=asked_in(text_at(record, "prompt")), answer=answer_at(record.get("label"))),
    )
