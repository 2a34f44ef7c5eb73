"""A run never spends more than it may, and says which limit it met."""

from __future__ import annotations

from decimal import Decimal

import pytest
from dispatch.test_dispatch import Asking, failing
from hypothesis import given
from hypothesis import strategies as st
from provider_server import Answer, Call, ProviderServer, longer_wins

from judge.dispatch.budget import Budget
from judge.schema import Judged

CENT = Decimal("0.01")


def test_calls_end_exactly_at_their_limit() -> None:
    with ProviderServer(longer_wins, delay=0.01) as server:
        asking = Asking(server, concurrency=8, budget=Budget(max_calls=37))
        judgments = asking.run(100)
    assert len(server.calls) == len(judgments) == 37
    assert asking.budget.reached == "37 calls, of --max-calls 37"


def test_a_limit_that_suffices_is_not_said_to_be_met() -> None:
    with ProviderServer(longer_wins) as server:
        asking = Asking(server, concurrency=8, budget=Budget(max_calls=20))
        assert len(asking.run(20)) == 20
    assert asking.budget.reached == ""


def test_calls_that_surely_cost_nothing_do_not_count() -> None:
    with ProviderServer(failing(2, Answer(status=429))) as server:
        asking = Asking(server, budget=Budget(max_calls=5))
        judgments = asking.run(5)
    assert len(judgments) == asking.budget.n_calls == 5
    assert all(isinstance(judgment.result, Judged) for judgment in judgments)


def test_calls_that_may_have_been_paid_for_count() -> None:
    with ProviderServer(failing(1, Answer(fault="reset"))) as server:
        asking = Asking(server, concurrency=1, budget=Budget(max_calls=5))
        judgments = asking.run(5)
    assert (len(judgments), len(server.calls), asking.budget.n_lost) == (2, 5, 3)


def test_dollars_end_below_their_limit_once_a_first_reply_told_what_calls_cost() -> None:
    budget = Budget(max_cost=Decimal("0.105"))
    with ProviderServer(longer_wins, delay=0.01) as server:
        asking = Asking(server, concurrency=4, budget=budget, queue_options={"cost": lambda _: CENT})
        asking.run(100)
    assert budget.cost == 10 * CENT
    assert len(server.calls) == 10
    assert budget.reached == "$0.10 spent, of --max-cost 0.105: the next call may exceed it"


def test_nothing_is_asked_without_a_budget() -> None:
    with ProviderServer(longer_wins) as server:
        asking = Asking(server, budget=Budget(max_cost=Decimal(0)))
        assert asking.run(5) == []
    assert server.calls == []
    assert asking.budget.reached


def test_the_repair_of_a_reply_is_a_call_too_and_the_first_reply_is_kept() -> None:
    with ProviderServer(lambda _: Answer("prose")) as server:
        asking = Asking(server, concurrency=1, repairs=True, budget=Budget(max_calls=3))
        judgments = asking.run(10)
    assert len(server.calls) == 3
    assert [len(judgment.replies) for judgment in judgments] == [2, 1]


def test_a_cancelled_call_counts_as_lost() -> None:
    budget = Budget(max_calls=10)
    assert budget.begin()
    budget.unanswered(maybe_paid=True)
    assert (budget.n_calls, budget.n_in_flight, budget.n_lost) == (1, 0, 1)


@given(
    max_cents=st.integers(0, 60),
    costs=st.lists(st.integers(1, 5), min_size=1, max_size=60),
    window=st.integers(1, 5),
)
def test_spending_exceeds_its_limit_by_no_more_than_what_is_in_flight(
    max_cents: int, costs: list[int], window: int
) -> None:
    budget, in_flight = Budget(max_cost=max_cents * CENT), list[int]()
    spent_when_refused: Decimal | None = None
    for cost in costs:
        if len(in_flight) == window:
            budget.answered(in_flight.pop(0) * CENT)
        if budget.begin():
            in_flight.append(cost)
        elif spent_when_refused is None:
            spent_when_refused = budget.cost
    most = max(costs) * window * CENT
    while in_flight:
        budget.answered(in_flight.pop() * CENT)
    assert budget.cost <= max_cents * CENT + most
    if spent_when_refused is None:
        assert not budget.reached


def test_calls_in_flight_hold_their_share_of_the_budget() -> None:
    budget = Budget(max_cost=Decimal("0.029"))
    assert budget.begin()
    budget.answered(CENT)
    assert budget.begin()
    assert not budget.begin(), "one answered, one in flight and one more may cost three cents"


@pytest.mark.parametrize("call_number", [0, 3])
def test_a_budget_that_is_met_lets_calls_in_flight_end(call_number: int) -> None:
    def script(call: Call) -> Answer:
        answer = longer_wins(call)
        return Answer(answer.text, delay=0.3 if call.number == call_number else 0)

    with ProviderServer(script) as server:
        judgments = Asking(server, concurrency=3, budget=Budget(max_calls=6)).run(20)
    assert len(judgments) == 6
