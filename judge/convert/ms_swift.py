"""Results of ms-swift's `swift infer` (3.0 on): one JSON object a line, without ids."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.messages import asked, image_fields, images_in, named_images
from judge.convert.output import Row
from judge.convert.values import Record, answer_at, id_or_row, objects_at, optional_text, present, text_at


def is_ms_swift(record: Record) -> bool:
    """Return whether a record is one result: a response beside its messages and labels or probabilities."""
    return {"response", "messages"} <= record.keys() and bool({"labels", "logprobs"} & record.keys())


def read_ms_swift(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the record's only output."""
    messages = objects_at(record, "messages")
    images = named_images(record.get("images")) or images_in(messages)
    answer = answer_at(record.get("labels") or record.get("solution"))
    yield Row(
        id=id_or_row(record, id_path),
        text=text_at(record, "response"),
        model=optional_text(record, "model"),
        fields=present(question=asked(messages), answer=answer) | image_fields(images),
    )
