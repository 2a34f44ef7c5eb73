"""Judges that speak Anthropic's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from judge.errors import RetryableError
from judge.io.images import image_base64, load_encoded
from judge.io.judges.base import (
    Encoded,
    ReplyErrors,
    address_of,
    checked_reply,
    count,
    environment_key,
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

KEY_VARIABLE = "ANTHROPIC_API_KEY"
PATH = "/v1/messages"
_CUT = {
    "max_tokens": FailureKind.TRUNCATED,
    "refusal": FailureKind.REFUSED,
    "model_context_window_exceeded": FailureKind.TOO_LONG,
}


class AnthropicJudge:
    """Asks one model over one long-lived client."""

    def __init__(self, spec: JudgeSpec, *, concurrency: int, timeout: float) -> None:
        import anthropic  # noqa: PLC0415 - seconds of import that only judging needs

        from judge.io.judges.sdk_post import SdkPost  # noqa: PLC0415 - imports httpx2

        self.spec = spec
        self._sdk = anthropic
        self._key = environment_key(KEY_VARIABLE) or "no-key"
        self._reply_errors, self._encoded = ReplyErrors(key=self._key), Encoded()
        self._client = anthropic.AsyncAnthropic(
            api_key=self._key,
            base_url=spec.endpoint,
            max_retries=0,
            timeout=timeouts(timeout),
            http_client=http_client(anthropic, concurrency=concurrency, timeout=timeout),
        )
        self._post = SdkPost(self._client, address_of(self._client, PATH))
        self.caches_prompts = True
        self.on_headers: Callable[[Mapping[str, str]], None] = ignore_headers

    async def ask(self, request: Request) -> Reply:
        """Ask for one message in the request's schema."""
        if request.prompt.images:
            await load_encoded(request.prompt.images)
        content = orjson.dumps(self.body(request))
        with sdk_errors(self._sdk, key=self._key):
            reply, headers = await self._post(content)
        self.on_headers(headers)
        with self._reply_errors:
            return read_reply(read_json(reply), request_id=headers.get("request-id"))

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's body: images first, then what both orders share, then the traces.

        Filling the cache costs extra: it is asked for only where another request will be served from it.
        """
        prompt, settings = request.prompt, self.spec.settings
        output: dict[str, Any] = {"format": {"type": "json_schema", "schema": self._encoded(request.schema_)}}
        if settings.effort is not None:
            output["effort"] = settings.effort
        shared: dict[str, Any] = {"type": "text", "text": prompt.shared}
        if request.shares_prefix:
            shared["cache_control"] = {"type": "ephemeral"}
        content = [*(_image(image) for image in prompt.images), shared, {"type": "text", "text": prompt.traces}]
        return {
            "model": self.spec.model,
            "max_tokens": request.output_tokens or settings.max_output_tokens,
            "system": prompt.system,
            "messages": user_turns(content, request.correction),
            "output_config": output,
        }

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def _image(image: Image) -> dict[str, Any]:
    source = {"type": "base64", "media_type": image.media_type, "data": image_base64(image)}
    # Too large an image is a failure: shrunk in silence, it would be judged by findings that nobody could see in it.
    return {"type": "image", "source": source, "transformations": {"oversized_image": "error"}}


def read_reply(message: dict[str, Any], *, request_id: str | None) -> Reply:
    """Return what a message says; RetryableError where it holds no answer."""
    if not isinstance(message["content"], list):
        raise RetryableError(FailureKind.TRANSPORT, "the reply holds no content", maybe_paid=True)
    stop = message.get("stop_reason")
    return checked_reply(
        text="".join(block["text"] for block in message["content"] if block["type"] == "text"),
        stop=stop,
        cut=_CUT.get(stop or ""),
        model=message.get("model"),
        request_id=request_id,
        usage=_usage(part(message, "usage")),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    """Read the usage; `input_tokens` there is only what the cache did not serve."""
    read, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    return Usage(
        input=count(usage, "input_tokens") + read + written,
        cache_read=read,
        cache_write=written,
        output=count(usage, "output_tokens"),
        reasoning=count(part(usage, "output_tokens_details"), "thinking_tokens"),
    )
