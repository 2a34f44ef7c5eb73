"""Results of the Gemini API's batches (a key a line) and of batch prediction on Vertex AI (the request beside it)."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.messages import is_limit
from judge.convert.output import Cut, NoTrace, Row
from judge.convert.values import Record, id_or_row, object_at, objects_at, optional_text, present, text_at

_FILTERED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE"}


def is_gemini_batch(record: Record) -> bool:
    """Return whether a record is one request's result."""
    response = record.get("response")
    if not isinstance(response, dict):
        return "key" in record and isinstance(record.get("error"), dict)
    return "candidates" in response or "promptFeedback" in response


def read_gemini_batch(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each candidate, or one that says why there is none."""
    id_, response = id_or_row(record, id_path, "key"), object_at(record, "response")
    model = optional_text(response, "modelVersion") or optional_text(response, "model_version")
    item = present(question=_question(object_at(record, "request")))
    candidates = objects_at(response, "candidates")
    if not candidates:
        blocked = object_at(response, "promptFeedback").get("blockReason")
        detail = str(blocked or object_at(record, "error").get("message") or text_at(record, "status"))
        kind = NoTrace.FILTERED if blocked else NoTrace.ERROR
        yield Row(id=id_, model=model, no_trace=kind, detail=detail, fields=item)
    for candidate in candidates:
        parts = objects_at(object_at(candidate, "content"), "parts")
        ended = candidate.get("finishReason") or candidate.get("finish_reason")
        yield Row(
            id=id_,
            text=_texts(parts, thought=False),
            reasoning=_texts(parts, thought=True),
            model=model,
            no_trace=NoTrace.FILTERED if ended in _FILTERED else None,
            detail=str(ended) if ended in _FILTERED else "",
            cut=Cut.LIMIT if is_limit(ended) else None,
            fields=item,
            source=present(finish_reason=ended, usage=response.get("usageMetadata")),
        )


def _texts(parts: list[Record], *, thought: bool) -> str:
    return "".join(text_at(part, "text") for part in parts if bool(part.get("thought")) is thought)


def _question(request: Record) -> str:
    asked = [one for one in objects_at(request, "contents") if one.get("role", "user") == "user"]
    return "\n\n".join(_texts(objects_at(one, "parts"), thought=False) for one in asked)
