"""What replies cost, by hand and by laws."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.costs.cost_words import cost_line, costs, dollars
from judge.costs.spending import Spending, cost, cost_of
from judge.report.build_report import RunDescription
from judge.report.report import Models
from judge.schema import Attempt, Failed, FailureKind, Judged, Judgment, Order, Price, Reply, Tariff, Usage, Verdict


def tariff(given: str, read: str, written: str, made: str, *, above: int = 0) -> Tariff:
    amounts = [Decimal(amount) for amount in (given, read, written, made)]
    names = ("input", "cache_read", "cache_write", "output")
    return Tariff(above=above, **dict(zip(names, amounts, strict=True)))


# Sonnet 5.5's published prices, and a tier that doubles them.
PRICE = Price(
    source="test",
    standard=(tariff("2", "0.1", "2.5", "10"), tariff("4", "0.2", "5", "20", above=200_000)),
    batch=(tariff("1", "0.05", "1.25", "5"),),
)
NO_BATCH = PRICE.model_copy(update={"batch": ()})
PRICES = {"j": PRICE}


def judgment(*replies: Reply, judge: str = "j", failed: bool = False) -> Judgment:
    result = Failed(failure=FailureKind.UNPARSED) if failed else Judged(verdicts={"overall": Verdict.TIE})
    *earlier, last = (*replies, None) if failed else replies
    attempts = tuple(Attempt(problem="cut", reply=reply) for reply in earlier)
    return Judgment(
        key="00", item="q", order=Order.FORWARD, judge=judge, sample=0, result=result, reply=last, attempts=attempts
    )


def reply(*, batched: bool = False, **tokens: int) -> Reply:
    return Reply(text="", usage=Usage(**tokens), batched=batched)


@pytest.mark.parametrize(
    ("usage", "dollars_by_hand"),
    [
        (Usage(), "0"),
        (Usage(input=1_000_000 // 10, output=1000), "0.21"),
        # 1,000 plain at 2, 3,000 read at 0.1, 1,000 written at 2.5, 200 made at 10: 2000 + 300 + 2500 + 2000 millionths
        (Usage(input=5000, cache_read=3000, cache_write=1000, output=200, reasoning=150), "0.0068"),
        (Usage(input=200_000), "0.4"),
        (Usage(input=200_001), "0.800004"),
        # a server that counts cached tokens apart from its input
        (Usage(input=10, cache_read=1000), "0.0001"),
    ],
)
def test_a_reply_costs_what_a_hand_count_says(usage: Usage, dollars_by_hand: str) -> None:
    assert cost(PRICE, usage, batched=False) == Decimal(dollars_by_hand)


def test_a_batched_reply_costs_the_batch_price_or_is_unknown() -> None:
    usage = Usage(input=1000, output=100)
    assert cost(PRICE, usage, batched=True) == Decimal("0.0015")
    assert cost(NO_BATCH, usage, batched=True) is None


counts = st.integers(0, 10**6)
usages = st.builds(
    Usage, input=counts, cache_read=counts, cache_write=counts, output=st.integers(1, 10**6), reasoning=counts
)
replies = st.lists(st.builds(Reply, text=st.just(""), usage=usages, batched=st.booleans()), max_size=6)


@given(usages, st.booleans())
def test_no_cost_is_negative(usage: Usage, batched: bool) -> None:  # noqa: FBT001 - hypothesis calls it
    amount = cost(PRICE, usage, batched=batched)
    assert amount is not None
    assert amount >= 0


@given(replies, replies)
def test_cost_adds_up_over_replies_however_they_are_told(one: list[Reply], other: list[Reply]) -> None:
    apart = Spending(PRICES)
    for paid in (*one, *other):
        apart.add(judgment(paid))
    together = Spending(PRICES)
    said = [judgment(*paid, failed=True) for paid in (one, other)]
    for judged in said:
        together.add(judged)
    assert together.of("j") == apart.of("j")
    amounts = [cost_of(judged, PRICES) for judged in said]
    assert together.usd == sum(amount for amount in amounts if amount is not None)


def test_a_reply_whose_server_tells_no_tokens_has_an_unknown_cost() -> None:
    untold = judgment(reply())
    spending = Spending(PRICES)
    spending.add(untold)
    assert (cost_of(untold, PRICES), spending.usd, spending.of("j").replies) == (None, None, 1)
    nothing = "Cost of j: unknown (tokens unknown, 1 of 1 replies do not tell their tokens; prices: given)."
    assert cost_line("j", spending.of("j")) == nothing.replace("given", PRICE.source)
    spending.add(judgment(reply(input=1000, output=100)))
    assert spending.of("j").without_usage == 1
    some = "Cost of j: unknown (1,000 tokens in, 100 out, 1 of 2 replies do not tell their tokens; prices: "
    assert cost_line("j", spending.of("j")).startswith(some)


def test_several_served_models_are_told_with_their_replies() -> None:
    spending = Spending(PRICES)
    for model in ("m-1", "m-2", "m-1"):
        spending.add(judgment(Reply(text="", model=model, usage=Usage(input=1, output=1))))
    assert spending.of("j").served_models == {"m-1": 2, "m-2": 1}
    spending = Spending(PRICES)
    spending.add(judgment(Reply(text="", model="m-1")))
    assert "served_models" not in spending.of("j").model_dump(mode="json")


def test_every_reply_that_was_paid_for_counts_and_unknown_prices_stay_unknown() -> None:
    paid = judgment(reply(input=1000, output=100), reply(input=1000, cache_read=500, output=50, reasoning=40))
    assert cost_of(paid, PRICES) == Decimal("0.0030") + Decimal("0.00155")
    assert cost_of(judgment(failed=True), {}) == 0
    assert cost_of(paid, {}) is None
    assert cost_of(judgment(reply(batched=True)), {"j": NO_BATCH}) is None

    spending = Spending(PRICES)
    for one in (paid, judgment(reply(input=7, output=1, batched=True), judge="k")):
        spending.add(one)
    of_j, of_k, of_none = (spending.of(name) for name in ("j", "k", "none"))
    assert (of_j.replies, of_j.batched, of_j.input_tokens, of_j.cache_read, of_j.output_tokens) == (
        2,
        0,
        2000,
        500,
        150,
    )
    assert (of_j.cached_share, of_j.reasoning, of_j.usd, of_j.price) == (0.25, 40, Decimal("0.00455"), "test")
    assert (of_k.replies, of_k.batched, of_k.usd, of_k.price) == (1, 1, None, None)
    assert (of_none.replies, of_none.usd, of_none.cached_share) == (0, Decimal(0), None)
    assert spending.usd is None
    assert spending.tokens == 2158
    assert of_j.model_dump(mode="json")["usd"] == 0.00455


def test_an_unknown_cost_stays_unknown_whatever_follows() -> None:
    spending = Spending({"j": NO_BATCH})
    for batched in (False, True, False):
        spending.add(judgment(reply(input=1, batched=batched)))
    assert spending.of("j").usd is None


# Words


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0", "$0.00"),
        ("0.00001", "under $0.0001"),
        ("0.00042", "$0.00042"),
        ("0.0099", "$0.0099"),
        ("0.01", "$0.01"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_dollars_are_written_to_the_cent_and_no_cost_looks_free(amount: str, written: str) -> None:
    assert dollars(Decimal(amount)) == written


def test_a_run_without_costs_can_be_described() -> None:
    assert RunDescription(Models(a="a", b="b"), None, "r.v1", 1, 0, {}).costs == {}


def test_costs_are_said_in_a_line_a_judge_and_together() -> None:
    from judging.test_progress import report  # noqa: PLC0415 - a made report

    spending = Spending({"j": PRICE, "n": NO_BATCH, "idle": PRICE})
    spending.add(judgment(reply(input=1000, cache_read=410, output=300, reasoning=100)))
    spending.add(judgment(reply(input=1000, cache_read=410, batched=True)))
    spending.add(judgment(reply(input=1_234_567, output=8), judge="k"))
    spending.add(judgment(reply(input=5, batched=True), judge="n"))

    def said(*judges: str) -> list[str]:
        of = {judge: spending.of(judge) for judge in judges}
        return costs(report().model_copy(update={"costs": of, "usd": None}))

    assert said("j") == [
        (
            "Cost of j: $0.0048 (2,000 tokens in, 41 % from the cache, 300 out, 100 of it reasoning, "
            "1 of 2 replies in batches; prices: test)."
        )
    ]
    unknown, no_batch, together = said("k", "n")
    assert unknown == (
        "Cost of k: unknown (1,234,567 tokens in, 8 out; no price is known for it; "
        "`omr-judge resume --price` sets one)."
    )
    assert no_batch.endswith("; no price of batches is known from test).")
    assert together == "Cost together: unknown."
    (idle,) = said("idle")
    assert idle == "Cost of idle: no reply came; what calls without one cost, if any were billed, is unknown."
    assert said() == []
    for lost in (judgment_of_lost("j", n_attempts=2), judgment_of_lost("silent")):
        spending.add(lost)
    of_j, of_silent, together = said("j", "silent")
    assert of_j.endswith("; prices: test); 3 calls without a reply may be billed too.")
    assert of_silent == "Cost of silent: no reply came; 1 call without one may be billed, at an unknown cost."
    assert together == "Cost together: unknown; 4 calls without a reply may be billed too."


def judgment_of_lost(judge: str, *, n_attempts: int = 0) -> Judgment:
    """Return what stays of a request that timed out, after so many attempts that did too, and one refused."""
    attempts = (*[Attempt(problem="no whole reply in time", maybe_paid=True)] * n_attempts, Attempt(problem="429"))
    failed = Failed(failure=FailureKind.TIMEOUT, maybe_paid=True)
    return msgspec.structs.replace(judgment(judge=judge, failed=True), result=failed, attempts=attempts)


def test_lost_calls_that_may_be_billed_are_counted_and_never_told_as_a_cost_of_nothing() -> None:
    spending = Spending(PRICES)
    spending.add(judgment_of_lost("j", n_attempts=2))
    assert (spending.of("j").lost, spending.of("j").usd, spending.usd) == (3, None, None)
    spending.add(judgment(reply(input=1000, output=100)))
    assert (spending.of("j").lost, spending.of("j").usd, spending.usd) == (3, Decimal("0.003"), Decimal("0.003"))
    assert spending.of("j").model_dump(mode="json")["lost"] == 3
    # A reply that did not count was no lost call, whatever its attempt says.
    replied = msgspec.structs.replace(
        judgment(failed=True), attempts=(Attempt(problem="cut", maybe_paid=True, reply=reply(input=1)),)
    )
    assert replied.n_lost == 0
    whole = Spending(PRICES)
    whole.add(replied)
    assert "lost" not in whole.of("j").model_dump(mode="json")


def test_the_cached_share_is_unknown_where_a_server_counts_cached_tokens_beside_its_input() -> None:
    spending = Spending(PRICES)
    spending.add(judgment(reply(input=10, cache_read=1000, output=1)))
    assert spending.of("j").cached_share is None
    assert "from the cache" not in cost_line("j", spending.of("j"))
    spending = Spending(PRICES)
    spending.add(judgment(reply(input=10, cache_read=10, output=1)))
    assert spending.of("j").cached_share == 1
