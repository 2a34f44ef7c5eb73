"""An error that a body with the status of a success holds is found wherever servers put it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from judge.errors import RetryableError, StopRunError
from judge.judges.openai import read_reply
from judge.judges.replies import receive
from judge.schema import FailureKind, Reply

WHOLE: dict[str, Any] = {
    "id": "c1",
    "choices": [{"message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2},
}
WHOLE_FIELDS = {'"content"': "{}", '"finish_reason"': "stop"}


def came(body: object) -> Reply:
    return receive(orjson.dumps(body), {}, key="k" * 9, read=lambda record, _: read_reply(record, request_id=None))[0]


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"error": True}, "True"),
        ({"errors": [{"message": "upstream died"}]}, "upstream died"),
        ({"status": "failed", "message": "no node"}, "no node"),
        ({"success": False, "message": "no node"}, "no node"),
        ({"status_code": 500, "detail": "no node"}, "no node"),
        ({"code": "503", "msg": "no node"}, "no node"),
        ({"error_code": 336100, "error_msg": "qps limit"}, "qps limit"),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "insufficient balance"),
    ],
)
def test_an_error_beside_an_answer_makes_it_unusable(beside: dict[str, Any], words: str) -> None:
    reply = came(WHOLE | beside)
    assert reply.cut is FailureKind.UNUSABLE
    assert f"an error within the reply: {words}" in str(reply.problem)
    assert reply.usage.output == 2


@pytest.mark.parametrize(
    ("body", "cut", "words"),
    [
        ({"message": {"role": "user"}}, "unusable", "a message of the user"),
        ({"message": {"role": "tool"}}, "unusable", "a message of the tool"),
        (
            {"message": {"tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]}},
            "unusable",
            "calls a tool",
        ),
        ({"message": {"function_call": {"name": "search", "arguments": "{}"}}}, "unusable", "calls a tool"),
        ({"choice": {"native_finish_reason": "MAX_TOKENS"}}, "truncated", ""),
        ({"choice": {"native_finish_reason": "SAFETY"}}, "filtered", ""),
        ({"choice": {"content_filter_results": {"hate": {"filtered": True}}}}, "filtered", ""),
        ({"body": {"status": "incomplete", "incomplete_details": {"reason": "max_tokens"}}}, "unusable", "incomplete"),
        ({"body": {"object": "chat.completion.chunk"}}, "unusable", "a piece of a stream"),
        ({"message": {"content": [{"type": "text", "text": "{}"}, {"type": "thinking", "thinking": "no"}]}}, None, ""),
    ],
)
def test_what_tells_that_a_reply_is_not_whole_or_not_the_models_is_heeded(
    body: dict[str, dict[str, Any]], cut: str | None, words: str
) -> None:
    (choice,) = WHOLE["choices"]
    message = choice["message"] | body.get("message", {})
    reply = came(WHOLE | body.get("body", {}) | {"choices": [choice | body.get("choice", {}) | {"message": message}]})
    assert reply.cut == cut
    assert words in reply.problem
    assert cut or reply.text == ""  # thinking that follows a text takes it back


@pytest.mark.parametrize(
    "twice", ['"content": "{}", "content": ""', '"finish_reason": "length", "finish_reason": "stop"']
)
def test_a_body_with_a_field_twice_is_no_reply(twice: str) -> None:
    name = twice.split(":", 1)[0]
    body = orjson.dumps(WHOLE).decode().replace(f'{name}:"{WHOLE_FIELDS[name]}"', twice)
    reply, _ = receive(body.encode(), {}, key="k" * 9, read=lambda record, _: read_reply(record, request_id=None))
    assert (reply.cut, reply.problem) == (FailureKind.UNUSABLE, "not a reply: the body has a field twice")
    quoted = came(WHOLE | {"choices": [{"message": {"content": body}, "finish_reason": "stop"}]})
    assert (quoted.cut, quoted.text) == (None, body)


def test_an_error_within_the_message_is_found() -> None:
    message = {"content": "{}", "error": {"message": "upstream died", "code": 502}}
    reply = came(WHOLE | {"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (reply.cut, reply.problem) == (FailureKind.UNUSABLE, "an error within the reply: upstream died")


@pytest.mark.parametrize(
    "beside",
    [
        *({"error": None}, {"error": {}}, {"errors": []}, {"success": True}, {"code": 200}, {"status": "completed"}),
        *(
            {"error_code": 0},
            {"error_code": "0", "error_msg": ""},
            {"base_resp": {"status_code": 0, "status_msg": "ok"}},
        ),
    ],
)
def test_what_says_that_there_is_no_error_does_no_harm(beside: dict[str, Any]) -> None:
    assert came(WHOLE | beside).cut is None


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"error": {"message": "no credit left", "code": 402}}},
        {"message": "Unauthorized", "code": 401},
        {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
    ],
)
def test_no_credit_and_no_right_stop_the_run_in_whatever_form_they_are_told(body: dict[str, Any]) -> None:
    with pytest.raises(StopRunError):
        came(body)


@pytest.mark.parametrize(
    "body",
    [
        {"error": "rate limit exceeded, please try again in 20s"},
        {"error": {"message": "Too many requests"}},
        {"statusCode": 429, "message": "Try again in 3 seconds."},
        {"errors": [{"message": "Rate limit reached"}]},
    ],
)
def test_a_rate_limit_that_is_told_within_a_body_is_one(body: dict[str, Any]) -> None:
    with pytest.raises(RetryableError) as error:
        came(body)
    assert (error.value.kind, error.value.maybe_paid) == (FailureKind.RATE_LIMIT, True)


@pytest.mark.parametrize("body", [None, 5, "overloaded", [], {}])
def test_what_is_no_completion_is_said_to_be_none_without_the_names_of_our_errors(body: object) -> None:
    reply = came(body)
    assert reply.cut is FailureKind.UNUSABLE
    assert reply.problem in {"not a reply: the body is no JSON object", "the reply holds no choices"}


def test_a_text_of_no_tokens_was_not_counted() -> None:
    assert came(WHOLE | {"usage": {"prompt_tokens": 10, "completion_tokens": 0}}).usage.input == 0


def test_a_key_that_a_server_echoes_in_its_text_is_not_kept() -> None:
    message = {"content": f"key: {'k' * 9}", "reasoning": "k" * 9}
    reply = came(WHOLE | {"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (reply.text, reply.reasoning) == ("key: [redacted]", "[redacted]")


def test_a_part_that_is_a_thought_is_not_read() -> None:
    parts = [{"type": "text", "thought": True, "text": "hm"}, {"type": "text", "text": "{}"}]
    reply = came(WHOLE | {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]})
    assert (reply.text, reply.reasoning) == ("{}", "hm")
