"""Judges that speak OpenAI's chat completions: OpenAI itself and every compatible server."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import orjson

from judge.errors import RetryableError
from judge.io.images import image_base64, load_encoded
from judge.io.judges.base import (
    Encoded,
    HttpReply,
    ReplyErrors,
    address_of,
    checked_reply,
    count,
    environment_key,
    error_within,
    http_client,
    ignore_headers,
    part,
    read_json,
    sdk_errors,
    timeouts,
    user_turns,
)
from judge.schema import FailureKind, Image, JudgeSpec, Reply, Request, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEY_VARIABLES = ("OMR_JUDGE_API_KEY", "OPENAI_API_KEY")
"""for a server given by its address; OpenAI itself reads OPENAI_API_KEY only"""
NO_KEY = "no-key"
HOSTED = ".openai.com"
PATH = "/chat/completions"
CACHE_KEY_DIGITS = 32
FIRST_WITH_MARKS = (5, 6)
"""since GPT-5.6 storing a prompt in the cache costs extra, and a request may say how far to store it"""
_VERSION = re.compile(r"gpt-(\d+)(?:\.(\d+))?")
_CUT = {"length": FailureKind.TRUNCATED, "content_filter": FailureKind.FILTERED}


class OpenAIChat:
    """Asks one model for chat completions, whatever carries the bytes.

    Args:
        spec: the judge.
        key: goes with each call, and into no message.
        host: the server's name; OpenAI itself is asked in its newest form.
    """

    def __init__(self, spec: JudgeSpec, *, key: str, host: str) -> None:
        self.spec = spec
        self.on_headers: Callable[[Mapping[str, str]], None] = ignore_headers
        self.hosted = self.caches_prompts = f".{host}".endswith(HOSTED)
        self._marks_caches = self.hosted and _version(spec.model) >= FIRST_WITH_MARKS
        self._key = key
        self._reply_errors, self._encoded = ReplyErrors(key=key), Encoded()

    async def post(self, content: bytes) -> HttpReply:
        """Post a call's body; ProviderError where there is no successful reply."""
        raise NotImplementedError

    async def ask(self, request: Request) -> Reply:
        """Ask for one chat completion in the request's schema."""
        if request.prompt.images:
            await load_encoded(request.prompt.images)
        content, headers = await self.post(orjson.dumps(self.body(request)))
        self.on_headers(headers)
        with self._reply_errors:
            completion = read_json(content)
            if not completion.get("choices") and (error := error_within(completion, key=self._key, headers=headers)):
                raise error
            return read_reply(completion, request_id=headers.get("x-request-id"))

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's body: images first, then what both orders share, then the traces."""
        prompt, settings = request.prompt, self.spec.settings
        content: list[dict[str, Any]] = [_image(image) for image in prompt.images]
        shared: dict[str, Any] = {"type": "text", "text": prompt.shared}
        content += [shared, {"type": "text", "text": prompt.traces}]
        limit = request.output_tokens or settings.max_output_tokens
        body: dict[str, Any] = {
            "model": self.spec.model,
            "messages": [{"role": "system", "content": prompt.system}, *user_turns(content, request.correction)],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "judgment", "schema": self._encoded(request.schema_), "strict": True},
            },
            # Compatible servers know the older name of the limit, and some refuse fields that they do not know.
            "max_completion_tokens" if self.hosted else "max_tokens": limit,
        }
        optional = {"temperature": settings.temperature, "reasoning_effort": settings.effort, "seed": settings.seed}
        body |= {name: value for name, value in optional.items() if value is not None}
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


class OpenAIJudge(OpenAIChat):
    """Asks through OpenAI's SDK, over one long-lived client."""

    def __init__(self, spec: JudgeSpec, *, concurrency: int, timeout: float) -> None:
        import openai  # noqa: PLC0415 - seconds of import that only judging needs

        from judge.io.judges.sdk_post import SdkPost  # noqa: PLC0415 - imports httpx2

        key = openai_key(spec) or NO_KEY
        self._sdk = openai
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=spec.endpoint,
            max_retries=0,
            timeout=timeouts(timeout),
            http_client=http_client(openai, concurrency=concurrency, timeout=timeout),
        )
        # OPENAI_BASE_URL may name OpenAI itself, one of its regions, or any other server.
        super().__init__(spec, key=key, host=self._client.base_url.host)
        self._post = SdkPost(self._client, address_of(self._client, PATH))

    async def post(self, content: bytes) -> HttpReply:
        """Post a call's body through the SDK."""
        with sdk_errors(self._sdk, key=self._key):
            return await self._post(content)

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def _version(model: str) -> tuple[int, int]:
    """Return the version that a GPT model's name states; (0, 0) where it states none."""
    found = _VERSION.match(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def openai_key(spec: JudgeSpec) -> str | None:
    """Return the key from the environment; servers given by their address may need none."""
    return environment_key(*(KEY_VARIABLES if spec.endpoint else KEY_VARIABLES[-1:]))


def _image(image: Image) -> dict[str, Any]:
    url = f"data:{image.media_type};base64,{image_base64(image)}"
    return {"type": "image_url", "image_url": {"url": url}}


def read_reply(completion: dict[str, Any], *, request_id: str | None) -> Reply:
    """Return what a chat completion says; RetryableError where it holds no answer."""
    if not completion["choices"]:
        raise RetryableError(FailureKind.TRANSPORT, "the reply holds no choice", maybe_paid=True)
    choice = completion["choices"][0]
    refusal, stop = choice["message"].get("refusal"), choice.get("finish_reason")
    return checked_reply(
        text=refusal or choice["message"].get("content") or "",
        stop=stop,
        cut=FailureKind.REFUSED if refusal else _CUT.get(stop),
        model=completion.get("model"),
        request_id=request_id,
        usage=_usage(part(completion, "usage")),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    read, written = part(usage, "prompt_tokens_details"), part(usage, "completion_tokens_details")
    return Usage(
        input=count(usage, "prompt_tokens"),
        cache_read=count(read, "cached_tokens"),
        cache_write=count(read, "cache_write_tokens"),
        output=count(usage, "completion_tokens"),
        reasoning=count(written, "reasoning_tokens"),
    )
