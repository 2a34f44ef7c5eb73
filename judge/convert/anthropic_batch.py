"""Results of Anthropic's Message Batches API, one a line."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.output import Cut, NoTrace, Row
from judge.convert.values import Record, object_at, objects_at, optional_text, present, record_id, texts_in
from judge.files.fields import RecordProblem

_WITHOUT_MESSAGE = ("errored", "canceled", "expired")


def is_anthropic_batch(record: Record) -> bool:
    """Return whether a record is one request's result."""
    return "custom_id" in record and isinstance(record.get("result"), dict)


def read_anthropic_batch(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield the request's only output."""
    id_ = record_id(record, id_path or "custom_id")
    result = object_at(record, "result")
    kind = result.get("type")
    if kind in _WITHOUT_MESSAGE:
        yield Row(id=id_, no_trace=NoTrace.ERROR, detail=_words(str(kind), result))
    elif kind == "succeeded":
        yield _from_message(id_, object_at(result, "message"))
    else:
        raise RecordProblem("a result of unknown type", f"known: succeeded, {', '.join(_WITHOUT_MESSAGE)}")


def _from_message(id_: str, message: Record) -> Row:
    blocks, stop = objects_at(message, "content"), message.get("stop_reason")
    return Row(
        id=id_,
        text=texts_in(blocks, "text", "text"),
        reasoning=texts_in(blocks, "thinking", "thinking"),
        model=optional_text(message, "model"),
        no_trace=NoTrace.REFUSED if stop == "refusal" else None,
        cut=Cut.LIMIT if stop in ("max_tokens", "model_context_window_exceeded") else None,
        source=present(stop_reason=stop, usage=message.get("usage")),
    )


def _words(kind: str, result: Record) -> str:
    error = object_at(result, "error")
    inner = object_at(error, "error") or error
    words = (optional_text(inner, name) for name in ("type", "message"))
    return ": ".join([kind, *(word for word in words if word)])
