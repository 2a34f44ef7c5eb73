"""Judges that speak OpenAI's chat completions: OpenAI itself and every compatible server."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from judge.images.loader import image_base64
from judge.judges.base import SdkJudge, user_turns
from judge.judges.keys import NO_KEY, environment_key, is_elsewhere, key_variables, own_headers, without_custom_headers
from judge.judges.known_providers import PROVIDERS
from judge.judges.provider_errors import part
from judge.judges.replies import (
    UnusableReplyError,
    count,
    cut_by,
    made_reply,
    made_usage,
    native_cut,
    refuse_other_turn,
    texts_of,
)
from judge.judges.request_forms import called, chat_in_form
from judge.prompting.final_text import is_tail
from judge.prompting.letter_reply import SPACE
from judge.schema import FailureKind, Image, JudgeSpec, Reply, Request, RequestForm, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

HOSTED = ".openai.com"
CACHE_KEY_DIGITS = 32
TOP_LOGPROBS = 20
"""tokens of which the probability is asked for: the most that OpenAI and vLLM tell; a table's body may ask for less"""
FIRST_WITH_MARKS = (5, 6)
"""since GPT-5.6 storing a prompt in the cache costs extra, and a request may say how far to store it"""
END_CHARS = 100
"""of a text, with the tokens that end it: its last token stands there"""
_VERSION = re.compile(r"gpt-(\d+)(?:\.(\d+))?")
_WHOLE = ("stop", "eos", "eos_token", None)
"""stop reasons of whole replies"""


class OpenAIJudge(SdkJudge):
    """Asks OpenAI, or a server that speaks as it does, for chat completions.

    Args:
        spec: the judge.
        concurrency: most calls in flight.
        timeout: longest time of a call, seconds.
        api_key: of a server of our own on this machine, which is asked past the environment's proxies.
    """

    PATH = "chat/completions"
    _client: AsyncOpenAI

    def __init__(self, spec: JudgeSpec, *, concurrency: int, timeout: float, api_key: str | None = None) -> None:
        import openai  # noqa: PLC0415 - seconds of import that only judging needs

        from judge.judges.http_client import client_options  # noqa: PLC0415 - imports httpx2

        key = api_key or environment_key(*key_variables(spec)) or NO_KEY
        options = client_options(openai, concurrency=concurrency, timeout=timeout, trust_env=api_key is None)
        client = self._open(spec, openai, key, options, is_own=api_key is not None)
        super().__init__(spec, sdk=openai, client=client, key=key, timeout=timeout)
        # OPENAI_BASE_URL may name OpenAI itself, one of its regions, or any other server. OpenAI is asked in its newest
        # form, which other servers may refuse.
        self.hosted = self.caches_prompts = f".{client.base_url.host}".endswith(HOSTED)
        self._marks_caches = self.hosted and _version(spec.model) >= FIRST_WITH_MARKS

    def _open(self, spec: JudgeSpec, sdk: Any, key: str, options: dict[str, Any], *, is_own: bool) -> AsyncOpenAI:  # noqa: ANN401 - a module
        """Return the SDK's client; a server that was given a key of its own gets no other."""
        known, headers = PROVIDERS.get(spec.provider), own_headers(spec)
        if known or is_own or is_elsewhere(spec):
            # Not even one that OPENAI_CUSTOM_HEADERS hold.
            headers = {"Authorization": f"Bearer {key}"} | headers
        is_others = known is not None or (spec.label and is_elsewhere(spec))
        if is_others:
            headers = without_custom_headers(sdk) | headers
        base_url = spec.endpoint or (known and known.base_url)
        client: AsyncOpenAI = sdk.AsyncOpenAI(api_key=key, base_url=base_url, default_headers=headers, **options)
        if is_others:
            client.organization = client.project = None
        return client

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's body: images first, then what both orders share, then the traces."""
        prompt, settings = request.prompt, self.spec.settings
        content: list[dict[str, Any]] = [_image(*self.image_data(image)) for image in prompt.images]
        shared: dict[str, Any] = {"type": "text", "text": prompt.shared}
        content += [shared, {"type": "text", "text": prompt.traces}]
        limit = request.output_tokens or settings.max_output_tokens
        body: dict[str, Any] = {
            "model": self.spec.model,
            "messages": [{"role": "system", "content": prompt.system}, *user_turns(content, request.correction)],
            # Compatible servers know the older name of the limit, and some refuse fields that they do not know.
            "max_completion_tokens" if self.hosted else "max_tokens": limit,
        }
        if settings.logprobs:
            body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        if request.schema_:
            schema = {"name": "judgment", "schema": request.schema_, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        optional = {"temperature": settings.temperature, "reasoning_effort": settings.effort, "seed": settings.seed}
        body |= {name: value for name, value in optional.items() if value is not None}
        body = chat_in_form(body, self.forms) | settings.body
        if not self.hosted:
            return body
        if self._marks_caches:
            # Otherwise each whole prompt is stored, at a price, though no other begins with all of it.
            body["prompt_cache_options"] = {"mode": "explicit"}
            if request.shares_prefix:
                shared["prompt_cache_breakpoint"] = {"mode": "explicit"}
        # Calls with one cache key go to one machine: those about one item, not those of the whole run.
        item = hashlib.sha256(request.item.encode()).hexdigest()[:CACHE_KEY_DIGITS]
        return body | {"store": False, "prompt_cache_key": item}

    def image_data(self, image: Image) -> tuple[str, str]:
        """Return an image's media type and base64."""
        return image.media_type, image_base64(image)

    def read(self, record: Any, headers: Mapping[str, str]) -> Reply:  # noqa: ANN401 - what a server sent
        """Return what a chat completion says."""
        if RequestForm.TOOL in self.forms:
            record = called(record)
        reply = read_reply(record, request_id=headers.get("x-request-id"))
        if self.spec.settings.logprobs and reply.cut is None:
            return replace(reply, letters=letters_of(record["choices"][0], reply.text))
        return reply


def _version(model: str) -> tuple[int, int]:
    """Return the version that a GPT model's name states; (0, 0) where it states none."""
    found = _VERSION.match(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _image(media_type: str, data: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{data}"}}


def read_reply(completion: dict[str, Any], *, request_id: str | None) -> Reply:
    """Return what a chat completion says; UnusableReplyError, or any other, where it is no whole one."""
    choices = completion.get("choices")
    if not isinstance(choices, list) or len(choices) != 1:
        n = len(choices) if isinstance(choices, list) else "no"
        raise UnusableReplyError(f"the reply holds {n} choices")
    if not isinstance(message := choices[0].get("message"), dict):
        raise UnusableReplyError("the reply holds no message")
    if completion.get("object") == "chat.completion.chunk":
        raise UnusableReplyError("the reply is a piece of a stream that nobody asked for")
    refusal, stop = message.get("refusal"), choices[0].get("finish_reason")
    text, thinking = texts_of(message.get("content"))
    beside = (message.get("reasoning_content"), message.get("reasoning"), thinking)
    cut = FailureKind.REFUSED if refusal else cut_by(stop, _WHOLE) or _cut_behind(choices[0])
    if cut is None:
        refuse_other_turn(message)
    return made_reply(
        text=refusal or text,
        stop=stop,
        cut=cut,
        reasoning=next((said for said in beside if said and isinstance(said, str)), ""),
        model=completion.get("model"),
        request_id=request_id,
        usage=_usage(part(completion, "usage")),
    )


def _cut_behind(choice: dict[str, Any]) -> FailureKind | None:
    """Return why a choice is not whole though its stop reason says so: by the server behind a gateway, or a filter."""
    results = part(choice, "content_filter_results")
    filtered = any(part(results, name).get("filtered") is True for name in results)
    return FailureKind.FILTERED if filtered else native_cut(choice.get("native_finish_reason"))


def letters_of(choice: dict[str, Any], text: str) -> dict[str, float]:
    """Return the log-probabilities at the last token of a reply that is not its end; UnusableReplyError without any.

    Args:
        choice: of the completion.
        text: its own, at whose end that token must stand.
    """
    tokens = part(choice, "logprobs").get("content") or ()
    place: dict[str, Any] = next((token for token in reversed(tokens) if not is_tail(token["token"])), {})
    if not (told := place.get("top_logprobs")):
        raise UnusableReplyError("the reply tells no log-probabilities of its tokens")
    if place["token"].strip(SPACE) not in text[-END_CHARS:]:
        raise UnusableReplyError("the reply tells the log-probabilities of another text")
    letters: dict[str, float] = {}
    for one in told:
        token, logprob = one["token"], float(one["logprob"])
        letters[token] = _log_sum(letters[token], logprob) if token in letters else logprob
    if not all(map(math.isfinite, letters.values())):
        raise UnusableReplyError("the reply tells what is no log-probability")
    return letters


def _log_sum(one: float, other: float) -> float:
    """Return the logarithm of the sum of two probabilities, from theirs."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))


def _usage(usage: dict[str, Any]) -> Usage:
    read, written = part(usage, "prompt_tokens_details"), part(usage, "completion_tokens_details")
    return made_usage(
        count(usage, "prompt_tokens"),
        count(usage, "completion_tokens"),
        cache_read=count(read, "cached_tokens"),
        cache_write=count(read, "cache_write_tokens"),
        reasoning=count(written, "reasoning_tokens"),
    )
