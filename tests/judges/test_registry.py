"""`--judge` in every form, and one clear line for each mistake before anything is spent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from judge.errors import InputError, RunError
from judge.judges.anthropic import AnthropicJudge
from judge.judges.judge_options import JudgeOptions
from judge.judges.openai import OpenAIJudge
from judge.judges.registry import DEFAULT_OUTPUT_TOKENS, LOCAL_SETTINGS, open_judge, parse_judge, require
from judge.schema import JudgeSpec, Provider

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OMR_JUDGE_API_KEY")
CANARY = "CANARY-4f9a7c31d2e8b650"


@pytest.fixture(autouse=True)
def _both_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEYS, "OMR_JUDGE_GGUF"):
        monkeypatch.delenv(name, raising=False)
    for name in KEYS[:2]:
        monkeypatch.setenv(name, CANARY)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.v1.gguf"
    path.write_bytes(b"GGUF and more")
    return path


def parse(text: str, **options: float | str) -> JudgeSpec:
    return parse_judge(text, JudgeOptions(**options), say=lambda _: None)  # type: ignore[arg-type]


def refusal(text: str, **options: float | str) -> str:
    with pytest.raises(InputError) as refused:
        parse(text, **options)
    told = str(refused.value)
    assert "\n" not in told
    assert CANARY not in told
    return told


@pytest.mark.parametrize(
    ("text", "provider", "model", "endpoint"),
    [
        ("anthropic:claude-x", "anthropic", "claude-x", None),
        ("anthropic:claude-x@https://proxy.example", "anthropic", "claude-x", "https://proxy.example"),
        ("openai:gpt-x", "openai", "gpt-x", None),
        ("openai:org/model@http://127.0.0.1:8000/v1", "openai", "org/model", "http://127.0.0.1:8000/v1"),
        ("openai:org/model:free@rev1@http://[::1]:8000/v1", "openai", "org/model:free@rev1", "http://[::1]:8000/v1"),
        ("openai:model@20260101", "openai", "model@20260101", None),
    ],
)
def test_a_provider_a_model_and_a_server_are_read(text: str, provider: str, model: str, endpoint: str | None) -> None:
    spec = parse(text)
    assert (spec.provider, spec.model, spec.endpoint) == (provider, model, endpoint)
    assert spec.name == f"{provider}:{model}"
    assert spec.sees_images
    assert spec.settings.model_dump(exclude_none=True) == {"max_output_tokens": DEFAULT_OUTPUT_TOKENS}
    assert CANARY not in spec.model_dump_json()


def test_settings_that_are_given_are_kept() -> None:
    spec = parse("openai:m", max_output_tokens=5, temperature=0.0, effort="low")
    assert spec.settings.model_dump(exclude_none=True) == {"max_output_tokens": 5, "temperature": 0.0, "effort": "low"}
    assert parse("anthropic:m", effort="high").settings.effort == "high"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "unknown judge"),
        ("gpt-4", "unknown judge"),
        ("palm:pro", "unknown judge"),
        ("OpenAI:m", "unknown judge"),
        ("openai:a\nb", "unknown judge"),
        ("openai", "no model named"),
        ("openai:", "no model named"),
        ("anthropic", "no model named"),
        ("openai:@http://host/v1", "no model named"),
        ("local:", "no model named"),
        ("openai:m@localhost:8000/v1", "not a server's address"),
        ("openai:m@ftp://host/v1", "not a server's address"),
        ("openai:m@http://:80/v1", "not a server's address"),
        ("openai:m@http://host:99999/v1", "not a server's address"),
        ("openai:m@http://[::1/v1", "not a server's address"),
    ],
)
def test_a_mistake_is_one_clear_line(text: str, problem: str) -> None:
    told = refusal(text)
    assert told.startswith("--judge")
    assert problem in told
    assert told.endswith(")")


@pytest.mark.parametrize("host", ["host", "host:99999", "[::1"])
def test_a_password_in_an_address_is_refused_and_not_repeated(host: str) -> None:
    told = refusal(f"openai:m@http://me:hunter22@{host}/v1")
    assert "hunter22" not in told
    assert "keys come from the environment" in told


@pytest.mark.parametrize(("text", "variable"), [("anthropic:m", "ANTHROPIC_API_KEY"), ("openai:m", "OPENAI_API_KEY")])
@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_missing_key_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, text: str, variable: str, value: str | None
) -> None:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", "not for OpenAI itself")
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    assert f"{variable} is not set" in refusal(text)
    assert parse(f"{text}@http://127.0.0.1:1").endpoint == "http://127.0.0.1:1"


@pytest.mark.parametrize("key", [f"{CANARY}\n{CANARY}", f"{CANARY}é", f"{CANARY}\x1b"])
def test_a_key_that_cannot_be_sent_is_refused_before_an_sdk_can_repeat_it(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("OMR_JUDGE_API_KEY", key)
    assert "characters that no key has" in refusal("openai:m")
    assert "characters that no key has" in refusal("openai:m@http://127.0.0.1:1")


def test_options_that_a_provider_does_not_take_are_refused(weights: Path) -> None:
    assert refusal("anthropic:m", temperature=0.0).startswith("--temperature: ")
    assert refusal(f"local:{weights}", effort="low").startswith("--effort: ")


def test_the_embedded_judge_is_named_after_its_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = parse(f"local:{weights}")
    assert (spec.name, spec.endpoint, spec.sees_images) == ("local:tiny.v1", str(weights), False)
    assert spec.settings == LOCAL_SETTINGS
    monkeypatch.setenv("OMR_JUDGE_GGUF", str(weights))
    assert parse("local") == spec
    chosen = parse("local", max_output_tokens=9, temperature=0.7).settings
    assert (chosen.max_output_tokens, chosen.temperature, chosen.seed) == (9, 0.7, LOCAL_SETTINGS.seed)
    assert refusal(f"local:{weights}.absent").startswith(f"{weights}.absent: cannot be read")


def test_what_a_judge_needs_is_checked_again_when_a_run_goes_on(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded, hosted = parse(f"local:{weights}"), parse("openai:m")
    require(embedded, say=lambda _: None)
    require(hosted, say=lambda _: None)
    weights.write_bytes(b"GGUF and other")
    with pytest.raises(RunError, match="the weights have changed"):
        require(embedded, say=lambda _: None)
    weights.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        require(embedded, say=lambda _: None)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="OPENAI_API_KEY is not set"):
        require(hosted, say=lambda _: None)


def test_a_spec_opens_the_judge_of_its_provider() -> None:
    for text, kind in (("anthropic:m", AnthropicJudge), ("openai:m", OpenAIJudge)):
        judge = open_judge(parse(text), concurrency=1, timeout=1)
        asyncio.run(judge.close())
        assert type(judge) is kind


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.from_regex(r"(openai|anthropic):.*@https?://.*", fullmatch=True))
def test_any_text_is_a_spec_or_one_error(text: str) -> None:
    try:
        spec = parse(text)
    except InputError:
        return
    assert spec.provider in Provider
    assert spec.model
