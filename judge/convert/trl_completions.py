"""Completions that TRL's trainers log (`log_completions`, 0.16 on): `completions_00100.parquet`, with rewards."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.chat_templates import asked_in
from judge.convert.messages import asked, image_fields, message_parts, named_images
from judge.convert.output import Row
from judge.convert.values import Record, id_or_row, objects_at, present, text_at

_BESIDE = {"step", "advantage", "reward", "rewards", "score"}


def is_trl_completions(record: Record) -> bool:
    """Return whether a record is one completion."""
    return {"prompt", "completion"} <= record.keys() and bool(_BESIDE & record.keys())


def read_trl_completions(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the record's only output; prompt and completion are texts, or lists of messages."""
    prompt, completion = record.get("prompt"), record.get("completion")
    texts = [message_parts(one) for one in objects_at(record, "completion")] if isinstance(completion, list) else []
    yield Row(
        id=id_or_row(record, id_path),
        text="\n\n".join(one.text for one in texts) if texts else text_at(record, "completion"),
        reasoning="\n\n".join(one.reasoning for one in texts if one.reasoning),
        fields=present(
            question=asked(objects_at(record, "prompt"))
            if isinstance(prompt, list)
            else asked_in(text_at(record, "prompt"))
        )
        | image_fields(named_images(record.get("images") or record.get("image"))),
        source=present(step=record.get("step")),
    )
