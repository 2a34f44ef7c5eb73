"""Logs of inspect as JSON: `inspect log dump`, or `--log-format json`; `.eval` archives come as one log a sample."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from judge.convert.messages import asked, image_fields, images_in, is_limit, message_parts
from judge.convert.output import Cut, NoTrace, Row
from judge.convert.values import (
    Record,
    answer_at,
    object_at,
    objects_at,
    optional_text,
    options_at,
    present,
    record_id,
    text_at,
)
from judge.files.fields import RecordProblem

_ATTACHMENT = re.compile(r"attachment://([0-9A-Za-z]+)")


def is_inspect_log(record: Record) -> bool:
    """Return whether a record is a whole log."""
    return isinstance(record.get("eval"), dict) and ("samples" in record or "status" in record)


def read_inspect_log(log: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each sample and epoch."""
    samples = objects_at(log, "samples")
    if not samples:
        raise RecordProblem("a log without samples", "dump the whole log: inspect log dump FILE > log.json")
    model = optional_text(object_at(log, "eval"), "model")
    for sample in samples:
        yield _row(_with_attachments(sample), id_path, model)


def _row(sample: Record, id_path: str | None, model: str | None) -> Row:
    output, error = object_at(sample, "output"), object_at(sample, "error")
    choice: Record = next(iter(objects_at(output, "choices")), {})
    stop = choice.get("stop_reason")
    text, reasoning = message_parts(object_at(choice, "message"))
    failed = error or output.get("error")
    return Row(
        id=record_id(sample, id_path or "id"),
        text=text or text_at(output, "completion"),
        reasoning=reasoning,
        model=model,
        no_trace=NoTrace.ERROR if failed else NoTrace.FILTERED if stop == "content_filter" else None,
        detail=text_at(error, "message") or str(output.get("error") or ""),
        cut=Cut.LIMIT if is_limit(stop) or sample.get("limit") else None,
        fields=_item(sample),
        source=present(epoch=sample.get("epoch"), stop_reason=stop),
    )


def _item(sample: Record) -> dict[str, Any]:
    choices, target, given = sample.get("choices"), sample.get("target"), sample.get("input")
    messages = objects_at(sample, "input") if isinstance(given, list) else []
    return image_fields(images_in(messages)) | present(
        question=asked(messages) if messages else text_at(sample, "input"),
        options=options_at(choices),
        answer=answer_at(target),
    )


def _with_attachments(sample: Record) -> Record:
    """Resolve attachments: long texts that the log stores apart."""
    kept = object_at(sample, "attachments")
    if not kept:
        return sample
    return {name: _filled(value, kept) for name, value in sample.items() if name != "attachments"}


def _filled(value: Any, kept: Record) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case str():
            return _ATTACHMENT.sub(lambda found: str(kept.get(found[1], found[0])), value)
        case list():
            return [_filled(one, kept) for one in value]
        case dict():
            return {name: _filled(one, kept) for name, one in value.items()}
        case _:
            return value
