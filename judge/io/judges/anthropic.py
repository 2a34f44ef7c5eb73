"""Judges that speak Anthropic's messages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from judge.errors import RetryableError
from judge.io.images import image_base64
from judge.io.judges.base import clean, redact, status_error
from judge.schema import FailureKind, Image, JudgeSpec, Reply, Request, Usage

if TYPE_CHECKING:
    from anthropic.types import Message

KEY_VARIABLE = "ANTHROPIC_API_KEY"
_CUT = {
    "max_tokens": FailureKind.TRUNCATED,
    "refusal": FailureKind.REFUSED,
    "model_context_window_exceeded": FailureKind.TOO_LONG,
}


class AnthropicJudge:
    """Asks one model over one long-lived client."""

    def __init__(self, spec: JudgeSpec, *, concurrency: int, timeout: float) -> None:
        import anthropic  # noqa: PLC0415 - seconds of import that only judging needs
        import httpx2  # noqa: PLC0415

        self.spec = spec
        self._sdk = anthropic
        self._client = anthropic.AsyncAnthropic(
            api_key=os.environ.get(KEY_VARIABLE) or "no-key",
            base_url=spec.endpoint,
            max_retries=0,
            timeout=timeout,
            http_client=anthropic.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
            ),
        )

    async def ask(self, request: Request) -> Reply:
        """Ask for one message in the request's schema."""
        sdk = self._sdk
        try:
            message = await self._client.messages.create(**self.body(request))
        except sdk.APIStatusError as error:
            code = f"{error.type} {getattr(error, 'error_code', '')}"
            raise status_error(
                error.status_code, code=code, message=error.message, headers=error.response.headers
            ) from error
        except sdk.APITimeoutError as error:
            raise RetryableError(FailureKind.TIMEOUT, "no reply in time", maybe_paid=True) from error
        except sdk.APIConnectionError as error:
            raise RetryableError(
                FailureKind.TRANSPORT, redact(str(error.__cause__ or error)), maybe_paid=True
            ) from error
        except (sdk.APIError, ValueError) as error:
            raise RetryableError(
                FailureKind.TRANSPORT, f"not a reply: {redact(str(error))}", maybe_paid=True
            ) from error
        return _reply(message)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's arguments: images first, then what both orders share (cached), then the traces."""
        prompt, settings = request.prompt, self.spec.settings
        output: dict[str, Any] = {"format": {"type": "json_schema", "schema": request.schema_}}
        if settings.effort is not None:
            output["effort"] = settings.effort
        shared = {"type": "text", "text": prompt.shared, "cache_control": {"type": "ephemeral"}}
        content = [*(_image(image) for image in prompt.images), shared, {"type": "text", "text": prompt.traces}]
        return {
            "model": self.spec.model,
            "max_tokens": settings.max_output_tokens,
            "system": prompt.system,
            "messages": [{"role": "user", "content": content}],
            "output_config": output,
        }

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def _image(image: Image) -> dict[str, Any]:
    source = {"type": "base64", "media_type": image.media_type, "data": image_base64(image)}
    return {"type": "image", "source": source}


def _reply(message: Message) -> Reply:
    if not isinstance(getattr(message, "content", None), list):
        raise RetryableError(FailureKind.TRANSPORT, "the reply holds no content", maybe_paid=True)
    return Reply(
        text=clean("".join(block.text for block in message.content if block.type == "text")),
        stop=message.stop_reason,
        cut=_CUT.get(message.stop_reason or ""),
        model=message.model,
        request_id=message._request_id,  # noqa: SLF001 - public by the SDK's documentation despite its underscore
        usage=_usage(message),
    )


def _usage(message: Message) -> Usage:
    """Read the usage; `input_tokens` there is only what the cache did not serve."""
    usage = message.usage
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return Usage(
        input=usage.input_tokens + read + written,
        cache_read=read,
        cache_write=written,
        output=usage.output_tokens,
        reasoning=getattr(getattr(usage, "output_tokens_details", None), "thinking_tokens", None) or 0,
    )
