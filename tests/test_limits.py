"""The gate that finds by trial how many calls a provider bears."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.io.limits import FIRST_LIMIT, MINUTE, Gate, Pace


def test_the_limit_starts_low_and_grows_fourfold_a_round_up_to_its_ceiling() -> None:
    gate = Gate(1_000)
    assert gate.limit == FIRST_LIMIT
    for _ in range(FIRST_LIMIT):
        gate.succeeded()
    assert gate.limit == 4 * FIRST_LIMIT
    for _ in range(1_000):
        gate.succeeded()
    assert gate.limit == 1_000


def test_a_refusal_halves_the_limit_once_for_all_calls_that_were_in_flight_together() -> None:
    gate = Gate(16)
    for started in (1.0, 2.0, 3.0):
        gate.refused(started=started, now=4.0)
    assert gate.limit == 8
    gate.refused(started=5.0, now=6.0)
    assert gate.limit == 4


def test_after_a_refusal_the_limit_grows_by_about_one_a_round() -> None:
    gate = Gate(100)
    gate.refused(started=0.0, now=1.0)
    before = gate.limit
    for _ in range(int(before)):
        gate.succeeded()
    assert before + 0.9 < gate.limit <= before + 1


def test_the_limit_never_falls_below_one_call() -> None:
    gate = Gate(1)
    for time in range(10):
        gate.refused(started=time + 0.5, now=time + 0.6)
    assert gate.limit == 1


def test_a_pause_holds_until_the_latest_end_that_was_asked_for() -> None:
    gate = Gate(4)
    gate.pause(5.0, now=10.0)
    gate.pause(1.0, now=11.0)
    assert gate.pause_left(now=12.0) == pytest.approx(3.0)
    assert gate.pause_left(now=16.0) == 0


def test_calls_that_come_at_once_are_spread_evenly_over_the_minute() -> None:
    pace = Pace(30)
    assert [pace.take(1, now=100.0) for _ in range(4)] == pytest.approx([0, 2, 4, 6])
    assert pace.take(1, now=200.0) == 0


def test_an_amount_that_was_larger_than_thought_delays_the_next() -> None:
    pace = Pace(600)
    assert pace.take(100, now=0.0) == 0
    pace.correct(200)
    assert pace.take(100, now=0.0) == pytest.approx(30)
    pace.correct(-100)
    assert pace.take(100, now=0.0) == pytest.approx(30)


@given(
    per_minute=st.floats(0.5, 6000),
    calls=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 50)), min_size=1, max_size=60),
)
def test_no_minute_sees_more_than_it_may_and_one_call(per_minute: float, calls: list[tuple[float, float]]) -> None:
    pace, now, begun = Pace(per_minute), 0.0, []
    for idle, amount in calls:
        now += idle
        begun.append((now + pace.take(amount, now=now), amount))
    for start, _ in begun:
        within = [amount for other, amount in begun if start <= other < start + MINUTE]
        assert sum(within[:-1]) <= per_minute * (1 + 1e-9)


@given(ceiling=st.integers(1, 80), n_calls=st.integers(0, 200), refuse=st.sets(st.integers(0, 199)))
def test_every_call_gets_its_place_and_never_more_at_once_than_the_limit(
    ceiling: int, n_calls: int, refuse: set[int]
) -> None:
    async def run() -> tuple[int, bool]:
        gate, served, kept = Gate(ceiling), 0, True

        async def call(number: int) -> None:
            nonlocal served, kept
            await gate.enter()
            kept = kept and gate.in_flight <= ceiling
            await asyncio.sleep(0)
            served += 1
            if number in refuse:
                gate.refused(started=float(number), now=float(number))
            else:
                gate.succeeded()
            gate.leave()

        await asyncio.gather(*(call(number) for number in range(n_calls)))
        return served, kept

    assert asyncio.run(run()) == (n_calls, True)
