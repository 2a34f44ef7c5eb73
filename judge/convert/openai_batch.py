"""Output and error files of OpenAI's Batch API and of vLLM's `run-batch`: chat completions and responses."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.messages import choice_row
from judge.convert.output import Cut, NoTrace, Row
from judge.convert.values import Record, object_at, objects_at, optional_text, present, record_id, texts_in
from judge.files.fields import RecordProblem

_OK = 200


def is_openai_batch(record: Record) -> bool:
    """Return whether a record is one request's line."""
    return "custom_id" in record and "result" not in record and ("response" in record or "error" in record)


def read_openai_batch(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each choice, or one that says why there is none."""
    id_ = record_id(record, id_path or "custom_id")
    response = object_at(record, "response")
    body = object_at(response, "body")
    error = object_at(record, "error") or object_at(body, "error")
    if error or response.get("status_code") != _OK:
        yield _failure(id_, error or body, response.get("status_code"))
    elif "choices" in body:
        model, usage = optional_text(body, "model"), body.get("usage")
        yield from (choice_row(id_, choice, model=model, usage=usage) for choice in objects_at(body, "choices"))
    elif "output" in body:
        yield _from_response(id_, body)
    else:
        raise RecordProblem("no chat completion and no response", "the body has neither choices nor output")


def _failure(id_: str, error: Record, status: object) -> Row:
    code, message = error.get("code"), optional_text(error, "message")
    return Row(
        id=id_,
        no_trace=NoTrace.FILTERED if code == "content_filter" else NoTrace.ERROR,
        detail=": ".join(str(word) for word in (code, message) if word) or f"status {status}",
    )


def _from_response(id_: str, body: Record) -> Row:
    outputs = objects_at(body, "output")
    parts = [part for one in outputs if one.get("type") == "message" for part in objects_at(one, "content")]
    thoughts = [_thought(one) for one in outputs if one.get("type") == "reasoning"]
    refusal = texts_in(parts, "refusal", "refusal")
    why = object_at(body, "incomplete_details").get("reason")
    failed = body.get("status") in ("failed", "cancelled")
    return Row(
        id=id_,
        text=texts_in(parts, "output_text", "text"),
        reasoning="\n\n".join(filter(None, thoughts)),
        model=optional_text(body, "model"),
        no_trace=NoTrace.ERROR
        if failed
        else NoTrace.REFUSED
        if refusal
        else NoTrace.FILTERED
        if why == "content_filter"
        else None,
        detail=refusal,
        cut=Cut.LIMIT if why == "max_output_tokens" else None,
        source=present(status=body.get("status"), usage=body.get("usage")),
    )


def _thought(output: Record) -> str:
    """Return the reasoning itself where the server shows it, and its summary otherwise."""
    whole = texts_in(objects_at(output, "content"), "reasoning_text", "text")
    return whole or texts_in(objects_at(output, "summary"), "summary_text", "text")
