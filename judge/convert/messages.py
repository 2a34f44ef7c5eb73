"""Read a chat's messages: text and thinking, in whichever fields and parts a server puts them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from judge.convert.output import Cut, NoTrace, Row
from judge.convert.values import Record, object_at, objects_at, present, text_at
from judge.files.fields import FOLLOWS, THINKING, RecordFields, RecordProblem, as_text, wrong_type
from judge.prompting.trace_parts import holds_thinking, join_output, part_output

_THINKING = ("reasoning_content", "reasoning", "thinking")
"""fields of a message that hold its thinking: of DeepSeek, SGLang and vLLM; newer vLLM and OpenRouter; Ollama"""
_TEXTS = {"text": "text", "output_text": "text", "input_text": "text"}
_THOUGHTS = {"reasoning": "reasoning", "thinking": "thinking", "reasoning.text": "text", "reasoning_text": "text"}
"""types of parts, and the field that holds the text"""
_IMAGES = ("image", "image_url", "input_image")
_ROLES = {"human": "user", "gpt": "assistant"}
_LIMITS = {
    *("length", "max_tokens", "max_output_tokens", "max_length", "max_new_tokens", "model_length"),
    *("model_context_window_exceeded", "token_limit"),
}
"""why an output ended, as providers and servers call the limit of its length"""


class MessageParts(NamedTuple):
    """What a message holds."""

    text: str
    reasoning: str


def message_parts(message: Record) -> MessageParts:
    """Return a message's text and its thinking, or the summary where that is hidden; RecordProblem: other content."""
    content = message.get("content")
    blocks = content_blocks(content) if isinstance(content, list) else []
    text = _joined(blocks, _TEXTS) if isinstance(content, list) else text_at(message, "content")
    kept_apart = next((message[name] for name in _THINKING if isinstance(message.get(name), str)), "")
    details = message.get("reasoning_details")
    thoughts = kept_apart or _joined(blocks, _THOUGHTS)
    if not thoughts and isinstance(details, list):
        thoughts = _joined(content_blocks(details), _THOUGHTS)
    return MessageParts(text, thoughts)


def content_blocks(content: object) -> list[Record]:
    """Return the parts of a content as objects: a text may stand among them as it is."""
    if not isinstance(content, list):
        return []
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    return objects_at({"content": parts}, "content")


def asked(messages: Sequence[Record]) -> str:
    """Return what users said in messages."""
    said = [message_parts(one).text for one in messages if one.get("role") == "user"]
    return "\n\n".join(filter(None, said))


def as_messages(record: Record) -> list[Record]:
    """Return a record's conversation, which may be ShareGPT's; empty where it has none that can be read."""
    for name, role, said in (("messages", "role", "content"), ("conversations", "from", "value")):
        given = record.get(name)
        if (
            isinstance(given, list)
            and given
            and all(isinstance(one, Mapping) and isinstance(one.get(role), str) for one in given)
        ):
            return [{**one, "role": _ROLES.get(one[role], one[role]), "content": one.get(said)} for one in given]
    return []


def images_in(messages: Sequence[Record]) -> list[str]:
    """Return the images that stand in messages: paths, addresses, or data."""
    parts = [part for one in messages for part in content_blocks(one.get("content")) if part.get("type") in _IMAGES]
    given = [next((part[name] for name in (*_IMAGES, "url", "path") if part.get(name)), None) for part in parts]
    return named_images([one.get("url") if isinstance(one, Mapping) else one for one in given])


def named_images(value: object) -> list[str]:
    """Return images that a record names or holds: one or a list; texts, or objects of bytes and path.

    Raises:
        RecordProblem: an image is in another form, and would be left out.
    """
    found = []
    for one in value if isinstance(value, list) else [] if value is None else [value]:
        named = (one.get("bytes") or one.get("path") or one.get("url")) if isinstance(one, Mapping) else one
        if isinstance(named, bytes):
            named = f"data:;base64,{base64.b64encode(named).decode()}"
        if not isinstance(named, str):
            raise RecordProblem("an image that is neither named nor held", "give its path, its address or base64")
        found.append(named)
    return found


def image_fields(images: Sequence[str]) -> dict[str, Any]:
    """Return the fields of images: those that are named, and those whose bytes are there."""
    held = [one for one in images if one.startswith("data:")]
    return present(image=[one for one in images if one not in held], image_base64=held)


def choice_row(
    id_: str,
    choice: Record,
    *,
    model: str | None = None,
    fields: Mapping[str, Any] = MappingProxyType({}),
    usage: object = None,
) -> Row:
    """Return the row of one choice of a chat completion.

    Args:
        id_: the item's.
        choice: a message, and why it ended.
        model: as the completion names it.
        fields: of the item.
        usage: tokens that it took.
    """
    message = object_at(choice, "message") or {"content": choice.get("text")}  # the latter of plain completions
    ended = choice.get("finish_reason") or choice.get("stop_reason")
    refusal, parts = text_at(message, "refusal"), message_parts(message)
    return Row(
        id=id_,
        text=parts.text,
        reasoning=parts.reasoning,
        model=model,
        no_trace=NoTrace.REFUSED if refusal else NoTrace.FILTERED if ended == "content_filter" else None,
        detail=refusal,
        cut=Cut.LIMIT if is_limit(ended) else None,
        fields=dict(fields),
        source=present(finish_reason=ended, usage=usage),
    )


def as_output(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a model's output: a text, a message, or the parts of its content."""
    match value:
        case str():
            return as_text(value)
        case {"content": _} | {"reasoning_content": _}:
            parts = message_parts(value)
        case [{"type": _}, *_]:
            parts = message_parts({"content": value})
        case _:
            raise wrong_type("text", value)
    return as_text(join_output(parts.reasoning, parts.text))


def whole_output(fields: RecordFields) -> str:
    """Return a model's output; where thinking has a field of its own, with the text that followed it in another."""
    output = fields.require("trace", as_output) or ""
    if fields.places.get("trace") not in THINKING or part_output(output).final:
        return output
    after = next((name for name in FOLLOWS if isinstance(fields.look(name), str | list) and fields.look(name)), None)
    if after is None:
        # `reasoning` without any place for a final text is the whole trace, which states its answer at the end.
        whole = fields.places["trace"] == "reasoning" and not any(map(fields.has, FOLLOWS))
        return output if whole or "<answer>" in output or holds_thinking(output) else join_output(output, "")
    return join_output(output, fields.take(after, as_output) or "", cut=is_cut(fields))


def is_limit(reason: object) -> bool:
    """Say whether an output ended because it reached the limit of its length."""
    if isinstance(reason, Mapping):  # SGLang
        reason = reason.get("type")
    return isinstance(reason, str) and reason.casefold() in _LIMITS


def is_cut(fields: RecordFields) -> bool:
    """Say whether a record tells that its output was cut at the limit of its length."""
    source = fields.look("source")
    told: list[Any] = [fields.look(name) for name in ("finish_reason", "stop_reason", "done_reason")]
    if isinstance(source, Mapping):
        told += [source.get("finish_reason"), source.get("stop_reason")]
    return any(map(is_limit, told))


def _joined(blocks: Sequence[Record], types: Mapping[str, str]) -> str:
    """Join the texts of the parts of these types; a hidden thought is its summary."""
    texts = []
    for block in blocks:
        name = types.get(str(block.get("type")))
        if name is None:
            continue
        if block.get("redacted"):
            name = "summary"
        value = block.get(name, block.get("text"))
        if value is not None and not isinstance(value, str):
            value = _joined(content_blocks(value), {**_TEXTS, "summary_text": "text"})
        texts.append(value or "")
    return "\n\n".join(filter(None, texts))
