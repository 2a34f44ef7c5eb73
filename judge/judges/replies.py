"""Whether what a server sent is a reply: its body, the errors within, its stop reason, and whether it fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Self

from msgspec import convert
from msgspec.structs import replace

from judge.errors import OmrJudgeError, RetryableError, StopRunError
from judge.files.secrets import FEWEST_CHARS, REDACTED
from judge.judges.provider_errors import clean, error_line, find_error, part, read_json, redact, status_error
from judge.judges.served_models import ServedModels
from judge.schema import FailureKind, Prompt, Reply, Request, Usage

SHOWN_CHARS = 200
"""of a body that cannot be used"""
MOST_TOKENS = 2**53
CHARS_A_TOKEN = 6
"""most characters that a token stands for: English text has 4 to 5"""
SAME_COUNT = 3
"""prompts of different lengths that count as equally long, and longest of all, before a limit is seen in it"""
DIFFERENT = 1.5
"""ratio of such lengths"""
MANY_LENGTHS = 8
"""lengths of prompts of one count that are too many for chance: no tokenizer takes as many characters for a token"""
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
    | (?P<filtered> content[-_]?filter.* | guardrail.* | safety | sensitive | prohibited_content | blocklist
      | recitation | spii )"""
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
        if reply.text and not reply.usage.output:
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
    try:
        return read_json(content)
    except ValueError:
        stream = content.lstrip().startswith((b"data:", b"event:", b":"))
        kind = "a stream of events that nobody asked for" if stream else "not JSON"
        raise UnusableReplyError(f"not a reply: the body is {kind}") from None


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


class Sent(NamedTuple):
    """What of a request the checks of its reply need."""

    key: str
    item: str
    n_chars: int
    """of the prompt"""
    n_told: Callable[[], int]
    """of the prompt without its runs of one character: a token may stand for a line of dashes"""
    has_images: bool
    is_correction: bool
    """the prompt is followed by an earlier reply, and what was wrong with it"""
    asks_again: bool = True
    """whether a reply that fails is asked for once more"""

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return what of a direct call its reply's checks need."""
        prompt = request.prompt
        told = partial(told_chars, prompt)
        has_images, is_correction = bool(prompt.images), request.correction is not None
        return cls(request.key, request.item, prompt.n_chars, told, has_images, is_correction)


def _is_context(tokens: int) -> bool:
    """Tell whether a count is the size of a context."""
    return tokens >= CONTEXT_UNIT and tokens % CONTEXT_UNIT <= CONTEXT_SLACK


def told_chars(prompt: Prompt) -> int:
    """Count a prompt's characters without its runs of one."""
    return sum(len(_RUNS.sub(r"\1\1", text)) for text in (prompt.system, prompt.shared, prompt.traces))


class SentReplies:
    """What a server has answered so far, to see whether each reply is one of the model, and to the prompt, asked for.

    Counts, ids and names are evidence only once they differ: one usage for all replies says nothing of any prompt, one
    id for all of a cache, and one other name for all is an alias. A header that tells of a cache is evidence by itself.
    """

    def __init__(self, asked: str = "") -> None:
        self._models = ServedModels(asked)
        self._usage: tuple[int, int] | None = None
        self._counts = False
        self._lengths: dict[int, set[int]] = {}
        self._longest = 0
        self._limits: set[int] = set()
        """counts at which the server cuts prompts"""
        self._suspected: dict[str, int] = {}
        """by key: counts that may be such limits, where their requests are asked again with more words"""
        self._replies: dict[str, tuple[str, str, str]] = {}
        self._of_many: set[str] = set()

    def check(
        self, reply: Reply, sent: Sent, *, reply_id: str, headers: Mapping[str, str], allowed: Sequence[str] = ()
    ) -> Reply:
        """Return a reply as a failure where it is another model's, or answers another prompt than that of its request.

        Args:
            reply: as it was read.
            sent: what was asked.
            reply_id: the server's name of the reply; may be empty.
            headers: the reply's.
            allowed: names of models that are allowed beside that which was asked.
        """
        if reply.cut is not None:
            return reply
        if cut := self._cut_prompt(reply.usage, sent):
            return replace(reply, cut=FailureKind.TOO_LONG, problem=cut)
        if suspected := self._suspect(reply.usage.input, sent):
            return replace(reply, cut=FailureKind.UNPARSED, problem=suspected)
        if reply.text and reply_id and self._is_from_cache(reply, sent, reply_id, headers):
            words = f"the server sent its reply {reply_id!r:.60} to another prompt again: switch its cache off"
            return replace(reply, cut=FailureKind.UNUSABLE, problem=redact(words))
        if other := self._models.problem(reply.model or "", allowed=allowed, asks_again=sent.asks_again):
            return replace(reply, cut=FailureKind.OTHER_MODEL, problem=redact(other))
        return reply

    def _cut_prompt(self, usage: Usage, sent: Sent) -> str:
        """Say that a server counted fewer tokens than the prompt can have, and what helps; nothing where it did not.

        A server that tells one usage for all replies, output included, does not count: real replies differ in length.
        Only a context's size is taken for what was read even then.
        """
        tokens = usage.input
        if not tokens:
            return ""
        self._usage = self._usage or (tokens, usage.output)
        self._counts = self._counts or self._usage != (tokens, usage.output)
        few = tokens * CHARS_A_TOKEN < sent.n_chars and tokens * CHARS_A_TOKEN < sent.n_told()
        if sent.is_correction:
            few = few or tokens <= self._suspected.pop(sent.key, 0)
        elif not (few or sent.has_images):
            few = tokens in self._limits or self._is_limit(tokens, sent.n_chars)
        if not few or not (self._counts or _is_context(tokens)):
            return ""
        if _is_context(tokens):
            self._limits.add(tokens)
        return (
            f"the server counts {tokens:,} tokens of a prompt of {sent.n_chars:,} characters: it cuts long prompts; "
            "give it a larger context (Ollama: OLLAMA_CONTEXT_LENGTH; vLLM: --max-model-len; llama.cpp: -c)"
        )

    def _suspect(self, tokens: int, sent: Sent) -> str:
        """Say that a count may be a limit: the largest so far, and a context's size.

        The same prompt is then asked with more after it: a server that reads all of it counts more.
        """
        is_most, self._longest = tokens >= self._longest, max(self._longest, tokens)
        if not (is_most and _is_context(tokens) and sent.asks_again) or sent.is_correction:
            return ""
        self._suspected[sent.key] = tokens
        return f"the server counts {tokens:,} tokens, the size of a context: asked again, to see it count more words"

    def _is_limit(self, tokens: int, chars: int) -> bool:
        """Tell whether the largest count so far came for prompts of different length, this not the shortest.

        They are of very different length, or many, and no longer one has a smaller count.
        """
        same = self._lengths.setdefault(tokens, set())
        if len(same) < MOST_KEPT:
            same.add(chars)
        if tokens < self._longest or len(same) < SAME_COUNT or chars == min(same):
            return False
        others = max((max(lengths) for count, lengths in self._lengths.items() if count != tokens), default=0)
        return max(same) >= DIFFERENT * min(same) or (len(same) >= MANY_LENGTHS and others <= min(same))

    def _is_from_cache(self, reply: Reply, sent: Sent, reply_id: str, headers: Mapping[str, str]) -> bool:
        """Tell whether this very id and text came before, to the item's other request: a cache takes the two for one.

        Ids tell replies apart only where each came for one item, unless the server says that it has a cache: one that
        was restarted may number its replies anew.
        """
        item, key, text = self._replies.setdefault(reply_id, (sent.item, sent.key, reply.text))
        if item != sent.item:
            self._of_many.add(reply_id)
        if len(self._replies) > MOST_KEPT:
            oldest = next(iter(self._replies))
            del self._replies[oldest]
            self._of_many.discard(oldest)
        if item != sent.item or key == sent.key or text != reply.text:
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
        if kind == "text" and one.get("thought") is True:
            kind = "thinking"  # Google's own form
        if kind in {"text", "output_text"} and isinstance(one.get("text"), str):
            text.append(one["text"])
        elif kind in {"thinking", "reasoning", "redacted_thinking"}:
            said = one.get("thinking") or one.get("reasoning") or one.get("text") or ""
            thinking.append(said if isinstance(said, str) else texts_of(said)[0])
        else:
            raise UnusableReplyError(f"the content has a part of another kind: {str(kind)[:40]}")
    return "".join(text), "".join(thinking)
