"""A price is known, zero, or unknown: never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from judge.io.prices import price
from judge.schema import JudgeSettings, JudgeSpec, Provider, Usage

MILLION = 10**6


def spec(provider: str, model: str, endpoint: str | None = None) -> JudgeSpec:
    settings = JudgeSettings(max_output_tokens=1)
    return JudgeSpec(provider=Provider(provider), model=model, endpoint=endpoint, settings=settings)


def test_a_known_model_is_priced_by_the_list() -> None:
    assert price(spec("openai", "gpt-4o"), Usage(input=MILLION, output=MILLION)) == Decimal("12.5")
    assert price(spec("openai", "gpt-4o"), Usage()) == 0


def test_cached_tokens_are_part_of_the_input_and_cost_less() -> None:
    judge = spec("anthropic", "claude-sonnet-4-5")
    plain, cached = price(judge, Usage(input=1000)), price(judge, Usage(input=1000, cache_read=900))
    assert plain is not None
    assert cached is not None
    assert 0 < cached < plain


def test_the_embedded_judge_is_free() -> None:
    assert price(spec("local", "SmolLM2", "/w.gguf"), Usage(input=MILLION)) == 0


@pytest.mark.parametrize(
    "judge",
    [spec("openai", "no-such-model"), spec("openai", ""), spec("openai", "gpt-4o", "http://127.0.0.1:8000/v1")],
    ids=["unknown model", "no model", "a server of one's own"],
)
def test_an_unknown_price_is_none(judge: JudgeSpec) -> None:
    assert price(judge, Usage(input=1)) is None


def test_a_usage_that_does_not_add_up_has_no_price() -> None:
    assert price(spec("openai", "gpt-4o"), Usage(input=5, cache_read=10)) is None
