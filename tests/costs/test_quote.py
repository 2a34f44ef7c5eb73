"""A quote counts exactly what is open, and estimates by the rules of docs/costs.md."""

from __future__ import annotations

from decimal import Decimal
from math import ceil

import pytest
from builders import PLAIN, RUBRIC, make_judge, make_pair, shipped_prompt
from costs.test_spending import PRICE, tariff
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from judge.costs.prices import FREE
from judge.costs.quote import Quote, quote
from judge.costs.render_quote import render_quote
from judge.judging.quote_run import pixels
from judge.prompting.pairwise_plan import PairPlan
from judge.prompting.token_estimates import EXPECTED, HIGH, LOW, Range, image_tokens, output_tokens, text_tokens
from judge.schema import Image, JudgeSettings, JudgeSpec, Pair, Price, Provider

PLAN = PairPlan(shipped_prompt(), RUBRIC)
JUDGE = make_judge(settings=JudgeSettings(max_output_tokens=8192))
IMAGE = Image(path="/x.png", sha256="0" * 64, media_type="image/png")
LONG = make_pair(question="Which? " * 1500)


def size(_: Image) -> tuple[int, int]:
    return (1024, 1024)


def quoted(
    *pairs: Pair,
    judges: tuple[JudgeSpec, ...] = (JUDGE,),
    prices: dict[str, Price] | None = None,
    plan: PairPlan = PLAN,
    done: frozenset[bytes] = frozenset(),
    batch: bool = False,
) -> Quote:
    known = {JUDGE.name: PRICE} if prices is None else prices
    return quote(plan, judges, known, pairs, done=done, pixels=size, batch=batch)


def usd(found: Quote) -> tuple[Decimal, ...]:
    assert found.usd is not None
    return found.usd.low, found.usd.expected, found.usd.high


# Tokens


def test_text_is_counted_in_bytes_so_that_japanese_costs_more_than_english() -> None:
    assert [text_tokens(1200, scenario) for scenario in (LOW, EXPECTED, HIGH)] == [240, 300, 400]
    assert text_tokens(len("胸部X線写真".encode()), EXPECTED) == ceil(16 / 4)
    assert text_tokens(1, LOW) == 1


def test_output_is_two_quotations_a_criterion_and_some_reasoning_up_to_the_limit() -> None:
    paid, short = JudgeSettings(max_output_tokens=8192), JudgeSettings(max_output_tokens=700)
    assert [output_tokens(4, paid, scenario) for scenario in (LOW, EXPECTED, HIGH)] == [200, 900, 3600]
    assert [output_tokens(4, short, scenario) for scenario in (LOW, EXPECTED, HIGH)] == [200, 700, 700]


@pytest.mark.parametrize(
    ("provider", "pixels_", "tokens"),
    [
        # 37 x 37 patches of 28 pixels; 10 x 10
        (Provider.ANTHROPIC, (1024, 1024), (1369, 1369, 1369)),
        (Provider.ANTHROPIC, (256, 256), (100, 100, 100)),
        # 69 x 39 patches, of which models before counted 1,568 at most; nothing exceeds 4,784
        (Provider.ANTHROPIC, (1920, 1080), (1568, 2691, 2691)),
        (Provider.ANTHROPIC, (8000, 8000), (1568, 4784, 4784)),
        # 1.2 x 32 x 32 patches; shrunk to 768 x 768, which are 2 x 2 tiles: 85 + 4 x 170
        (Provider.OPENAI, (1024, 1024), (765, 1229, 1229)),
        # 1.2 x 60 x 34; shrunk to 1365 x 768, 3 x 2 tiles
        (Provider.OPENAI, (1920, 1080), (1105, 2448, 2448)),
        (Provider.OPENAI, (256, 256), (77, 77, 255)),
    ],
)
def test_an_image_costs_what_the_published_rules_say(
    provider: Provider, pixels_: tuple[int, int], tokens: tuple[int, int, int]
) -> None:
    low, expected, high = tokens
    assert image_tokens(provider, *pixels_) == Range(low=low, expected=expected, high=high)


def test_an_image_whose_header_states_no_size_counts_as_one_of_1024_pixels(tmp_path: object) -> None:
    from pathlib import Path  # noqa: PLC0415 - only here

    path = Path(str(tmp_path)) / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert pixels(structs.replace(IMAGE, path=str(path))) == (1024, 1024)


# Calls


def test_only_open_calls_are_quoted() -> None:
    requests = list(PLAN.requests([LONG], JUDGE))
    whole, half = quoted(LONG), quoted(LONG, done=frozenset({bytes.fromhex(requests[0].key)}))
    none = quoted(LONG, done=frozenset(bytes.fromhex(request.key) for request in requests))
    assert [(one.calls, one.judged) for one in (whole, half, none)] == [(2, 0), (1, 1), (0, 2)]
    assert usd(half)[1] == usd(whole)[1] / 2
    assert set(usd(none)) == {Decimal(0)}
    assert quoted(make_pair(a="same", b="same")).calls == 0


def test_the_expected_cost_is_the_hand_count_of_the_prompt() -> None:
    (request, _) = PLAN.requests([LONG], JUDGE)
    prompt = request.prompt
    import orjson  # noqa: PLC0415 - only here

    beginning = sum(len(text.encode()) for text in (prompt.system, prompt.shared)) + len(orjson.dumps(request.schema_))
    given = ceil(beginning / 4) + ceil(len(prompt.traces.encode()) / 4)
    found = quoted(LONG)
    assert found.judges[JUDGE.name].input_tokens.expected == 2 * given
    assert found.judges[JUDGE.name].output_tokens.expected == 2 * 700
    assert usd(found)[1] == 2 * (given * 2 + 700 * 10) / Decimal(10**6)

    read, rest = ceil(beginning / 5), ceil(len(prompt.traces.encode()) / 5)
    assert read >= 1024
    low = read * Decimal("2.5") + read * Decimal("0.1") + 2 * (rest * 2 + 100 * 10)
    assert usd(found)[0] == low / 10**6
    all_written = ceil(beginning / 3) + ceil(len(prompt.traces.encode()) / 3)
    assert usd(found)[2] == 2 * (all_written * Decimal("2.5") + 2800 * 10) / 10**6


def test_a_short_beginning_is_not_cached_and_a_lone_call_fills_no_cache() -> None:
    flat = Price(source="flat", standard=(tariff("2", "2", "2", "10"),))
    short = make_pair()
    assert usd(quoted(short))[0] == usd(quoted(short, prices={JUDGE.name: flat}))[0]
    one = quoted(LONG, done=frozenset({bytes.fromhex(next(PLAN.requests([LONG], JUDGE)).key)}))
    assert usd(one)[0] < usd(one)[1]
    assert usd(quoted(LONG))[0] < usd(quoted(LONG, prices={JUDGE.name: flat}))[0]


def test_images_count_where_the_judge_sees_them() -> None:
    pair = make_pair(images=(IMAGE,))
    blind = make_judge(model="blind", sees_images=False, settings=JUDGE.settings)
    found = quoted(pair, judges=(JUDGE, blind), prices={}).judges
    more = found["openai:m"].input_tokens.expected - found["openai:blind"].input_tokens.expected
    assert 2 * 1229 - 100 < more < 2 * 1229 + 100, "the prompt says how many images there are"


def test_an_unknown_price_is_unknown_and_never_nothing() -> None:
    unknown = make_judge(model="unknown")
    found = quoted(LONG, judges=(JUDGE, unknown))
    assert found.usd is None
    assert found.judges["openai:unknown"].usd is None
    assert found.judges["openai:unknown"].batch_usd is None
    assert found.judges["openai:unknown"].input_tokens.expected > 0
    assert found.judges[JUDGE.name].usd is not None
    free = quoted(LONG, judges=(make_judge(provider="local"),), prices={"local:m": FREE})
    assert set(usd(free)) == {Decimal(0)}


def test_in_batches_those_who_have_them_are_asked_at_the_batch_price() -> None:
    server = make_judge(model="server", settings=JUDGE.settings)
    prices = {JUDGE.name: PRICE, server.name: PRICE.model_copy(update={"batch": ()})}
    direct, batch = (quoted(LONG, judges=(JUDGE, server), prices=prices, batch=batch) for batch in (False, True))
    assert direct.judges == batch.judges
    assert batch.judges[server.name].batch_usd is None
    assert usd(batch)[1] == usd(direct)[1] * Decimal("0.75")


amounts = st.decimals(0, 100, places=3)


@given(st.tuples(amounts, amounts, amounts, amounts), st.integers(0, 3), st.text(max_size=50), st.integers(1, 2))
def test_low_is_never_above_expected_nor_expected_above_high(
    rates: tuple[Decimal, ...], n_images: int, trace: str, samples: int
) -> None:
    price = Price(source="any", standard=(tariff(*map(str, rates)),), batch=(tariff(*map(str, rates)),))
    pair = make_pair(a=f"a {trace}", images=(IMAGE,) * n_images)
    plan = PairPlan(shipped_prompt(), RUBRIC, samples=samples)
    judge = make_judge(settings=PLAIN)
    found = quoted(pair, LONG, judges=(judge,), prices={judge.name: price}, plan=plan)
    one = found.judges[judge.name]
    for tokens in (one.input_tokens, one.output_tokens):
        assert 0 < tokens.low <= tokens.expected <= tokens.high
    assert one.usd is not None
    assert one.usd == one.batch_usd
    low, expected, high = usd(found)
    assert 0 <= low <= expected <= high


# Drawing


def test_a_quote_is_drawn_with_every_judge_and_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    evil = make_judge(model="\x1b[31mevil")
    render_quote(quoted(LONG, judges=(JUDGE, evil), batch=True))
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    row, other = (line.split() for line in out.splitlines()[1:3])
    assert row[:3] == ["openai:m", "2", "6K"]
    assert [cell[0] for cell in row[4:]] == ["$"] * 4
    assert other[-4:] == ["unknown", "unknown", "unknown", "-"]
    assert "Prices: test for openai:m; unknown for openai:[31mevil." in out
    assert "4 calls in batches: the cost is unknown, for want of a price of openai:[31mevil (see --price).\n" in out


@pytest.mark.parametrize(
    ("tokens", "written"),
    [(999, "999"), (666_400, "666K"), (1_449_000, "1.4M"), (3_010_000_000, "3,010M")],
)
def test_tokens_are_written_as_roughly_as_they_are_known(
    capsys: pytest.CaptureFixture[str], tokens: int, written: str
) -> None:
    found = quoted(LONG)
    many = found.judges[JUDGE.name].model_copy(update={"input_tokens": Range(low=0, expected=tokens, high=tokens)})
    render_quote(found.model_copy(update={"judges": {"j": many}, "judged": 5}), to_stderr=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[1].split()[2] == written
    assert err.splitlines()[2] == "Prices: test. Everything is estimated: see docs/costs.md."
    assert err.splitlines()[3].startswith("2 calls (5 are judged already): about $0.0")
