"""Whether what a server sent is a reply: its body, the errors within, its stop reason, and whether it fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import convert
from msgspec.structs import replace

from judge.errors import OmrJudgeError, RetryableError, StopRunError
from judge.files.secrets import REDACTED
from judge.judges.provider_errors import clean, error_line, find_error, part, read_json, redact, status_error
from judge.schema import FailureKind, Reply, Request, Usage

SHOWN_CHARS = 200
"""of a body that cannot be used"""
MOST_TOKENS = 2**53
CHARS_A_TOKEN = 6
"""most characters that a token stands for: English text has 4 to 5"""
SAME_COUNT = 3
"""prompts of different lengths that count as equally long, and longest of all, before a limit is seen in it"""
DIFFERENT = 1.5
"""ratio of such lengths"""
CONTEXT_UNIT, CONTEXT_SLACK = 1024, 2
"""contexts are multiples of this many tokens, and Ollama keeps two more than the half of one"""
OTHER_IDS = 3
"""that have come for one item each, before an id that comes again is taken for a cache's"""
MOST_KEPT = 10_000
"""replies whose ids are remembered"""
_CUT = re.compile(
    r"""(?ix) (?P<truncated> length | max_(?:output_)?tokens )
    | (?P<refused> refusal )
    | (?P<too_long> model_(?:context_window_exceeded|length) | context_length_exceeded )
    | (?P<filtered> content_filter.* | safety | sensitive | prohibited_content | blocklist | recitation | spii )"""
)
_HIT = re.compile("hit|true", re.IGNORECASE)
_RUNS = re.compile(r"(.)\1{2,}", re.DOTALL)


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
        raise RetryableError(FailureKind.TRANSPORT, "not a reply: the body is empty", maybe_paid=True)
    record = None
    try:
        record = _parsed(content)
        _refuse_error(record, key=key, headers=headers)
        name = record.get("id")
        return read(record, headers), name if isinstance(name, str) else ""
    except OmrJudgeError:
        raise
    except Exception as error:  # noqa: BLE001 - what a server sends instead of a reply breaks reading in many ways
        why = str(error) if isinstance(error, UnusableReplyError) else f"not a reply: {error_line(error, key=key)}"
        return _unusable(record, content, redact(why), key=key), ""


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - JSON can be anything
    try:
        return read_json(content)
    except ValueError:
        stream = content.lstrip().startswith((b"data:", b"event:", b":"))
        kind = "a stream of events that nobody asked for" if stream else "not JSON"
        raise UnusableReplyError(f"not a reply: the body is {kind}") from None


def _refuse_error(record: object, *, key: str, headers: Mapping[str, str]) -> None:
    """Raise the error that a body holds, whatever stands beside it."""
    found = find_error(record)
    if found is None:
        return
    words = redact(found.words.replace(key, REDACTED)) or found.code
    if not (isinstance(record, dict) and record.get("choices")):
        raised = status_error(
            found.status or 500, code=found.code, message=f"with status 200: {words}", headers=headers
        )
        raised.maybe_paid = True
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


class SentReplies:
    """What a server has answered so far, to see whether it reads whole prompts and answers each of them anew.

    Counts and ids are evidence only once they differ: one usage for all replies says nothing of any prompt, and one id
    for all replies nothing of a cache. A context's size and a header that tells of a cache are evidence by themselves.
    """

    def __init__(self) -> None:
        self._usage: tuple[int, int] | None = None
        self._counts = False
        self._lengths: dict[int, set[int]] = {}
        self._longest = 0
        self._replies: dict[str, tuple[str, str, str]] = {}
        self._of_many: set[str] = set()

    def check(self, reply: Reply, request: Request, *, reply_id: str, headers: Mapping[str, str]) -> Reply:
        """Return a reply as a failure where it answers another prompt than that of its request.

        Args:
            reply: as it was read.
            request: what was asked.
            reply_id: the server's name of the reply; may be empty.
            headers: the reply's.
        """
        if reply.cut is None and (cut := self._cut_prompt(reply.usage, request)):
            return replace(reply, cut=FailureKind.TOO_LONG, problem=cut)
        if reply.cut is None and reply.text and reply_id and self._is_from_cache(reply, request, reply_id, headers):
            words = f"the server sent its reply {reply_id!r:.60} to another prompt again: switch its cache off"
            return replace(reply, cut=FailureKind.UNUSABLE, problem=redact(words))
        return reply

    def _cut_prompt(self, usage: Usage, request: Request) -> str:
        """Say that a server counted fewer tokens than the prompt can have, and what helps; nothing where it did not.

        A server that tells one usage for all replies, output included, does not count: real replies differ in length.
        Only a context's size is taken for what was read even then.
        """
        tokens, prompt = usage.input, request.prompt
        if not tokens:
            return ""
        self._usage = self._usage or (tokens, usage.output)
        self._counts = self._counts or self._usage != (tokens, usage.output)
        few = tokens * CHARS_A_TOKEN < prompt.n_chars
        if few:
            # A token may stand for a long run of one character, such as a line of dashes.
            told = sum(len(_RUNS.sub(r"\1\1", text)) for text in (prompt.system, prompt.shared, prompt.traces))
            few = tokens * CHARS_A_TOKEN < told
        elif not prompt.images and request.correction is None:
            few = self._is_limit(tokens, prompt.n_chars)
        if not few or not (self._counts or tokens % CONTEXT_UNIT <= CONTEXT_SLACK):
            return ""
        return (
            f"the server counts {tokens:,} tokens of a prompt of {prompt.n_chars:,} characters: it cuts long prompts; "
            "give it a larger context (Ollama: OLLAMA_CONTEXT_LENGTH; vLLM: --max-model-len; llama.cpp: -c)"
        )

    def _is_limit(self, tokens: int, chars: int) -> bool:
        """Tell whether the largest count so far came for prompts of very different length, this not the shortest."""
        self._longest = max(self._longest, tokens)
        same = self._lengths.setdefault(tokens, set())
        same.add(chars)
        if len(same) > SAME_COUNT:
            same.remove(sorted(same)[1])  # the shortest and the longest tell
        limited = tokens == self._longest and len(same) >= SAME_COUNT and max(same) >= DIFFERENT * min(same)
        return limited and chars > min(same)

    def _is_from_cache(self, reply: Reply, request: Request, reply_id: str, headers: Mapping[str, str]) -> bool:
        """Tell whether this very id and text came before, to the item's other request: a cache takes the two for one.

        Ids tell replies apart only where each came for one item, unless the server says that it has a cache: one that
        was restarted may number its replies anew.
        """
        item, key, text = self._replies.setdefault(reply_id, (request.item, request.key, reply.text))
        if item != request.item:
            self._of_many.add(reply_id)
        if len(self._replies) > MOST_KEPT:
            oldest = next(iter(self._replies))
            del self._replies[oldest]
            self._of_many.discard(oldest)
        if item != request.item or key == request.key or text != reply.text:
            return False
        others = self._replies.keys() - {reply_id}
        return (not self._of_many and len(others) >= OTHER_IDS) or any(
            "cache" in name and _HIT.match(headers[name]) for name in headers
        )


def texts_of(parts: object) -> tuple[str, str]:
    """Return the text of a message's content, and the thinking within it; UnusableReplyError for an unknown form."""
    if parts is None or isinstance(parts, str):
        return parts or "", ""
    if not isinstance(parts, list):
        raise UnusableReplyError("the content is neither text nor a list of parts")
    text, thinking = [], []
    for one in parts:
        kind = one.get("type") if isinstance(one, dict) else None
        if kind in {"text", "output_text"} and isinstance(one.get("text"), str):
            text.append(one["text"])
        elif kind in {"thinking", "reasoning", "redacted_thinking"}:
            said = one.get("thinking") or one.get("reasoning") or one.get("text") or ""
            thinking.append(said if isinstance(said, str) else texts_of(said)[0])
        else:
            raise UnusableReplyError(f"the content has a part of another kind: {str(kind)[:40]}")
    return "".join(text), "".join(thinking)
