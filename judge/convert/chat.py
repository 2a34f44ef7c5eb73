"""Plain chat completions of any OpenAI-like server, and conversations: `messages`, or ShareGPT's `conversations`."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.messages import (
    as_messages,
    asked,
    choice_row,
    image_fields,
    images_in,
    is_limit,
    message_parts,
    named_images,
)
from judge.convert.output import Cut, Row
from judge.convert.values import Record, answer_at, id_or_row, object_at, objects_at, optional_text, present
from judge.files.fields import FIELDS, RecordProblem


def is_chat(record: Record) -> bool:
    """Return whether a record is a completion, holds one as its response, or is a conversation that a model ends."""
    if _completion(record) is not None:
        return "custom_id" not in record
    messages = as_messages(record)
    return bool(messages) and messages[-1].get("role") == "assistant"


def read_chat(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each choice, or the last message; a completion's own id says nothing of the item."""
    completion = _completion(record)
    ids = ("id", "question_id", "qid", "item_id") if completion is not record else ()
    id_ = id_or_row(record, id_path, *ids)
    messages = as_messages(record)
    item = _item(record, messages)
    if completion is not None:
        for choice in objects_at(completion, "choices"):
            yield choice_row(
                id_, choice, model=optional_text(completion, "model"), fields=item, usage=completion.get("usage")
            )
        return
    if not messages:
        raise RecordProblem("no completion and no messages", "the file may be of another format; see --format")
    parts, ended = message_parts(messages[-1]), record.get("finish_reason")
    yield Row(
        id=id_,
        text=parts.text,
        reasoning=parts.reasoning,
        model=next((name for key in FIELDS["model"] if (name := optional_text(record, key))), None),
        cut=Cut.LIMIT if is_limit(ended) else None,
        fields=item,
    )


def _completion(record: Record) -> Record | None:
    """Return the completion that a record is, or holds as its response."""
    for one in (record, record.get("response"), record.get("completion")):
        if isinstance(one, dict) and isinstance(one.get("choices"), list) and one["choices"]:
            choice = one["choices"][0]
            if isinstance(choice, dict) and isinstance(choice.get("message"), dict):
                return one
    return None


def _item(record: Record, messages: list[Record]) -> dict[str, object]:
    answer = next((found for key in FIELDS["answer"] if (found := answer_at(record.get(key))) is not None), None)
    question = asked(messages[:-1] if messages and messages[-1].get("role") == "assistant" else messages)
    if not question:
        question = asked(as_messages(object_at(record, "request"))) if isinstance(record.get("request"), dict) else ""
    images = images_in(messages) or named_images(record.get("images") or record.get("image"))
    return present(question=question, answer=answer) | image_fields(images)
