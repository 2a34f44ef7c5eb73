"""Whether what a server sent is a reply: its body, the errors within, and its stop reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import convert
from msgspec.structs import replace

from judge.errors import OmrJudgeError, RetryableError, StopRunError
from judge.files.secrets import FEWEST_CHARS, REDACTED
from judge.judges.provider_errors import clean, error_line, find_error, part, read_json, redact, status_error
from judge.schema import FailureKind, Reply, Usage

SHOWN_CHARS = 200
"""of a body that cannot be used"""
MOST_TOKENS = 2**53
_OTHER_ROLES = {"user", "system", "developer", "tool", "function"}
_ONCE = (b'"choices"', b'"message"', b'"content"', b'"finish_reason"', b'"stop_reason"')
"""fields of a body that decide what it says"""
_CUT = re.compile(
    r"""(?ix) (?P<truncated> length | max_(?:output_)?tokens )
    | (?P<refused> refusal )
    | (?P<too_long> model_(?:context_window_exceeded|length) | context_length_exceeded )
    | (?P<filtered> content[-_]?filter.* | guardrail.* | safety | sensitive | prohibited_content | blocklist
      | recitation | spii )"""
)


class UnusableReplyError(ValueError):
    """A body that came and is no whole reply; its text says why."""


def cut_by(stop: object, whole: Sequence[str | None]) -> FailureKind | None:
    """Return why a reply with this stop reason is not whole; None where it is.

    Args:
        stop: the server's word.
        whole: the reasons with which whole replies end, in lower case.
    """
    if stop is not None and not isinstance(stop, str):
        raise UnusableReplyError("the stop reason is no word")
    if (stop if stop is None else stop.lower()) in whole:
        return None
    known = _CUT.fullmatch(stop or "")
    return FailureKind(known.lastgroup) if known and known.lastgroup else FailureKind.UNUSABLE


def native_cut(stop: object) -> FailureKind | None:
    """Return why a reply is not whole by the word of the server behind a gateway; None where it says nothing known."""
    known = _CUT.fullmatch(stop) if isinstance(stop, str) else None
    return FailureKind(known.lastgroup) if known and known.lastgroup else None


def refuse_other_turn(message: Mapping[str, Any]) -> None:
    """Refuse a message that is no answer of the model, or that calls a tool which nobody offered."""
    if (role := message.get("role")) in _OTHER_ROLES:
        raise UnusableReplyError(f"the reply is a message of the {role}, not of the model")
    if message.get("tool_calls") or message.get("function_call"):
        raise UnusableReplyError("the reply calls a tool")


def made_reply(**fields: Any) -> Reply:  # noqa: ANN401 - what a server sent
    """Return a reply that can be recorded and read again; ValueError where a field is of another type."""
    return convert({name: clean(value) if isinstance(value, str) else value for name, value in fields.items()}, Reply)


def count(usage: Mapping[str, Any], name: str) -> int | None:
    """Return a number of tokens from a reply's usage; None where the server tells none that can be."""
    value = usage.get(name)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None  # True is no number here


def made_usage(
    inputs: int | None,
    output: int | None,
    *,
    cache_read: int | None = None,
    cache_write: int | None = None,
    reasoning: int | None = None,
) -> Usage:
    """Return what a reply was billed for: nothing where the server does not tell both sides."""
    if inputs is None or output is None:
        return Usage()
    return Usage(inputs, cache_read or 0, cache_write or 0, output, reasoning or 0)


def receive(
    content: bytes, headers: Mapping[str, str], *, key: str, read: Callable[[Any, Mapping[str, str]], Reply]
) -> tuple[Reply, str]:
    """Return what a body with the status of a success says, and the server's name of it, empty where it has none.

    Whatever came was paid for: a body that cannot be used is a reply too, cut as `unusable`.

    Args:
        content: the body.
        headers: the reply's, by names in lower case.
        key: the secret that no message may hold.
        read: returns what a parsed body says; any exception where it is no whole reply.

    Raises:
        ProviderError: the body is an error that has a status of its own, or there is none.
    """
    if not content.strip():
        words = "not a reply: the body is empty"
        raise RetryableError(FailureKind.TRANSPORT, words, maybe_paid=True, has_begun=True)
    try:
        record = _parsed(content)
    except (UnusableReplyError, RecursionError) as error:
        return _unusable(None, content, _why(error, key=key), key=key), ""
    return receive_record(record, content, headers, key=key, read=read)


def receive_record(
    record: Any,  # noqa: ANN401 - JSON can be anything
    content: bytes,
    headers: Mapping[str, str],
    *,
    key: str,
    read: Callable[[Any, Mapping[str, str]], Reply],
) -> tuple[Reply, str]:
    """Return the same of a body that is parsed already: that of a direct call, or one of a batch's results."""
    try:
        _refuse_error(record, key=key, headers=headers)
        name, reply = record.get("id"), read(record, headers)
        if reply.text and not reply.usage.output and not reply.letters:
            reply = replace(reply, usage=Usage())  # a text of no tokens was not counted
        if len(key) >= FEWEST_CHARS and key in reply.text + reply.reasoning:
            shown = {field: getattr(reply, field).replace(key, REDACTED) for field in ("text", "reasoning")}
            reply = replace(reply, **shown)  # some gateways echo what they are sent
        return reply, name if isinstance(name, str) else ""
    except OmrJudgeError:
        raise
    except Exception as error:  # noqa: BLE001 - what a server sends instead of a reply breaks reading in many ways
        return _unusable(record, content, _why(error, key=key), key=key), ""


def _why(error: Exception, *, key: str) -> str:
    """Say why a body cannot be used."""
    return redact(str(error) if isinstance(error, UnusableReplyError) else f"not a reply: {error_line(error, key=key)}")


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - JSON can be anything
    if any(content.count(name) > 1 for name in _ONCE):
        with suppress(json.JSONDecodeError, UnicodeDecodeError):
            json.loads(content, object_pairs_hook=_refuse_twice)
    try:
        return read_json(content)
    except ValueError:
        stream = content.lstrip().startswith((b"data:", b"event:", b":"))
        kind = "a stream of events that nobody asked for" if stream else "not JSON"
        raise UnusableReplyError(f"not a reply: the body is {kind}") from None


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that has a field twice: parsers do not agree on which counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnusableReplyError("not a reply: the body has a field twice")
    return found


def _refuse_error(record: object, *, key: str, headers: Mapping[str, str]) -> None:
    """Raise the error that a body holds, whatever stands beside it; one that is no object is no reply either."""
    found = find_error(record)
    if found is None and not isinstance(record, dict):
        raise UnusableReplyError("not a reply: the body is no JSON object")
    if found is None:
        return
    words = redact(found.words.replace(key, REDACTED)) or found.code
    if not (isinstance(record, dict) and record.get("choices")):
        raised = status_error(
            found.status or 500, code=found.code, message=f"with status 200: {words}", headers=headers
        )
        raised.maybe_paid = True
        if isinstance(raised, RetryableError):
            raised.has_begun = True
        if found.status or isinstance(raised, StopRunError):
            raise raised
    raise UnusableReplyError(f"an error within the reply: {words}")


def _unusable(record: object, content: bytes, problem: str, *, key: str) -> Reply:
    """Return the record of a body that was paid for and cannot be used, with its first characters."""
    body = content[: 4 * SHOWN_CHARS].decode(errors="replace").replace(key, REDACTED)
    usage = part(record, "usage")
    inputs = count(usage, "prompt_tokens" if "prompt_tokens" in usage else "input_tokens")
    outputs = count(usage, "completion_tokens" if "completion_tokens" in usage else "output_tokens")
    model = record.get("model") if isinstance(record, dict) else None
    return made_reply(
        text=redact(body)[:SHOWN_CHARS],
        cut=FailureKind.UNUSABLE,
        problem=problem,
        model=model if isinstance(model, str) else None,
        usage=made_usage(inputs, outputs),
    )


def texts_of(parts: object) -> tuple[str, str]:
    """Return the text of a message's content after its last thinking, and all before; UnusableReplyError for others."""
    if parts is None or isinstance(parts, str):
        return parts or "", ""
    if not isinstance(parts, list):
        raise UnusableReplyError("the content is neither text nor a list of parts")
    text, thinking = [], []
    for one in parts:
        kind = one.get("type") if isinstance(one, dict) else None
        if kind == "text" and one.get("thought") is True:
            kind = "thinking"  # Google's own form
        if kind in {"text", "output_text"} and isinstance(one.get("text"), str):
            text.append(one["text"])
        elif kind in {"thinking", "reasoning", "redacted_thinking"}:
            said = one.get("thinking") or one.get("reasoning") or one.get("text") or ""
            thinking += [*text, said if isinstance(said, str) else texts_of(said)[0]]
            text = []  # what is thought about again is not final
        else:
            raise UnusableReplyError(f"the content has a part of another kind: {str(kind)[:40]}")
    return "".join(text), "".join(thinking)
