"""A run never spends more than it may, and says which limit it met."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from dispatch.test_dispatch import Asking, failing
from hypothesis import given
from hypothesis import strategies as st
from provider_server import Answer, Call, ProviderServer, longer_wins

from judge.costs.charges import Charge
from judge.dispatch.budget import Budget
from judge.schema import Failed, Judged

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


def dollars(cost: Decimal | None, charge: Charge) -> dict[str, Any]:
    return {"cost": lambda _: cost, "charge": lambda _: charge}


@pytest.mark.parametrize("expected", ["0.001", "0.01", "0.03"])
def test_dollars_end_below_their_limit_however_far_off_their_estimate_is(expected: str) -> None:
    charge = Charge(Decimal(expected), Decimal(expected))
    with ProviderServer(longer_wins, delay=0.01) as server:
        budget = Budget(max_cost=Decimal("0.105"))
        Asking(server, concurrency=16, budget=budget, queue_options=dollars(CENT, charge)).run(100)
    assert (budget.cost, len(server.calls)) == (10 * CENT, 10)
    assert budget.reached == "$0.10 spent, of --max-cost 0.105: the next call may exceed it"


def test_replies_that_do_not_tell_their_tokens_cost_what_is_expected() -> None:
    budget = Budget(max_cost=Decimal("0.105"))
    with ProviderServer(longer_wins, delay=0.01) as server:
        asked = dollars(None, Charge(CENT, 3 * CENT))
        Asking(server, concurrency=16, budget=budget, queue_options=asked).run(100)
    assert (budget.cost, len(server.calls)) == (10 * CENT, 10)


def test_calls_that_may_have_been_paid_for_cost_what_is_expected() -> None:
    budget = Budget(max_cost=Decimal("0.055"))
    with ProviderServer(failing(99, Answer(fault="reset"))) as server:
        asking = Asking(
            server, concurrency=4, attempts=3, budget=budget, queue_options=dollars(CENT, Charge(CENT, CENT))
        )
        assert all(isinstance(judgment.result, Failed) for judgment in asking.run(100))
    assert (budget.n_lost, len(server.calls), budget.cost) == (5, 5, 5 * CENT)


def test_calls_that_turn_out_cheap_make_room_for_those_that_waited() -> None:
    budget = Budget(max_cost=Decimal("0.1"))

    def script(call: Call) -> Answer:
        return replace(longer_wins(call), after=lambda: call.number < 20 or server.in_flight_max > 3)

    with ProviderServer(script) as server:
        asked = dollars(Decimal("0.001"), Charge(CENT, 2 * CENT))
        judgments = Asking(server, concurrency=16, budget=budget, queue_options=asked).run(60)
    assert (len(judgments), budget.reached) == (60, "")
    assert server.in_flight_max > 3


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


cents = st.integers(0, 60).map(lambda n: n * CENT)


@given(
    max_cost=cents,
    calls=st.lists(st.tuples(cents, cents, st.one_of(st.none(), cents)), min_size=1, max_size=60),
    window=st.integers(1, 8),
    data=st.data(),
)
def test_spending_exceeds_its_limit_by_at_most_one_call(
    max_cost: Decimal, calls: list[tuple[Decimal, Decimal, Decimal | None]], window: int, data: st.DataObject
) -> None:
    """Each call: what is expected, how much more it may be, and what of the most it costs."""
    budget, in_flight = Budget(max_cost=max_cost), list[tuple[Charge, Decimal | None]]()

    def end() -> None:
        charge, cost = in_flight.pop(data.draw(st.integers(0, len(in_flight) - 1)))
        budget.answered(cost, charge)

    for expected, more, cost in calls:
        charge = Charge(expected, expected + more)
        while len(in_flight) == window:
            end()
        while not (begun := budget.begin(charge)) and in_flight:
            end()
        if not begun:
            assert budget.reached
            break
        in_flight.append((charge, None if cost is None else min(cost, charge.high)))
    while in_flight:
        end()
    assert budget.cost <= max_cost + max(expected + more for expected, more, _ in calls)
    assert budget.n_in_flight == 0


def test_calls_in_flight_hold_as_much_as_they_may_cost() -> None:
    budget, charge = Budget(max_cost=Decimal("0.05")), Charge(CENT, 2 * CENT)
    assert budget.begin(charge)
    assert not budget.begin(charge), "nobody knows yet what a call costs"
    budget.answered(CENT, charge)
    assert budget.begin(charge)
    assert budget.begin(charge)
    assert not budget.begin(charge), "one has cost a cent, and three may cost six"
    assert budget.reached == ""
    budget.answered(CENT, charge)
    assert not budget.begin(charge), "two have cost a cent each, and two may cost four"
    budget.answered(CENT, charge)
    assert budget.begin(charge), "alone it need not fit by more than is expected of it"


def test_what_replies_cost_beside_their_estimates_is_held_for_those_in_flight() -> None:
    budget, charge = Budget(max_cost=Decimal("0.5")), Charge(CENT, CENT)
    assert budget.begin(charge)
    budget.answered(10 * CENT, charge)
    assert [budget.begin(charge) for _ in range(5)] == [True] * 4 + [False]


@pytest.mark.parametrize("call_number", [0, 3])
def test_a_budget_that_is_met_lets_calls_in_flight_end(call_number: int) -> None:
    def script(call: Call) -> Answer:
        answer = longer_wins(call)
        return Answer(answer.text, delay=0.3 if call.number == call_number else 0)

    with ProviderServer(script) as server:
        judgments = Asking(server, concurrency=3, budget=Budget(max_calls=6)).run(20)
    assert len(judgments) == 6
