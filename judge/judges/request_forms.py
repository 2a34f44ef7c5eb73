"""The forms in which a server takes a request: as it is set, or as it said in refusing another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from judge.judges.known_providers import NEW_LIMIT, OLD_LIMIT, PROVIDERS
from judge.schema import JudgeSpec, ReplyForm, RequestForm

TOOL = "judgment"
"""name of the function that a reply calls"""
Body = dict[str, Any]
_SET = {ReplyForm.OBJECT: RequestForm.OBJECT, ReplyForm.TEXT: RequestForm.TEXT, ReplyForm.TOOL: RequestForm.TOOL}
_NO = (
    r"(?:un(?:supported|recogni[sz]ed|known|expected|available)|not?[ _](?:be |yet |currently )?(?:support|permit|allow"
    r"|available|enabled|implement|accept)|n[o']t support|extra (?:inputs|fields)|invalid|must be|only the default)"
)


def _refused(name: str) -> re.Pattern[str]:
    """Return what matches words that refuse a field, in lower case."""
    return re.compile(rf"{_NO}.{{0,80}}{name}|{name}.{{0,80}}{_NO}", re.DOTALL)


_STRINGS = re.compile(
    r"(?:expected|be|not) a (?:valid )?str|valid string|type: sequence|str type expected|content.{0,40}not.{0,20}list"
)
_TOO_MUCH = re.compile(
    r"too (?:large|high|big)|maximum|at most|exceed|less than|valid range|context (?:length|window|size)|> \d"
)
_LIMITS = re.compile(
    r"max_(?:completion_|output_)?tokens|maxoutputtokens|in the completion|completion tokens|output tokens"
)


def set_forms(spec: JudgeSpec) -> frozenset[RequestForm]:
    """Return the forms that a judge's settings, or what is known of its provider, ask for."""
    settings, known = spec.settings, PROVIDERS.get(spec.provider)
    asked = {_SET.get(settings.reply), None if settings.system_role else RequestForm.NO_SYSTEM}
    if known is not None:
        asked |= {None if known.takes_lists else RequestForm.PLAIN}
        asked |= {RequestForm.NEW_LIMIT if known.limit == NEW_LIMIT else None}
    return frozenset(form for form in asked if form)


def chat_in_form(body: Body, forms: Collection[RequestForm]) -> Body:
    """Return the body of a chat completion in the forms that its server takes."""
    for form, change in _CHAT.items():
        if form in forms:
            change(body)
    return body


def messages_in_form(body: Body, forms: Collection[RequestForm]) -> Body:
    """Return the body of a call for Anthropic's messages in the forms that its server takes."""
    output = body["output_config"]
    if "format" in output and RequestForm.TOOL in forms:
        schema = output.pop("format")["schema"]
        body["tools"] = [{"name": TOOL, "description": "Give the judgment.", "input_schema": schema}]
        body["tool_choice"] = {"type": "tool", "name": TOOL}
    elif RequestForm.TEXT in forms:
        output.pop("format", None)
    if not output:
        del body["output_config"]
    first = body["messages"][0]["content"]
    if RequestForm.NO_SYSTEM in forms:
        _begin(first, body.pop("system"))
    if RequestForm.ANY_SIZE in forms:
        for part in first:
            part.pop("transformations", None)
    return body


def learn(words: str, body: Body, forms: Collection[RequestForm], *, chat: bool) -> RequestForm | None:
    """Return the form that a server takes instead of the one it refused; None where its words name none.

    Args:
        words: the server's.
        body: what it refused.
        forms: in which the body was made: what was learnt is not unlearnt.
        chat: whether it asks for a chat completion, and not for one of Anthropic's messages.
    """
    words = words.lower()
    asked = (body.get("response_format") or {}).get("type")
    roles = {message["role"] for message in body["messages"]}
    schema = r"(?:response_format|json_schema|structured.output|guided|output_config|output_format|grammar)"
    refusals: list[tuple[RequestForm, bool, re.Pattern[str]]] = [
        (RequestForm.NEW_LIMIT, chat and OLD_LIMIT in body, _refused(rf"\b{OLD_LIMIT}\b")),
        (RequestForm.OLD_LIMIT, NEW_LIMIT in body, _refused(rf"\b{NEW_LIMIT}\b")),
        (RequestForm.NO_TEMPERATURE, "temperature" in body, _refused("temperature")),
        (RequestForm.ANY_SIZE, not chat, _refused("transformations")),
        (RequestForm.PLAIN, chat and _has_lists(body), _STRINGS),
        (RequestForm.OBJECT, asked == "json_schema", _refused(schema)),
        (RequestForm.TEXT, asked == "json_object" or "format" in body.get("output_config", {}), _refused(schema)),
        (
            RequestForm.NO_SYSTEM,
            "system" in roles or "system" in body,
            _refused(r"(?:system (?:role|message|prompt|instruction)|\bsystem\b|developer instruction)"),
        ),
    ]
    if names_the_limit(words):
        return None
    return next((form for form, sent, said in refusals if sent and form not in forms and said.search(words)), None)


def names_the_limit(words: str) -> bool:
    """Tell whether a server says that the limit of output tokens is larger than it takes."""
    words = words.lower()
    return bool(_LIMITS.search(words) and _TOO_MUCH.search(words))


def called(completion: Any) -> Any:  # noqa: ANN401 - what a server sent
    """Return a chat completion whose one call of the function is its text, as where no function was asked for.

    Prose beside it goes; where that holds an object too, the completion is returned as it came, and is no verdict.
    """
    choice = completion["choices"][0]
    calls, said = choice["message"].get("tool_calls") or [], choice["message"].get("content")
    if len(calls) != 1 or calls[0]["function"]["name"] != TOOL or "{" in str(said):
        return completion
    stop = "stop" if choice.get("finish_reason") == "tool_calls" else choice.get("finish_reason")
    message = {**choice["message"], "content": calls[0]["function"]["arguments"], "tool_calls": None}
    return {**completion, "choices": [{**choice, "finish_reason": stop, "message": message}]}


def used(message: Any) -> Any:  # noqa: ANN401 - what a server sent
    """Return a message that ends in its one use of the function, as where none was asked for (prose: as above)."""
    *before, last = message["content"] or [{}]
    beside = any(block["type"] not in {"text", "thinking"} or "{" in block.get("text", "") for block in before)
    if beside or last.get("type") != "tool_use" or last["name"] != TOOL:
        return message
    stop = "end_turn" if message.get("stop_reason") == "tool_use" else message.get("stop_reason")
    return {**message, "stop_reason": stop, "content": [{"type": "text", "text": json.dumps(last["input"])}]}


def _has_lists(body: Body) -> bool:
    return any(isinstance(message["content"], list) and _is_text(message["content"]) for message in body["messages"])


def _is_text(content: list[Body]) -> bool:
    return all(part["type"] == "text" for part in content)


def _begin(content: list[Body], words: str) -> None:
    """Let the first text of a turn begin with more words."""
    part = next(part for part in content if part["type"] == "text")
    part["text"] = f"{words}\n\n{part['text']}"


def _fold_system(body: Body) -> None:
    system, first, *_ = body["messages"]
    _begin(first["content"], system["content"])
    del body["messages"][0]


def _as_text(body: Body) -> None:
    for message in body["messages"]:
        if isinstance(message["content"], list) and _is_text(message["content"]):
            message["content"] = "\n\n".join(part["text"] for part in message["content"])


def _as_object(body: Body) -> None:
    if "response_format" in body:
        body["response_format"] = {"type": "json_object"}


def _as_tool(body: Body) -> None:
    if "response_format" not in body:
        return
    function = body.pop("response_format")["json_schema"]
    body["tools"] = [{"type": "function", "function": {"name": TOOL, "parameters": function["schema"], "strict": True}}]
    body["tool_choice"] = {"type": "function", "function": {"name": TOOL}}


def _without(name: str) -> Callable[[Body], object]:
    return lambda body: body.pop(name, None)


def _renamed(old: str, new: str) -> Callable[[Body], None]:
    def rename(body: Body) -> None:
        if old in body:
            body[new] = body.pop(old)

    return rename


_CHAT: dict[RequestForm, Callable[[Body], object]] = {
    RequestForm.NO_SYSTEM: _fold_system,
    RequestForm.PLAIN: _as_text,
    RequestForm.TOOL: _as_tool,
    RequestForm.OBJECT: _as_object,
    RequestForm.TEXT: _without("response_format"),
    RequestForm.NEW_LIMIT: _renamed(OLD_LIMIT, NEW_LIMIT),
    RequestForm.OLD_LIMIT: _renamed(NEW_LIMIT, OLD_LIMIT),
    RequestForm.NO_TEMPERATURE: _without("temperature"),
}
"""in the order in which they are made"""
