"""A price is known, zero, or unknown: never guessed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import genai_prices
import pytest
from command import COMMAND, environment
from genai_prices.data_snapshot import get_snapshot

from judge.costs.prices import FREE, is_hosted, list_price, parse_prices, pin_prices
from judge.costs.spending import cost
from judge.errors import InputError, InputErrors
from judge.schema import JudgeSettings, JudgeSpec, Price, Provider, Tariff, Usage

MILLION = 10**6
USAGES = (
    Usage(),
    Usage(input=5000, output=700, reasoning=300),
    Usage(input=5000, cache_read=3000, cache_write=1500, output=1),
    Usage(input=300_000, cache_read=100_000, cache_write=7, output=9),
)
PAID_BY_TOKENS = ("input_mtok", "output_mtok")


def spec(provider: str, model: str, endpoint: str | None = None) -> JudgeSpec:
    settings = JudgeSettings(max_output_tokens=1)
    return JudgeSpec(provider=Provider(provider), model=model, endpoint=endpoint, settings=settings)


def known(judge: JudgeSpec) -> Price:
    price = list_price(judge)
    assert price is not None
    return price


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


# The price list


def test_sonnets_price_is_the_published_one() -> None:
    price = known(spec("anthropic", "claude-sonnet-5-5"))
    tenth, two_and_half = Decimal("0.1"), Decimal("2.5")
    tariff = Tariff(input=Decimal(2), cache_read=tenth, cache_write=two_and_half, output=Decimal(10))
    assert price.standard == (tariff,)
    assert price.batch[0].output == Decimal(5)
    assert price.source == f"genai-prices {genai_prices.__version__}"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_every_known_model_costs_what_genai_prices_says(provider: str) -> None:
    (listed,) = [one for one in get_snapshot().providers if one.id == provider]
    compared = 0
    for model in listed.models:
        price = list_price(spec(provider, model.id))
        if price is None:
            continue
        compared += 1
        for usage in USAGES:
            tokens = genai_prices.Usage(
                input_tokens=usage.input,
                cache_read_tokens=usage.cache_read,
                cache_write_tokens=usage.cache_write,
                output_tokens=usage.output,
            )
            direct = genai_prices.calc_price(tokens, model.id, provider_id=provider)
            assert cost(price, usage, batched=False) == direct.total_price, model.id
            batched = cost(price, usage, batched=True)
            if batched is not None:
                context = {"processing": "batch"}
                expected = genai_prices.calc_price(tokens, model.id, provider_id=provider, price_context=context)
                assert batched == expected.total_price, model.id
    assert compared > 0.8 * len(listed.models)


def test_the_price_of_long_contexts_is_pinned_too() -> None:
    tariffs = known(spec("anthropic", "claude-haiku-5-5")).standard
    assert [(tariff.above, tariff.input) for tariff in tariffs] == [(0, Decimal("0.1")), (100_000, Decimal("0.5"))]


def test_a_model_without_a_batch_price_has_none() -> None:
    assert known(spec("openai", "chatgpt-4o-latest")).batch == ()


@pytest.mark.parametrize(
    "judge",
    [
        spec("openai", "no-such-model"),
        spec("openai", ""),
        spec("openai", "gpt-4o", "http://127.0.0.1:8000/v1"),
        spec("openai", "gpt-4o", "http://notopenai.com/v1"),
        spec("openai", "text-embedding-3-small"),
        spec("openai", "whisper-1"),
    ],
    ids=["unknown model", "no model", "a server of one's own", "a name alike", "no output", "paid by hours"],
)
def test_an_unknown_price_is_none(judge: JudgeSpec) -> None:
    assert list_price(judge) is None


def test_the_embedded_judge_is_free() -> None:
    assert list_price(spec("local", "SmolLM2", "/w.gguf")) == FREE
    assert cost(FREE, Usage(input=MILLION, output=MILLION), batched=False) == 0
    assert not is_hosted(spec("local", "SmolLM2", "/w.gguf"))


def test_another_address_in_the_environment_makes_a_price_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert list_price(spec("openai", "gpt-4o")) is None
    monkeypatch.setenv("OPENAI_BASE_URL", "https://eu.api.openai.com/v1")
    assert list_price(spec("openai", "gpt-4o")) is not None


def test_genai_prices_is_not_imported_where_no_paid_judge_is_asked(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415 - only here

    code = (
        "import sys; from judge.costs.prices import list_price; from judge.schema import *; "
        "import judge.comparison.compare, judge.comparison.derive_report; "
        "import judge.comparison.dry_run, judge.judging.progress; "
        "list_price(JudgeSpec(provider='local', model='m', settings=JudgeSettings(max_output_tokens=1))); "
        "assert 'genai_prices' not in sys.modules"
    )
    done = subprocess.run([COMMAND[0], "-c", code], cwd=tmp_path, env=environment(), check=False)
    assert done.returncode == 0


# --price


BOTH = (spec("openai", "Qwen/Qwen3-8B", "http://127.0.0.1:8000/v1"), spec("openai", "gpt-4o"))


def test_a_given_price_names_a_model_and_goes_before_the_list() -> None:
    given = parse_prices(["Qwen/Qwen3-8B=0.2/0.6", "openai:gpt-4o=1/2/0.5/1.25"], BOTH)
    own, hosted = given["openai:Qwen/Qwen3-8B"], given["openai:gpt-4o"]
    point_two = Decimal("0.2")
    assert own.standard == (
        Tariff(input=point_two, cache_read=point_two, cache_write=point_two, output=Decimal("0.6")),
    )
    assert own.batch == ()
    assert hosted.standard[0].cache_write == Decimal("1.25")
    assert hosted.batch == (
        Tariff(input=Decimal("0.5"), cache_read=Decimal("0.25"), cache_write=Decimal("0.625"), output=Decimal(1)),
    )
    assert (own.source, hosted.source) == ("--price", "--price")
    assert pin_prices(BOTH, given) == given
    assert list(pin_prices(BOTH, {})) == ["openai:gpt-4o"]


def test_a_third_number_is_the_price_of_reading_the_cache() -> None:
    (tariff,) = parse_prices(["gpt-4o=4/8/1"], BOTH)["openai:gpt-4o"].standard
    assert (tariff.cache_read, tariff.cache_write) == (Decimal(1), Decimal(4))


def test_a_pinned_price_survives_json_to_the_last_digit() -> None:
    price = parse_prices(["gpt-4o=0.123456789/999999.000000001"], BOTH)["openai:gpt-4o"]
    assert Price.model_validate_json(price.model_dump_json()) == price
    assert '"0.123456789"' in price.model_dump_json()


@pytest.mark.parametrize(
    "text",
    [
        *("gpt-4o", "gpt-4o=", "=1/2", "gpt-4o=1", "gpt-4o=1/", "gpt-4o=1/2/3/4/5", "gpt-4o= 1/2"),
        *("gpt-4o=1/-2", "gpt-4o=1/nan", "gpt-4o=1e3/2", "gpt-4o=1000001/2", "gpt-4o=\u0661/2"),
    ],
)
def test_what_is_no_price_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InputError, match=r"not a price.*MODEL=INPUT/OUTPUT"):
        parse_prices([text], BOTH)


def test_all_problems_of_prices_are_told_in_one_go() -> None:
    with pytest.raises(InputErrors) as error:
        parse_prices(["gpt-5=1/2", "gpt-4o=1/2", "openai:gpt-4o=1/2", "x"], BOTH)
    first, second, third = str(error.value).splitlines()
    assert first == (
        "--price gpt-5=1/2: no judge has the model 'gpt-5' (the judges are openai:Qwen/Qwen3-8B, openai:gpt-4o)"
    )
    assert second == "--price openai:gpt-4o=1/2: a second price of openai:gpt-4o (give one)"
    assert third.startswith("--price x: not a price")
