"""Judges that speak OpenAI's chat completions: OpenAI itself and every compatible server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from judge.errors import RetryableError
from judge.io.images import image_base64
from judge.io.judges.base import clean, redact, status_error
from judge.schema import FailureKind, Image, JudgeSpec, Reply, Request, Usage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

KEY_VARIABLES = ("OMR_JUDGE_API_KEY", "OPENAI_API_KEY")
"""for a server given by its address; OpenAI itself reads OPENAI_API_KEY only"""
_CUT = {"length": FailureKind.TRUNCATED, "content_filter": FailureKind.FILTERED}


class OpenAIJudge:
    """Asks one model over one long-lived client."""

    def __init__(self, spec: JudgeSpec, *, concurrency: int, timeout: float, api_key: str | None = None) -> None:
        import httpx2  # noqa: PLC0415 - seconds of import that only judging needs
        import openai  # noqa: PLC0415

        self.spec = spec
        self._sdk = openai
        self._client = openai.AsyncOpenAI(
            api_key=api_key or _key(spec),
            base_url=spec.endpoint,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
            ),
        )
        self.hosted = spec.endpoint is None and "OPENAI_BASE_URL" not in os.environ

    async def ask(self, request: Request) -> Reply:
        """Ask for one chat completion in the request's schema."""
        sdk = self._sdk
        try:
            completion = await self._client.chat.completions.create(**self.body(request))
        except sdk.APIStatusError as error:
            code = f"{error.type} {error.code}"
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
        return _reply(completion)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's arguments: images first, then what both orders share, then the traces."""
        prompt, settings = request.prompt, self.spec.settings
        content: list[dict[str, Any]] = [_image(image) for image in prompt.images]
        content += [{"type": "text", "text": text} for text in (prompt.shared, prompt.traces)]
        body: dict[str, Any] = {
            "model": self.spec.model,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": content}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "judgment", "schema": request.schema_, "strict": True},
            },
            # Compatible servers know the older name of the limit, and some refuse fields that they do not know.
            "max_completion_tokens" if self.hosted else "max_tokens": settings.max_output_tokens,
        }
        optional = {"temperature": settings.temperature, "reasoning_effort": settings.effort, "seed": settings.seed}
        body |= {name: value for name, value in optional.items() if value is not None}
        return body | {"store": False} if self.hosted else body

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def _key(spec: JudgeSpec) -> str | None:
    """Return the key from the environment; servers given by their address may need none."""
    if spec.endpoint is None:
        return os.environ.get("OPENAI_API_KEY")
    return next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), "no-key")


def _image(image: Image) -> dict[str, Any]:
    url = f"data:{image.media_type};base64,{image_base64(image)}"
    return {"type": "image_url", "image_url": {"url": url}}


def _reply(completion: ChatCompletion) -> Reply:
    if not getattr(completion, "choices", None):
        raise RetryableError(FailureKind.TRANSPORT, "the reply holds no choice", maybe_paid=True)
    choice = completion.choices[0]
    refusal = choice.message.refusal
    return Reply(
        text=clean(refusal or choice.message.content or ""),
        stop=choice.finish_reason,
        cut=FailureKind.REFUSED if refusal else _CUT.get(choice.finish_reason),
        model=completion.model,
        request_id=completion._request_id,  # noqa: SLF001 - public by the SDK's documentation despite its underscore
        usage=_usage(completion),
    )


def _usage(completion: ChatCompletion) -> Usage:
    usage = completion.usage
    if usage is None:
        return Usage()
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input=usage.prompt_tokens,
        cache_read=(read.cached_tokens if read else None) or 0,
        cache_write=(getattr(read, "cache_write_tokens", None) if read else None) or 0,
        output=usage.completion_tokens,
        reasoning=(written.reasoning_tokens if written else None) or 0,
    )
