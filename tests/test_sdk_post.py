"""An SDK prepares a call once, and what goes out is what it would have sent each time."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_server import Answer, ProviderServer

from judge.io.judges.direct_client import DirectClient, ReadResponse
from judge.io.judges.sdk_post import SdkPost

ADDRESS = "http://judge.example/v1/calls"
METHOD = "_build_request"
"""of the SDKs' clients; private, and what `SdkPost` relies on"""
BODIES = [b"{}", b'{"n": 1}', b'{"n": "\xc3\xa9"}', b"[" + b" " * 5000 + b"]", b"{}"]
CLIENTS = {openai: openai.AsyncOpenAI, anthropic: anthropic.AsyncAnthropic}
each_sdk = pytest.mark.parametrize("sdk", CLIENTS, ids=["openai", "anthropic"])
Handler = Callable[[httpx2.Request], httpx2.Response]


def client_of(sdk: ModuleType, handler: Handler, *, key: Any = "key", retries: int = 0) -> Any:  # noqa: ANN401
    """Open an SDK's own client on a transport that answers in this process."""
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
    return CLIENTS[sdk](api_key=key, max_retries=retries, http_client=http)


def count_built(client: Any, monkeypatch: pytest.MonkeyPatch) -> list[object]:  # noqa: ANN401 - either SDK's
    """Return a list that grows by each request that the SDK itself builds."""
    build, built = getattr(client, METHOD), []

    def counted(options: object, **settings: object) -> httpx2.Request:
        built.append(options)
        request: httpx2.Request = build(options, **settings)
        return request

    monkeypatch.setattr(client, METHOD, counted)
    return built


def post_all(client: Any, bodies: list[bytes] = BODIES) -> list[bytes]:  # noqa: ANN401 - either SDK's client
    post = SdkPost(client, ADDRESS)

    async def one_after_the_other() -> list[bytes]:
        return [(await post(body)).content for body in bodies]

    return asyncio.run(one_after_the_other())


class Seen:
    """Answers each request with its own body, and keeps it as it went out."""

    def __init__(self, *answers: httpx2.Response) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers: Iterator[httpx2.Response] = iter(answers)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return next(self._answers, httpx2.Response(200, content=request.content))

    @property
    def sent(self) -> list[tuple[str, str, bytes, dict[str, str]]]:
        return [(sent.method, str(sent.url), sent.content, dict(sent.headers)) for sent in self.requests]


@each_sdk
def test_every_request_is_what_the_sdk_sends_when_it_prepares_each(sdk: ModuleType) -> None:
    plain, copied = Seen(), Seen()

    async def post_plainly() -> None:
        client = client_of(sdk, plain)
        for body in BODIES:
            headers = {"content-type": "application/json"}
            await client.post(ADDRESS, content=body, cast_to=httpx2.Response, options={"headers": headers})

    asyncio.run(post_plainly())
    assert post_all(client_of(sdk, copied)) == BODIES
    assert copied.sent == plain.sent
    assert [headers["content-length"] for *_, headers in copied.sent] == ["2", "8", "11", "5002", "2"]


@each_sdk
def test_the_sdk_builds_only_two_requests_and_in_the_method_that_is_relied_on(
    sdk: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(sdk, Seen())
    built = count_built(client, monkeypatch)
    post_all(client)
    assert len(built) == 2, f"{sdk.__name__} builds its requests elsewhere: SdkPost needs a new way"


@each_sdk
def test_looking_at_a_batch_again_and_again_between_posts_is_the_sdks_own(sdk: ModuleType) -> None:
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    batch = {"id": "b", "processing_status": "ended", "request_counts": counts}
    seen = Seen(*(httpx2.Response(200, json=batch) for _ in range(8)))
    methods = ["GET", "GET", "GET", "POST", "POST", "POST", "GET", "POST"]

    async def mixed() -> None:
        client = client_of(sdk, seen)
        post = SdkPost(client, ADDRESS)
        batches = client.batches if sdk is openai else client.messages.batches
        for method in methods:
            await (post(b"{}") if method == "POST" else batches.retrieve("b"))

    asyncio.run(mixed())
    assert [(method, content) for method, _, content, _ in seen.sent] == [
        (method, b"{}" if method == "POST" else b"") for method in methods
    ]


@each_sdk
def test_an_error_after_many_calls_is_the_sdks_own_and_whole(sdk: ModuleType) -> None:
    body = {"error": {"message": "slow down", "type": "rate_limit_error", "code": "soon"}}
    ids = {"x-request-id": "r7", "request-id": "r7", "retry-after": "9"}
    answers = [*(httpx2.Response(200, content=b"{}") for _ in range(3)), httpx2.Response(429, json=body, headers=ids)]
    client = client_of(sdk, Seen(*answers))
    with pytest.raises(sdk.RateLimitError) as caught:
        post_all(client)
    error = caught.value
    assert (error.status_code, error.request_id) == (429, "r7")
    assert error.request.content == BODIES[3]
    assert error.response.headers["retry-after"] == "9"
    assert "slow down" in str(error)
    assert error.body in (body, body["error"])


@each_sdk
def test_a_lost_connection_after_many_calls_is_the_sdks_error_with_its_cause(sdk: ModuleType) -> None:
    lost = httpx2.ReadError("gone")

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.content == BODIES[3]:
            raise lost
        return httpx2.Response(200, content=b"{}")

    with pytest.raises(sdk.APIConnectionError) as caught:
        post_all(client_of(sdk, handler))
    assert caught.value.__cause__ is lost


@each_sdk
def test_a_retry_by_the_sdk_tells_the_server_its_number(sdk: ModuleType) -> None:
    again = httpx2.Response(500, headers={"retry-after-ms": "1"})
    seen = Seen(*(httpx2.Response(200, content=b"{}") for _ in range(3)), again)
    post_all(client_of(sdk, seen, retries=1))
    counts = [headers["x-stainless-retry-count"] for *_, headers in seen.sent]
    assert counts == ["0", "0", "0", "0", "1", "0"]


def test_a_key_that_changes_goes_along_with_each_call() -> None:
    keys = iter(["a", "a", "a", "b", "c"])

    async def key() -> str:
        return next(keys)

    seen = Seen()
    post_all(client_of(openai, seen, key=key))
    assert [headers["authorization"][-1] for *_, headers in seen.sent] == ["a", "a", "a", "b", "c"]


@each_sdk
def test_requests_that_always_differ_are_each_prepared_by_the_sdk(
    sdk: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(sdk, seen := Seen())
    build = getattr(client, METHOD)

    def numbered(options: Any, **settings: Any) -> httpx2.Request:  # noqa: ANN401 - the SDK's own
        request: httpx2.Request = build(options, **settings)
        request.headers["idempotency-key"] = str(len(seen.requests))
        return request

    monkeypatch.setattr(client, METHOD, numbered)
    post_all(client)
    assert [headers["idempotency-key"] for *_, headers in seen.sent] == ["0", "1", "2", "3", "4"]


@each_sdk
def test_what_the_sdk_adds_to_one_request_stays_with_it(sdk: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(sdk, seen := Seen())

    async def mark(request: httpx2.Request) -> None:
        request.headers[f"mark-{len(seen.requests)}"] = "here"

    monkeypatch.setattr(client, "_prepare_request", mark)
    post_all(client)
    marks = [[name for name in headers if name.startswith("mark-")] for *_, headers in seen.sent]
    assert marks == [["mark-0"], ["mark-1"], ["mark-2"], ["mark-3"], ["mark-4"]]


def test_a_client_that_builds_requests_elsewhere_is_posted_through_each_time() -> None:
    class Other:
        async def post(self, address: str, *, content: bytes, **_: object) -> httpx2.Response:
            return httpx2.Response(200, content=content + address.encode())

    assert post_all(Other()) == [body + ADDRESS.encode() for body in BODIES]


@given(body=st.binary(max_size=300), headers=st.sampled_from([{}, {"X-A": "1"}, {"content-type": "text/html"}]))
@pytest.mark.parametrize("packed", [True, False])
def test_a_reply_at_hand_reads_as_httpx2s_own(body: bytes, headers: Mapping[str, str], *, packed: bool) -> None:
    sent = gzip.compress(body) if packed else body
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw += [(b"Content-Encoding", b"gzip")] * packed
    request = httpx2.Request("POST", ADDRESS)
    reply = ReadResponse(200, raw, sent, request=request)
    assert reply.read() == reply.content == asyncio.run(reply.aread()) == body
    assert reply.text == httpx2.Response(200, headers=raw, content=sent).text
    assert reply.headers.raw == raw
    assert reply.request is request


def test_what_an_sdk_streams_goes_its_own_way() -> None:
    with ProviderServer(lambda _: Answer("streamed", fault="garbage")) as server:

        async def streamed() -> bytes:
            carrier = DirectClient(openai.DefaultAsyncHttpxClient, concurrency=1, timeout=5)
            async with openai.AsyncOpenAI(api_key="key", base_url=f"{server.url}/v1", http_client=carrier) as client:
                asked = client.chat.completions.with_streaming_response.create(
                    model="m", messages=[{"role": "user", "content": "Which?"}], max_tokens=9
                )
                async with asked as reply:
                    return await reply.read()

        assert asyncio.run(streamed()) == b"streamed"
    assert len(server.calls) == 1
