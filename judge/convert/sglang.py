"""Results of SGLang's own `/generate` and of its offline engine: a text beside `meta_info`."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.chat_templates import asked_in
from judge.convert.messages import is_limit
from judge.convert.output import Cut, Row
from judge.convert.values import Record, id_or_row, object_at, optional_text, present, text_at


def is_sglang(record: Record) -> bool:
    """Return whether a record is one result."""
    return isinstance(record.get("text"), str) and isinstance(record.get("meta_info"), dict)


def read_sglang(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the record's only output; the id in `meta_info` is the request's, not the item's."""
    ended = object_at(record, "meta_info").get("finish_reason")
    yield Row(
        id=id_or_row(record, id_path, "index"),
        text=text_at(record, "text"),
        model=optional_text(record, "model"),
        cut=Cut.LIMIT if is_limit(ended) else None,
        fields=present(question=asked_in(text_at(record, "prompt"))),
        source=present(finish_reason=ended),
    )
