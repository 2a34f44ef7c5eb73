"""What servers' refusals teach, in words that servers were seen to use, and what is sent then."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asked import made_request, made_spec
from hypothesis import given
from hypothesis import strategies as st

from judge.judges.anthropic import AnthropicJudge
from judge.judges.openai import OpenAIJudge
from judge.judges.request_forms import called, learn, names_the_limit, used
from judge.schema import JudgeSettings, RequestForm

F = RequestForm
CHAT = {
    "System role not supported": F.NO_SYSTEM,
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.": F.NO_SYSTEM,
    "Developer instruction is not enabled for models/gemma-3-27b-it": F.NO_SYSTEM,
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
    "instead.": F.NEW_LIMIT,
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.": F.OBJECT,
    "This response_format type is unavailable now": F.OBJECT,
    "Failed to deserialize the JSON body into the target type: response_format: response_format.type `json_schema` is "
    "unavailable now at line 1 column 1193": F.OBJECT,
    "guided decoding is not supported by this engine": F.OBJECT,
    "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is "
    "supported.": F.NO_TEMPERATURE,
    "Failed to deserialize the JSON body into the target type: messages[1]: invalid type: sequence, expected a string "
    "at line 1 column 900": F.PLAIN,
    "[{'type': 'string_type', 'loc': ('body', 'messages', 1, 'content'), 'msg': 'Input should be a valid "
    "string'}]": F.PLAIN,
}
MESSAGES = {
    "output_config: Extra inputs are not permitted": F.TEXT,
    "messages.0.content.0.image.transformations: Extra inputs are not permitted": F.ANY_SIZE,
    "system: Extra inputs are not permitted": F.NO_SYSTEM,
}
NOTHING = [
    *("", "no such model", "The model produced invalid content.", "Rate limit exceeded", "Internal error"),
    "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 8192 tokens",
    "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for claude-x",
    "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
]


@pytest.fixture
def judges(monkeypatch: pytest.MonkeyPatch) -> tuple[OpenAIJudge, AnthropicJudge]:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", "k")
    settings = JudgeSettings(max_output_tokens=100, temperature=0.5, effort="low")
    chat = OpenAIJudge(made_spec("openai", "http://127.0.0.1:9", settings), concurrency=1, timeout=1)
    settings = JudgeSettings(max_output_tokens=100)
    return chat, AnthropicJudge(made_spec("anthropic", "http://127.0.0.1:9", settings), concurrency=1, timeout=1)


def test_a_refusal_that_names_a_field_teaches_another_form_and_only_once(
    judges: tuple[OpenAIJudge, AnthropicJudge],
) -> None:
    for judge, refusals, is_chat in ((judges[0], CHAT, True), (judges[1], MESSAGES, False)):
        body = judge.body(made_request())
        for words, form in refusals.items():
            assert learn(words, body, (), chat=is_chat) is form, words
            assert learn(words, body, {form}, chat=is_chat) is not form
        for words in NOTHING:
            assert learn(words, body, (), chat=is_chat) is None, words


def test_no_form_of_words_is_left_after_an_object_is_refused_too(judges: tuple[OpenAIJudge, AnthropicJudge]) -> None:
    chat = judges[0]
    chat.forms = frozenset({F.OBJECT})
    words = "response_format is not supported"
    assert learn(words, chat.body(made_request()), chat.forms, chat=True) is F.TEXT
    chat.forms |= {F.TEXT}
    assert learn(words, chat.body(made_request()), chat.forms, chat=True) is None


@pytest.mark.parametrize("words", [words for words in NOTHING if "max_tokens" in words])
def test_a_limit_that_is_too_large_is_known_as_such(words: str) -> None:
    assert names_the_limit(words)


@given(words=st.text(max_size=80), forms=st.frozensets(st.sampled_from(RequestForm)), form=st.sampled_from(RequestForm))
def test_what_was_learnt_is_never_learnt_again(words: str, forms: frozenset[RequestForm], form: RequestForm) -> None:
    body: dict[str, Any] = {
        "messages": [{"role": "system", "content": ""}, {"role": "user", "content": [{"type": "text"}]}]
    }
    told = f"{words} {' '.join(CHAT)}"
    assert learn(told, body, forms | {form}, chat=True) not in forms | {form}


def test_each_form_is_what_is_sent(judges: tuple[OpenAIJudge, AnthropicJudge]) -> None:
    chat, messages = judges
    request = made_request()

    def sent(judge: OpenAIJudge | AnthropicJudge, *forms: RequestForm) -> dict[str, Any]:
        judge.forms = frozenset(forms)
        return judge.body(request)

    assert sent(chat, F.OBJECT)["response_format"] == {"type": "json_object"}
    assert "response_format" not in sent(chat, F.TEXT)
    assert sent(chat, F.TOOL)["tool_choice"]["function"]["name"] == "judgment"
    assert "max_tokens" not in sent(chat, F.NEW_LIMIT)
    assert sent(chat, F.OLD_LIMIT)["max_tokens"] == 100
    assert "temperature" not in sent(chat, F.NO_TEMPERATURE)
    plain = sent(chat, F.PLAIN, F.NO_SYSTEM)["messages"]
    assert [turn["role"] for turn in plain] == ["user"]
    assert plain[0]["content"].startswith("Be fair.\n\nQuestion q1?")
    assert sent(messages, F.TOOL)["tool_choice"] == {"type": "tool", "name": "judgment"}
    assert "output_config" not in sent(messages, F.TEXT)
    folded = sent(messages, F.NO_SYSTEM, F.ANY_SIZE)
    assert "system" not in folded
    assert folded["messages"][0]["content"][0]["text"].startswith("Be fair.")


def test_one_call_of_the_function_is_the_reply_and_nothing_else_is() -> None:
    def completion(*names: str, finish: str = "tool_calls") -> dict[str, Any]:
        calls = [{"function": {"name": name, "arguments": '{"a": 1}'}} for name in names]
        return {"choices": [{"finish_reason": finish, "message": {"content": None, "tool_calls": calls}}]}

    choice = called(completion("judgment"))["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", '{"a": 1}')
    assert called(completion("judgment", finish="length"))["choices"][0]["finish_reason"] == "length"
    for other in (completion(), completion("other"), completion("judgment", "judgment")):
        assert called(other) is other

    def message(*names: str, stop: str = "tool_use") -> dict[str, Any]:
        return {
            "stop_reason": stop,
            "content": [{"type": "tool_use", "name": name, "input": {"a": 1}} for name in names],
        }

    said = used(message("judgment"))
    assert (said["stop_reason"], json.loads(said["content"][0]["text"])) == ("end_turn", {"a": 1})
    assert used(message("judgment", stop="max_tokens"))["stop_reason"] == "max_tokens"
    for other in (message(), message("other"), message("judgment", "judgment")):
        assert used(other) is other
    # What stands beside the call may be another verdict
    beside = completion("judgment")
    for text, is_called in (("I shall call it.", True), ('{"a": 2}', False)):
        beside["choices"][0]["message"]["content"] = text
        assert (called(beside) is not beside) == is_called
        one = message("judgment")
        one["content"].insert(0, {"type": "text", "text": text})
        assert (used(one) is not one) == is_called
    thought_again = message("judgment")
    thought_again["content"].append({"type": "thinking", "thinking": "No."})
    assert used(thought_again) is thought_again
