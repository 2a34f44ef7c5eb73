"""Read a chat's messages: text and thinking, in whichever fields and parts a server puts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from judge.convert.values import Record, objects_at, text_at
from judge.files.fields import RecordFields, as_text, wrong_type
from judge.prompting.trace_parts import join_output

_THINKING = ("reasoning_content", "reasoning", "thinking")
"""fields of a message that hold its thinking: of DeepSeek, SGLang and vLLM; newer vLLM and OpenRouter; Ollama"""
_TEXTS = {"text": "text", "output_text": "text", "input_text": "text"}
_THOUGHTS = {"reasoning": "reasoning", "thinking": "thinking", "reasoning.text": "text", "reasoning_text": "text"}
"""types of parts, and the field that holds the text"""
_IMAGES = ("image", "image_url", "input_image")
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


def has_images(content: object) -> bool:
    """Say whether some part of a content is an image."""
    return any(part.get("type") in _IMAGES or "image_url" in part for part in content_blocks(content))


def asked(messages: Sequence[Record]) -> str:
    """Return what users said in messages, without the last answer."""
    said = [message_parts(one).text for one in messages if one.get("role", one.get("from")) in ("user", "human")]
    return "\n\n".join(filter(None, said))


def last_answer(messages: Sequence[Record]) -> Record | None:
    """Return the last message, where it is a model's."""
    return messages[-1] if messages and messages[-1].get("role") == "assistant" else None


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


def is_limit(reason: object) -> bool:
    """Say whether an output ended because it reached the limit of its length."""
    if isinstance(reason, Mapping):  # SGLang
        reason = reason.get("type")
    return isinstance(reason, str) and reason.casefold() in _LIMITS


def is_cut(fields: RecordFields) -> bool:
    """Say whether a record tells that its output was cut at the limit of its length."""
    source = fields.look("source")
    told: list[Any] = [fields.look("finish_reason"), fields.look("stop_reason")]
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
        value = block.get(name)
        if value is not None and not isinstance(value, str):
            value = _joined(content_blocks(value), {**_TEXTS, "summary_text": "text"})
        texts.append(value or "")
    return "\n\n".join(filter(None, texts))
