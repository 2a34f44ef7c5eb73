"""The scripted server gives the real SDKs what the real providers would."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import openai
import pytest
from provider_server import (
    Answer,
    Call,
    Provider,
    ProviderServer,
)

BOTH: list[Provider] = ["openai", "anthropic"]
PIXEL = bytes(range(256)) * 40
SIDE = {"type": "string"}
CRITERION: dict[str, Any] = {
    "type": "object",
    "properties": {"evidence_1": SIDE, "evidence_2": SIDE, "verdict": SIDE},
    "required": ["evidence_1", "evidence_2", "verdict"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"facts": CRITERION, "logic": CRITERION},
    "required": ["facts", "logic"],
    "additionalProperties": False,
}
both_providers = pytest.mark.parametrize("provider", BOTH)


async def openai_call(url: str, text: str, **more: Any) -> Any:  # noqa: ANN401
    image = {"url": "data:image/png;base64," + base64.b64encode(PIXEL).decode()}
    parts = [{"type": "image_url", "image_url": image}, {"type": "text", "text": text}]
    request: dict[str, Any] = {
        "model": "judge-1",
        "messages": [{"role": "system", "content": "be fair"}, {"role": "user", "content": parts}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "v", "schema": SCHEMA, "strict": True}},
    }
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="k", max_retries=0) as client:
        return await client.chat.completions.create(**request | more)


async def anthropic_call(url: str, text: str, **more: Any) -> Any:  # noqa: ANN401
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PIXEL).decode()}
    request: dict[str, Any] = {
        "model": "judge-1",
        "max_tokens": 1000,
        "system": [{"type": "text", "text": "be fair"}],
        "messages": [
            {"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": text}]}
        ],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    }
    async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client:
        return await client.messages.create(**request | more)


CLIENTS: dict[str, Callable[..., Awaitable[Any]]] = {"openai": openai_call, "anthropic": anthropic_call}
SDKS: dict[str, Any] = {"openai": openai, "anthropic": anthropic}


def ask(provider: Provider, url: str, text: str = "hello", **more: Any) -> Any:  # noqa: ANN401
    async def call() -> Any:  # noqa: ANN401
        return await CLIENTS[provider](url, text, **more)

    return asyncio.run(call())


def reply_text(provider: Provider, reply: Any) -> str:  # noqa: ANN401
    text: str = reply.choices[0].message.content if provider == "openai" else reply.content[0].text
    return text


def error_from(provider: Provider, answer: Answer, **more: Any) -> Any:  # noqa: ANN401
    with ProviderServer(lambda _: answer) as server, pytest.raises(SDKS[provider].APIError) as caught:
        ask(provider, server.url, **more)
    return caught.value


@both_providers
def test_a_call_shows_what_the_sdk_sent_byte_for_byte(provider: Provider) -> None:
    with ProviderServer(lambda _: Answer("{}")) as server:
        ask(provider, server.url, "which is better?")
    (call,) = server.calls
    assert (call.provider, call.number, call.system, call.user) == (provider, 0, "be fair", "which is better?")
    assert call.images == [("image/png", PIXEL)]
    assert call.schema == SCHEMA


@both_providers
def test_a_reply_carries_text_model_usage_and_request_id(provider: Provider) -> None:
    with ProviderServer(lambda _: Answer("x" * 400, cached=3)) as server:
        reply = ask(provider, server.url, "q" * 393)
    assert reply_text(provider, reply) == "x" * 400
    assert (reply.model, reply._request_id) == ("judge-1", "req_000000")  # noqa: SLF001 - the SDKs' documented name
    usage = reply.usage
    if provider == "openai":
        assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens) == (
            100,
            3,
            100,
        )
    else:
        assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (97, 3, 100)


@pytest.mark.parametrize(
    ("stop", "finish", "content", "refusal"),
    [
        ("end", "stop", "half", None),
        ("length", "length", "half", None),
        ("filter", "content_filter", "half", None),
        ("refusal", "stop", None, "half"),
    ],
)
def test_openai_tells_why_a_reply_ended(stop: Any, finish: str, content: str | None, refusal: str | None) -> None:  # noqa: ANN401
    with ProviderServer(lambda _: Answer("half", stop=stop)) as server:
        choice = ask("openai", server.url).choices[0]
    assert (choice.finish_reason, choice.message.content, choice.message.refusal) == (finish, content, refusal)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [("end", "end_turn"), ("length", "max_tokens"), ("filter", "refusal"), ("refusal", "refusal")],
)
def test_anthropic_tells_why_a_reply_ended(stop: Any, reason: str) -> None:  # noqa: ANN401
    with ProviderServer(lambda _: Answer("", stop=stop)) as server:
        reply = ask("anthropic", server.url)
    assert (reply.stop_reason, reply.content) == (reason, [])


@both_providers
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (409, "ConflictError"),
        (422, "UnprocessableEntityError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (503, "InternalServerError"),
    ],
)
def test_a_status_is_the_sdk_error_of_that_name(provider: Provider, status: int, name: str) -> None:
    error = error_from(provider, Answer(status=status, headers={"Retry-After": "7"}))
    assert isinstance(error, getattr(SDKS[provider], name))
    assert (error.status_code, error.request_id) == (status, "req_000000")
    assert error.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (402, "PaymentRequiredError", "billing_error"),
        (413, "ContentTooLargeError", "invalid_request_error"),
        (504, "GatewayTimeoutError", "timeout_error"),
        (529, "OverloadedError", "overloaded_error"),
    ],
)
def test_anthropic_alone_has_a_class_for_some_statuses(status: int, name: str, kind: str) -> None:
    error = error_from("anthropic", Answer(status=status))
    assert (type(error).__name__, error.type) == (name, kind)


def test_a_scripted_error_keeps_its_type_code_and_message() -> None:
    given = {"type": "insufficient_quota", "code": "credit_balance_exhausted", "message": "no credit"}
    error = error_from("openai", Answer(status=429, error=given))
    assert (error.type, error.code, error.body["message"]) == tuple(given.values())
    error = error_from("anthropic", Answer(status=429, error={"code": "contract_spend_limit_reached"}))
    assert (error.type, error.error_code) == ("rate_limit_error", "contract_spend_limit_reached")


@both_providers
def test_a_call_without_a_key_is_an_authentication_error(provider: Provider) -> None:
    error = error_from(provider, Answer("{}"), extra_headers={"authorization": "Basic eA=="})
    assert isinstance(error, SDKS[provider].AuthenticationError)


@pytest.mark.parametrize(
    ("provider", "wrong", "told"),
    [
        ("openai", {"messages": []}, "messages"),
        ("openai", {"response_format": {"type": "yaml"}}, "yaml"),
        ("openai", {"response_format": {"type": "json_schema", "json_schema": {}}}, "name"),
        (
            "openai",
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "v", "strict": True, "schema": {"type": "object"}},
                }
            },
            "schema",
        ),
        ("anthropic", {"messages": []}, "messages"),
        ("anthropic", {"max_tokens": 0}, "max_tokens"),
        ("anthropic", {"extra_body": {"temperature": 0}}, "temperature"),
        ("anthropic", {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "schema"),
    ],
)
def test_a_malformed_request_is_a_bad_request(provider: Provider, wrong: dict[str, Any], told: str) -> None:
    error = error_from(provider, Answer("{}"), **wrong)
    assert error.status_code == 400
    assert told in error.message


@both_providers
def test_a_reset_is_a_connection_error(provider: Provider) -> None:
    error = error_from(provider, Answer(fault="reset"))
    assert type(error) is SDKS[provider].APIConnectionError
    assert type(error.__cause__).__name__ == "ReadError"


@both_providers
def test_a_reset_in_mid_body_is_a_connection_error(provider: Provider) -> None:
    error = error_from(provider, Answer("{}", fault="reset_mid_body"))
    assert type(error) is SDKS[provider].APIConnectionError
    assert "peer closed connection" in str(error.__cause__)


@both_providers
def test_a_hang_is_a_timeout(provider: Provider) -> None:
    error = error_from(provider, Answer(fault="hang"), timeout=0.2)
    assert isinstance(error, SDKS[provider].APITimeoutError)


@both_providers
def test_a_drip_outlasts_the_sdk_timeout_and_only_a_deadline_ends_it(provider: Provider) -> None:
    with ProviderServer(lambda _: Answer("{}", fault="drip")) as server, pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(CLIENTS[provider](server.url, "hello", timeout=1.5), 2.5))


@both_providers
def test_garbage_named_json_is_a_bare_json_error(provider: Provider) -> None:
    with ProviderServer(lambda _: Answer(fault="garbage")) as server, pytest.raises(json.JSONDecodeError):
        ask(provider, server.url)


@both_providers
def test_garbage_named_html_is_returned_as_a_string(provider: Provider) -> None:
    answer = Answer("<html>", fault="garbage", headers={"Content-Type": "text/html"})
    with ProviderServer(lambda _: answer) as server:
        assert ask(provider, server.url) == "<html>"


def test_a_broken_script_fails_the_test_that_wrote_it() -> None:
    def broken(_: Call) -> Answer:
        raise LookupError("oops")

    def use() -> None:
        with ProviderServer(broken) as server, pytest.raises(openai.BadRequestError, match="oops"):
            ask("openai", server.url)

    with pytest.raises(LookupError, match="oops"):
        use()
