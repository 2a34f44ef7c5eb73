"""Judges that speak Anthropic's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from judge.images.loader import image_base64
from judge.judges.base import SdkJudge, user_turns
from judge.judges.keys import (
    ANTHROPIC_TOKEN,
    NO_KEY,
    environment_key,
    is_elsewhere,
    key_variables,
    own_headers,
    without_custom_headers,
)
from judge.judges.provider_errors import part
from judge.judges.replies import UnusableReplyError, count, cut_by, made_reply, made_usage, refuse_other_turn, texts_of
from judge.judges.request_forms import messages_in_form, used
from judge.schema import Image, JudgeSpec, Provider, Reply, Request, RequestForm, Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_WHOLE = ("end_turn", "stop_sequence")
"""stop reasons of whole replies"""


class AnthropicJudge(SdkJudge):
    """Asks Anthropic, or a server that speaks as it does, for messages."""

    PATH = "v1/messages"
    _client: AsyncAnthropic

    def __init__(self, spec: JudgeSpec, *, concurrency: int, timeout: float) -> None:
        import anthropic  # noqa: PLC0415 - seconds of import that only judging needs

        from judge.judges.http_client import client_options  # noqa: PLC0415 - imports httpx2

        key = environment_key(*key_variables(spec)) or NO_KEY
        options = client_options(anthropic, concurrency=concurrency, timeout=timeout)
        headers = own_headers(spec)
        if spec.provider is not Provider.ANTHROPIC or (spec.label and is_elsewhere(spec)):
            headers = without_custom_headers(anthropic) | headers
        client = self._open(spec, anthropic, key, options | {"default_headers": headers})
        super().__init__(spec, sdk=anthropic, client=client, key=key, timeout=timeout)

    def _open(self, spec: JudgeSpec, sdk: Any, key: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 - of one of three classes
        """Return the SDK's client."""
        is_token = ANTHROPIC_TOKEN in key_variables(spec) and key == environment_key(ANTHROPIC_TOKEN)
        return sdk.AsyncAnthropic(base_url=spec.endpoint, **{"auth_token" if is_token else "api_key": key}, **options)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's body: images first, then what both orders share, then the traces.

        Filling the cache costs extra: it is asked for only where another request will be served from it.
        """
        prompt, settings = request.prompt, self.spec.settings
        output: dict[str, Any] = {}
        if request.schema_:
            output["format"] = {"type": "json_schema", "schema": request.schema_}
        if settings.effort is not None:
            output["effort"] = settings.effort
        shared: dict[str, Any] = {"type": "text", "text": prompt.shared}
        if request.shares_prefix:
            shared["cache_control"] = {"type": "ephemeral"}
        content = [*(_image(image) for image in prompt.images), shared, {"type": "text", "text": prompt.traces}]
        body = {
            "model": self.spec.model,
            "max_tokens": request.output_tokens or settings.max_output_tokens,
            "system": prompt.system,
            "messages": user_turns(content, request.correction),
            "output_config": output,
        }
        return messages_in_form(body, self.forms) | settings.body

    def read(self, record: Any, headers: Mapping[str, str]) -> Reply:  # noqa: ANN401 - what a server sent
        """Return what a message says."""
        if RequestForm.TOOL in self.forms:
            record = used(record)
        return read_reply(record, request_id=headers.get("request-id"))


def _image(image: Image) -> dict[str, Any]:
    source = {"type": "base64", "media_type": image.media_type, "data": image_base64(image)}
    # Too large an image is a failure: shrunk in silence, it would be judged by findings that nobody could see in it.
    return {"type": "image", "source": source, "transformations": {"oversized_image": "error"}}


def read_reply(message: dict[str, Any], *, request_id: str | None) -> Reply:
    """Return what a message says; UnusableReplyError, or any other, where it is no whole one."""
    if not isinstance(message.get("content"), list):
        raise UnusableReplyError("the reply holds no content")
    stop = message.get("stop_reason")
    refuse_other_turn(message)
    text, thinking = texts_of(message.get("content"))
    return made_reply(
        text=text,
        stop=stop,
        cut=cut_by(stop, _WHOLE),
        reasoning=thinking,
        model=message.get("model"),
        request_id=request_id,
        usage=_usage(part(message, "usage")),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    """Read the usage; `input_tokens` there is only what the cache did not serve."""
    read, written = count(usage, "cache_read_input_tokens") or 0, count(usage, "cache_creation_input_tokens") or 0
    inputs = count(usage, "input_tokens")
    return made_usage(
        None if inputs is None else inputs + read + written,
        count(usage, "output_tokens"),
        cache_read=read,
        cache_write=written,
        reasoning=count(part(usage, "output_tokens_details"), "thinking_tokens"),
    )
