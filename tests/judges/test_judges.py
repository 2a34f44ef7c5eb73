"""What both SDKs send, what becomes of a reply, and of everything that is none."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from asked import MODEL, ask, made_request, made_spec, with_judge
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode, encode
from msgspec.structs import replace
from provider_server import Answer, Call, ProviderServer, longer_wins, verdicts_for

from judge.errors import ProviderError, RetryableError, RunError, StopRunError
from judge.judges.base import Judge, reply_errors
from judge.judges.openai import OpenAIJudge, read_reply
from judge.judges.provider_errors import clean, redact, status_error
from judge.judges.registry import open_judge
from judge.prompting.pairwise_reply import interpret
from judge.schema import Failed, FailureKind, Image, Judged, JudgeSettings, MediaType, Reply, Request

OPENAI, ANTHROPIC = WAYS = ("openai", "anthropic")
every_way = pytest.mark.parametrize("way", WAYS)
CANARY = "CANARY-4f9a7c31d2e8b650"
SETTINGS = JudgeSettings(max_output_tokens=1234)
SAMPLING = {"temperature", "top_p", "top_k", "seed", "stop", "n", "frequency_penalty", "presence_penalty"}
K = FailureKind


@pytest.fixture(autouse=True)
def _only_canary_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


def set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OMR_JUDGE_API_KEY"):
        monkeypatch.setenv(name, CANARY)


def call_of(way: str, request: Request | None = None, settings: JudgeSettings = SETTINGS) -> Call:
    with ProviderServer(longer_wins) as server:
        ask(made_spec(way, server, settings), request)
    return server.calls[0]


def parts_of(call: Call) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = call.body["messages"][-1]["content"]
    return parts


class Asker:
    """One judge of each kind, open for all tests, since opening one takes a tenth of a second."""

    def __init__(self, runner: asyncio.Runner, server: ProviderServer) -> None:
        self._run = runner.run
        self._judges = {way: open_judge(made_spec(way, server), concurrency=1, timeout=5) for way in WAYS}
        self.answer = Answer()

    def reply(self, way: str, answer: Answer) -> Reply:
        self.answer = answer
        return self._run(self._judges[way].ask(made_request()))

    def error(self, way: str, answer: Answer) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.reply(way, answer)
        assert CANARY not in str(caught.value)
        assert CANARY not in caught.value.message
        return caught.value

    def close(self) -> None:
        for judge in self._judges.values():
            self._run(judge.close())


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    with (
        pytest.MonkeyPatch.context() as environment,
        ProviderServer(lambda _: opened.answer) as server,
        asyncio.Runner() as runner,
    ):
        set_keys(environment)
        opened = Asker(runner, server)
        yield opened
        opened.close()


@pytest.fixture
def images(tmp_path: Path) -> list[Image]:
    contents = {"x.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "y.jpg": b"\xff\xd8\xff" + bytes(range(255, -1, -1))}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    types: dict[str, MediaType] = {"x.png": "image/png", "y.jpg": "image/jpeg"}
    return [
        Image(path=str(tmp_path / name), sha256=hashlib.sha256(content).hexdigest(), media_type=types[name])
        for name, content in contents.items()
    ]


@every_way
def test_no_sampling_parameter_and_no_effort_is_sent_unless_asked(way: str) -> None:
    call = call_of(way)
    assert call.body["model"] == MODEL
    assert not SAMPLING & call.body.keys()
    assert "reasoning_effort" not in call.body
    assert "effort" not in call.body.get("output_config", {})
    assert "stream" not in call.body


@every_way
def test_images_arrive_byte_for_byte_before_all_text(way: str, images: list[Image]) -> None:
    call = call_of(way, made_request(images=images))
    expected = [(image.media_type, Path(image.path).read_bytes()) for image in images]
    assert call.images == expected
    kinds = [part["type"] for part in parts_of(call)]
    assert kinds == [{"openai": "image_url", "anthropic": "image"}[way]] * 2 + ["text", "text"]


@every_way
def test_what_both_orders_share_comes_before_the_traces(way: str) -> None:
    request = made_request()
    call = call_of(way, request)
    assert [part["text"] for part in parts_of(call)] == [request.prompt.shared, request.prompt.traces]
    assert call.system == request.prompt.system


@every_way
def test_the_schema_is_sent_as_it_is(way: str) -> None:
    request = made_request()
    assert call_of(way, request).schema == request.schema_


def test_openai_is_asked_for_a_strict_schema() -> None:
    assert call_of(OPENAI).body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize("shares", [True, False])
def test_anthropic_is_asked_to_store_the_shared_part_where_another_request_begins_with_it(*, shares: bool) -> None:
    shared, traces = parts_of(call_of(ANTHROPIC, replace(made_request(), shares_prefix=shares)))
    assert shared.get("cache_control") == ({"type": "ephemeral"} if shares else None)
    assert "cache_control" not in traces


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize(
    ("model", "marks"), [("gpt-5.5", False), ("gpt-5.6-sol", True), ("gpt-6-luna", True), ("gpt-6.2-astra", True)]
)
def test_openai_is_told_how_far_to_store_a_prompt_where_storing_costs(model: str, *, marks: bool, shares: bool) -> None:
    spec = made_spec("openai", "https://api.openai.com").model_copy(update={"model": model})
    requests = [replace(made_request(item), shares_prefix=shares) for item in ("q1", "q1", "q2")]

    async def bodies(judge: Judge) -> list[dict[str, Any]]:
        assert isinstance(judge, OpenAIJudge)
        return [judge.body(request) for request in requests]

    first, again, other = with_judge(spec, bodies)
    shared, traces = first["messages"][1]["content"]
    assert first.get("prompt_cache_options") == ({"mode": "explicit"} if marks else None)
    assert shared.get("prompt_cache_breakpoint") == ({"mode": "explicit"} if marks and shares else None)
    assert "prompt_cache_breakpoint" not in traces
    assert first["prompt_cache_key"] == again["prompt_cache_key"] != other["prompt_cache_key"]


def test_other_servers_are_sent_no_word_of_caches() -> None:
    assert not [name for name in call_of(OPENAI, replace(made_request(), shares_prefix=True)).body if "cache" in name]


def test_the_output_limit_goes_in_the_field_that_the_server_knows() -> None:
    compatible, anthropic = call_of(OPENAI).body, call_of(ANTHROPIC).body
    assert compatible["max_tokens"] == 1234
    assert not {"max_completion_tokens", "store"} & compatible.keys()
    assert anthropic["max_tokens"] == 1234


def test_a_long_reply_may_be_asked_of_anthropic_without_streaming() -> None:
    assert call_of(ANTHROPIC, settings=JudgeSettings(max_output_tokens=64_000)).body["max_tokens"] == 64_000


def test_settings_that_are_asked_for_are_sent() -> None:
    asked = JudgeSettings(max_output_tokens=9, temperature=0.5, effort="low", seed=3)
    body = call_of(OPENAI, settings=asked).body
    assert (body["temperature"], body["reasoning_effort"], body["seed"]) == (0.5, "low", 3)
    assert call_of(ANTHROPIC, settings=asked).body["output_config"]["effort"] == "low"


def test_openai_itself_is_told_to_store_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with ProviderServer(longer_wins) as server:
        # A plain HTTP address of OpenAI through a proxy: the one way to see on a socket what OpenAI would be sent.
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.setenv("OPENAI_BASE_URL", "http://eu.api.openai.com/v1")
        ask(made_spec("openai", None, SETTINGS))
    body = server.calls[0].body
    assert body["store"] is False
    assert body["max_completion_tokens"] == 1234
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("base_url", "hosted"),
    [
        (None, True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("http://127.0.0.1:8000/v1", False),
        ("https://notopenai.com/v1", False),
        ("https://api.openai.com.evil.example/v1", False),
    ],
)
def test_openai_is_known_by_its_address_wherever_that_stands(
    monkeypatch: pytest.MonkeyPatch, base_url: str | None, *, hosted: bool
) -> None:
    def is_hosted(endpoint: str | None) -> bool:
        spec = made_spec("openai", None).model_copy(update={"endpoint": endpoint})
        judge = open_judge(spec, concurrency=1, timeout=1)
        asyncio.run(judge.close())
        assert isinstance(judge, OpenAIJudge)
        return judge.hosted

    assert is_hosted(base_url) is hosted
    if base_url is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    assert is_hosted(None) is hosted


@pytest.mark.parametrize(("way", "variable", "path"), [(OPENAI, "OPENAI", "/v1"), (ANTHROPIC, "ANTHROPIC", "")])
def test_the_sdks_own_address_variables_are_honoured(
    monkeypatch: pytest.MonkeyPatch, way: str, variable: str, path: str
) -> None:
    with ProviderServer(longer_wins) as server:
        monkeypatch.setenv(f"{variable}_BASE_URL", server.url + path)
        reply = ask(made_spec(way, None))
    assert isinstance(interpret(reply, ["knowledge", "overall"]), Judged)


@every_way
def test_the_key_comes_from_the_environment_and_goes_only_into_its_header(way: str) -> None:
    call = call_of(way)
    assert [name for name, value in call.headers.items() if CANARY in value] == ["authorization"]
    assert CANARY not in str(call.body)


@every_way
def test_a_server_given_by_its_address_gets_a_key_of_its_own_or_none(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", " mine \n")
    assert call_of(way).headers["authorization"] == "Bearer mine"
    monkeypatch.delenv("OMR_JUDGE_API_KEY")
    for name in ("OPENAI_ADMIN_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    call = call_of(way)
    assert call.headers["authorization"] == "Bearer no-key"
    assert CANARY not in str(call.headers)


@every_way
def test_a_reply_is_kept_as_it_came(way: str) -> None:
    text = ' {"odd":  "spacing\\u00e9 and ünïcode"}\n'
    with ProviderServer(lambda _: Answer(text, cached=5)) as server:
        reply = ask(made_spec(way, server))
    assert reply.text == text
    assert reply.cut is None
    assert reply.stop == {"openai": "stop", "anthropic": "end_turn"}[way]
    assert reply.model == MODEL
    assert reply.request_id == "req_000000"
    prompt = made_request().prompt
    characters = len(prompt.system) + len(prompt.shared) + len("\n") + len(prompt.traces)
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.output) == (characters // 4, 5, len(text) // 4)


@every_way
@pytest.mark.parametrize(
    ("stop", "cut"), [("length", K.TRUNCATED), ("refusal", K.REFUSED), ("filter", None), ("end", None)]
)
def test_a_reply_that_is_not_whole_says_why(asker: Asker, way: str, stop: Any, cut: FailureKind | None) -> None:  # noqa: ANN401
    if stop == "filter":  # Anthropic calls it a refusal
        cut = K.FILTERED if way == "openai" else K.REFUSED
    reply = asker.reply(way, Answer("I cannot judge", stop=stop))
    assert reply.cut == cut
    assert reply.text == "I cannot judge"


def test_lone_surrogates_in_a_reply_become_replacement_characters(asker: Asker) -> None:
    body = '{"choices": [{"finish_reason": "stop", "message": {"content": "a\\ud800b"}}]}'
    assert asker.reply(OPENAI, Answer(body, fault="garbage")).text == "a\ufffdb"


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_cleaned_text_can_be_written_and_whole_text_is_left_alone(text: str) -> None:
    clean(text).encode()
    if not any(0xD800 <= ord(character) < 0xE000 for character in text):
        assert clean(text) == text


@pytest.mark.parametrize(
    "usage",
    [
        *("null", "{}", "[]"),
        *(
            f'{{"prompt_tokens": {n}, "completion_tokens": 7}}'
            for n in ("null", '"many"', "-1", "1.5", "true", 2**53 + 1)
        ),
    ],
)
def test_a_reply_with_an_unreadable_usage_still_counts(asker: Asker, usage: str) -> None:
    body = f'{{"choices": [{{"finish_reason": "stop", "message": {{"content": "x"}}}}], "usage": {usage}}}'
    reply = asker.reply(OPENAI, Answer(body, fault="garbage"))
    assert (reply.text, reply.usage.input, reply.usage.output) == ("x", 0, 0)


@every_way
def test_a_changed_image_ends_the_run_before_anything_is_sent(way: str, images: list[Image]) -> None:
    Path(images[0].path).write_bytes(b"\x89PNG\r\n\x1a\nother")
    with ProviderServer(longer_wins) as server, pytest.raises(RunError, match="image changed"):
        ask(made_spec(way, server), made_request(images=images))
    assert not server.calls


PASSING = [(408, K.TRANSPORT), (409, K.TRANSPORT), (425, K.TRANSPORT), (429, K.RATE_LIMIT)]
PASSING += [(status, K.TRANSPORT) for status in (500, 502, 503, 504, 529)]


@every_way
@pytest.mark.parametrize(("status", "kind"), PASSING)
def test_statuses_that_pass_are_retried(asker: Asker, way: str, status: int, kind: FailureKind) -> None:
    error = asker.error(way, Answer(status=status, error={"message": f"echo {CANARY}"}))
    assert isinstance(error, RetryableError)
    assert (error.kind, error.status, error.retry_after) == (kind, status, None)
    assert error.maybe_paid is (status == 504)


@every_way
@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_statuses_that_concern_every_request_stop_the_run(asker: Asker, way: str, status: int) -> None:
    error = asker.error(way, Answer(status=status, error={"message": f"Incorrect API key provided: {CANARY}"}))
    assert isinstance(error, StopRunError)
    assert error.status == status


MONEY: list[tuple[str, int, dict[str, str]]] = [
    ("openai", 429, {"type": "insufficient_quota", "code": "insufficient_quota"}),
    ("openai", 429, {"type": "insufficient_quota", "code": "credit_balance_exhausted"}),
    ("openai", 429, {"code": "project_spend_limit_exceeded"}),
    ("openai", 400, {"code": "model_not_found"}),
    ("anthropic", 429, {"code": "enforced_spend_limit_reached"}),
    ("anthropic", 400, {"type": "billing_error"}),
]


@pytest.mark.parametrize(("way", "status", "error"), MONEY)
def test_an_empty_account_stops_the_run_whatever_the_status(
    asker: Asker, way: str, status: int, error: dict[str, str]
) -> None:
    assert isinstance(asker.error(way, Answer(status=status, error=error)), StopRunError)


REFUSED_REQUESTS: list[tuple[str, int, dict[str, str], FailureKind]] = [
    ("openai", 400, {"code": "context_length_exceeded"}, K.TOO_LONG),
    ("openai", 400, {"message": "This model's maximum context length is 4096 tokens."}, K.TOO_LONG),
    ("openai", 400, {"type": "exceed_context_size_error"}, K.TOO_LONG),
    ("anthropic", 400, {"message": "prompt is too long: 250000 tokens > 200000 maximum"}, K.TOO_LONG),
    ("openai", 413, {}, K.TOO_LONG),
    ("anthropic", 413, {"type": "request_too_large"}, K.TOO_LONG),
    ("openai", 400, {"code": "content_filter"}, K.FILTERED),
    ("openai", 403, {"code": "content_policy_violation"}, K.FILTERED),
    ("anthropic", 400, {"message": "Output blocked by content filtering policy"}, K.FILTERED),
    ("openai", 400, {"code": "invalid_json_schema"}, K.REJECTED),
    ("anthropic", 400, {"message": "max_tokens: too many"}, K.REJECTED),
    ("openai", 422, {}, K.REJECTED),
]


@pytest.mark.parametrize(("way", "status", "error", "kind"), REFUSED_REQUESTS)
def test_a_request_that_would_fail_again_is_a_failure_of_its_kind(
    asker: Asker, way: str, status: int, error: dict[str, str], kind: FailureKind
) -> None:
    raised = asker.error(way, Answer(status=status, error=error))
    assert not isinstance(raised, RetryableError | StopRunError)
    assert (raised.kind, raised.status) == (kind, status)


ERRORS_FOR_REPLIES: list[tuple[str, dict[str, Any], type[ProviderError], int]] = [
    ("openai", {"code": 502, "message": f"upstream failed {CANARY}"}, RetryableError, 502),
    ("openai", {"code": 429, "message": "upstream is busy"}, RetryableError, 429),
    ("openai", {"code": 402, "message": "no credits"}, StopRunError, 402),
    ("openai", {"code": "insufficient_quota"}, StopRunError, 500),
]


@pytest.mark.parametrize(("way", "words", "kind", "status"), ERRORS_FOR_REPLIES)
def test_an_error_that_a_gateway_sends_for_a_reply_is_read_as_that_error(
    asker: Asker, way: str, words: dict[str, Any], kind: type[ProviderError], status: int
) -> None:
    error = asker.error(way, Answer(error=words))
    assert type(error) is kind
    assert (error.status, error.maybe_paid) == (status, True)
    assert f"with status 200: {words.get('message', '').replace(CANARY, '[redacted]')}" in error.message


@every_way
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_pause_that_a_provider_asks_for_is_read(
    asker: Asker, way: str, headers: dict[str, str], seconds: float | None
) -> None:
    error = asker.error(way, Answer(status=429, headers=headers))
    assert isinstance(error, RetryableError)
    assert error.retry_after == seconds


@every_way
@pytest.mark.parametrize("skew_hours", [-1, 0, 1])
def test_a_date_to_wait_for_is_read_by_the_servers_own_clock(asker: Asker, way: str, skew_hours: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=skew_hours)
    headers = {
        "date": format_datetime(now, usegmt=True),
        "retry-after": format_datetime(now + timedelta(seconds=30), usegmt=True),
    }
    error = asker.error(way, Answer(status=429, headers=headers))
    assert isinstance(error, RetryableError)
    assert error.retry_after == 30


LOST: list[tuple[str, Answer]] = [
    ("reset", Answer(fault="reset")),
    ("reset in mid-body", Answer("{}", fault="reset_mid_body")),
    ("an empty body", Answer(" ", fault="garbage")),
]
UNUSABLE: list[tuple[str, Answer]] = [
    ("HTML that calls itself JSON", Answer(fault="garbage")),
    ("HTML", Answer(fault="garbage", headers={"content-type": "text/html"})),
    ("cut JSON", Answer('{"choices": [{"mess', fault="garbage")),
    ("no UTF-8", Answer("\udcff".encode("utf-16", "surrogatepass").decode("latin-1"), fault="garbage")),
]
UNUSABLE += [
    (body, Answer(body, fault="garbage"))
    for body in (
        "{}",
        "[]",
        "null",
        '"text"',
        "17",
        '{"choices": [], "content": null}',
        '{"choices": null, "content": "text"}',
        '{"choices": [null], "content": [null]}',
        '{"choices": {"a": 1}, "content": {"a": 1}}',
        '{"choices": [{"message": null}], "content": [{"type": "text"}]}',
        '{"choices": [{"message": {"content": 7}}], "content": [{"type": "text", "text": 7}]}',
        '{"choices": [{"message": "text"}], "content": [7]}',
        '{"error": {"message": "upstream"}}',
        '{"error": "upstream", "choices": [{"message": {"content": "{}"}}], "content": []}',
        '{"choices": [{"error": {"code": 502}, "message": {"content": "{}"}}], "content": 7}',
        '{"choices": [{"message": {"content": "1"}}, {"message": {"content": "2"}}], "content": "two"}',
    )
]


@every_way
@pytest.mark.parametrize("answer", [answer for _, answer in LOST], ids=[name for name, _ in LOST])
def test_a_call_that_got_no_body_is_a_passing_transport_failure_that_may_have_been_paid(
    asker: Asker, way: str, answer: Answer
) -> None:
    error = asker.error(way, answer)
    assert isinstance(error, RetryableError)
    assert error.kind is K.TRANSPORT
    assert error.maybe_paid
    assert error.message


@every_way
@pytest.mark.parametrize("answer", [answer for _, answer in UNUSABLE], ids=[name for name, _ in UNUSABLE])
def test_a_body_that_cannot_be_used_is_a_reply_that_was_paid_for(asker: Asker, way: str, answer: Answer) -> None:
    reply = asker.reply(way, answer)
    result = interpret(reply, ["overall"])
    assert isinstance(result, Failed)
    assert result.failure is K.UNUSABLE
    assert result.detail.startswith(reply.problem)
    assert len(reply.text) <= 200


@every_way
def test_an_error_page_in_html_keeps_its_status(asker: Asker, way: str) -> None:
    answer = Answer("<html>" + "x" * 5000, status=502, fault="garbage", headers={"content-type": "text/html"})
    error = asker.error(way, answer)
    assert isinstance(error, RetryableError)
    assert error.status == 502
    assert len(error.message) < 600


@every_way
def test_a_server_that_never_answers_is_a_timeout_that_may_have_been_paid(way: str) -> None:
    with ProviderServer(lambda _: Answer(fault="hang")) as server, pytest.raises(RetryableError) as caught:
        ask(made_spec(way, server), timeout=2)
    assert (caught.value.kind, caught.value.maybe_paid) == (K.TIMEOUT, True)


@every_way
def test_a_server_that_is_not_there_was_not_paid(way: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RetryableError) as caught:
            ask(made_spec(way, address))
    assert (caught.value.kind, caught.value.maybe_paid) == (K.TRANSPORT, False)


@every_way
def test_a_key_shows_nowhere_when_a_server_repeats_it(
    asker: Asker, way: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    echoes = [CANARY, f"Bearer {CANARY}", f"'x-api-key': '{CANARY}'", f"sk-{CANARY}"]
    for answer in (*(Answer(status=status, error={"message": echo}) for echo in echoes for status in (400, 401, 500)),):
        asker.error(way, answer)
    for text in (f"<html>{CANARY}</html>", f'{{"error": "wrong key {CANARY}"}}'):
        assert CANARY not in str(asker.reply(way, Answer(text, fault="garbage")))
    out, err = capfd.readouterr()
    assert CANARY not in out + err + caplog.text


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer {}",
        "authorization: {}",
        "'x-api-key': '{}'",
        "x-api-key={}",
        "api_key: {}",
        "key {}",
    ],
)
def test_whatever_looks_like_a_key_is_blanked(header: str) -> None:
    assert "ABCdef0123456789" not in redact(f"wrong: {header.format('ABCdef0123456789')}!")
    assert "ABCdef0123456789" not in redact("wrong: sk-proj-ABCdef0123456789!")


def test_ordinary_words_are_not_blanked_and_long_ones_are_cut() -> None:
    assert redact("400: unknown key: 'temperature'") == "400: unknown key: 'temperature'"
    assert len(redact("word " * 1000)) == 500


@given(
    st.integers(100, 999), st.text(max_size=40), st.text(max_size=40), st.dictionaries(st.text(), st.text(), max_size=2)
)
def test_every_status_has_a_class(status: int, code: str, message: str, headers: dict[str, str]) -> None:
    error = status_error(status, code=code, message=message, headers=headers)
    assert isinstance(error, ProviderError)
    assert isinstance(error.kind, FailureKind)


@every_way
def test_one_client_serves_many_calls_at_once(way: str) -> None:
    def judge(call: Call) -> Answer:
        return Answer(verdicts_for(call.schema or {}, "tie"), after=lambda: server.in_flight_max == 120)

    with ProviderServer(judge) as server:

        async def many(judge: Judge) -> list[Reply]:
            return await asyncio.gather(*(judge.ask(made_request(f"q{n}")) for n in range(120)))

        replies = with_judge(made_spec(way, server), many, concurrency=120)
    assert len({reply.request_id for reply in replies}) == 120
    assert server.in_flight_max == 120


@every_way
def test_the_headers_of_a_reply_are_told_whatever_case_they_have(way: str) -> None:
    told: list[Mapping[str, str]] = []

    async def listen(judge: Judge) -> Reply:
        judge.on_headers = told.append
        return await judge.ask(made_request())

    with ProviderServer(lambda _: Answer(headers={"X-RateLimit-Remaining-Requests": "7"})) as server:
        with_judge(made_spec(way, server), listen)
    assert [headers["x-ratelimit-remaining-requests"] for headers in told] == ["7"]


@every_way
def test_a_server_that_sends_calls_elsewhere_stops_the_run_and_gets_no_second_call(asker: Asker, way: str) -> None:
    error = asker.error(way, Answer(status=307, headers={"location": "http://127.0.0.1:1/v1"}))
    assert isinstance(error, StopRunError)
    assert "http://127.0.0.1:1/v1" in error.message


@pytest.mark.parametrize("body", ['{"detail": "no"}', "[]", "no"])
def test_an_error_in_another_form_is_told_as_it_came(asker: Asker, body: str) -> None:
    error = asker.error(OPENAI, Answer(body, status=400, fault="garbage"))
    assert (error.kind, error.message) == (K.REJECTED, f"400: {body}")


ODD_TEXT = st.text(st.characters(), max_size=5)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD_TEXT | st.sampled_from(["stop", "length"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ODD_TEXT, inner, max_size=2),
    max_leaves=4,
)
USAGE = st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "prompt_tokens_details"]), ODD)


@given(st.fixed_dictionaries({"content": ODD}, optional={"refusal": ODD}), ODD, ODD, USAGE | ODD)
def test_a_reply_of_any_form_is_refused_or_can_be_read_again(
    said: dict[str, Any],
    stop: Any,  # noqa: ANN401 - a server may send anything
    model: Any,  # noqa: ANN401
    usage: Any,  # noqa: ANN401
) -> None:
    completion = {"choices": [{"message": said, "finish_reason": stop}], "model": model, "usage": usage}
    reply = None
    with suppress(ProviderError), reply_errors(key="key"):
        reply = read_reply(completion, request_id=None)
    assert reply is None or decode(encode(reply), type=Reply) == reply
