"""How many calls a provider bears is found by trial, and no minute sees more than it may."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.dispatch.rate_limits import MINUTE, AdaptiveConcurrency, RateLimiter


def test_as_many_calls_as_were_asked_for_begin_at_once() -> None:
    assert AdaptiveConcurrency(1_000).limit == 1_000


def test_a_refusal_halves_the_limit_once_for_all_calls_that_were_in_flight_together() -> None:
    concurrency = AdaptiveConcurrency(16)
    for started in (1.0, 2.0, 3.0):
        concurrency.refused(started=started, now=4.0)
    assert concurrency.limit == 8
    concurrency.refused(started=5.0, now=6.0)
    assert concurrency.limit == 4


def test_after_a_refusal_the_limit_grows_by_about_one_a_round() -> None:
    concurrency = AdaptiveConcurrency(100)
    concurrency.refused(started=0.0, now=1.0)
    before = concurrency.limit
    for _ in range(int(before)):
        concurrency.succeeded()
    assert before + 0.9 < concurrency.limit <= before + 1
    for _ in range(10_000):
        concurrency.succeeded()
    assert concurrency.limit == 100


def test_the_limit_never_falls_below_one_call() -> None:
    concurrency = AdaptiveConcurrency(1)
    for time in range(10):
        concurrency.refused(started=time + 0.5, now=time + 0.6)
    assert concurrency.limit == 1


def test_a_pause_holds_until_the_latest_end_that_was_asked_for() -> None:
    concurrency = AdaptiveConcurrency(4)
    concurrency.pause(5.0, now=10.0)
    concurrency.pause(1.0, now=11.0)
    assert concurrency.pause_left(now=12.0) == pytest.approx(3.0)
    assert concurrency.pause_left(now=16.0) == 0


def test_calls_that_come_at_once_are_spread_evenly_over_the_minute() -> None:
    limiter = RateLimiter(30)
    assert [limiter.take(1, now=100.0) for _ in range(4)] == pytest.approx([0, 2, 4, 6])
    assert limiter.take(1, now=200.0) == 0


def test_an_amount_that_was_larger_than_thought_delays_the_next() -> None:
    limiter = RateLimiter(600)
    assert limiter.take(100, now=0.0) == 0
    limiter.correct(200)
    assert limiter.take(100, now=0.0) == pytest.approx(30)
    limiter.correct(-100)
    assert limiter.take(100, now=0.0) == pytest.approx(30)


@given(
    per_minute=st.floats(0.5, 6000),
    calls=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 50)), min_size=1, max_size=60),
)
def test_no_minute_sees_more_than_it_may_and_one_call(per_minute: float, calls: list[tuple[float, float]]) -> None:
    limiter, now, begun = RateLimiter(per_minute), 0.0, []
    for idle, amount in calls:
        now += idle
        begun.append((now + limiter.take(amount, now=now), amount))
    for start, _ in begun:
        within = [amount for other, amount in begun if start <= other < start + MINUTE]
        assert sum(within[:-1]) <= per_minute * (1 + 1e-9)


@given(ceiling=st.integers(1, 80), n_calls=st.integers(0, 200), refuse=st.sets(st.integers(0, 199)))
def test_every_call_gets_its_place_and_never_more_at_once_than_the_limit(
    ceiling: int, n_calls: int, refuse: set[int]
) -> None:
    async def run() -> tuple[int, bool]:
        concurrency, served, kept = AdaptiveConcurrency(ceiling), 0, True

        async def call(number: int) -> None:
            nonlocal served, kept
            async with concurrency:
                kept = kept and concurrency.in_flight <= ceiling
                await asyncio.sleep(0)
                served += 1
                if number in refuse:
                    concurrency.refused(started=float(number), now=float(number))
                else:
                    concurrency.succeeded()

        await asyncio.gather(*(call(number) for number in range(n_calls)))
        return served, kept

    assert asyncio.run(run()) == (n_calls, True)


def test_who_waits_first_is_let_through_first_and_who_comes_later_cannot_pass() -> None:
    async def main() -> list[int]:
        concurrency, begun = AdaptiveConcurrency(2), list[int]()

        async def call(number: int) -> None:
            async with concurrency:
                begun.append(number)
                await asyncio.sleep(0)

        async def late(number: int) -> None:
            for _ in range(number):
                await asyncio.sleep(0)
            await call(number)

        await asyncio.gather(*(call(number) for number in range(10)), *(late(number) for number in range(10, 20)))
        assert concurrency.in_flight == 0
        return begun

    assert asyncio.run(main()) == list(range(20))


def test_who_is_cancelled_as_a_place_is_given_gives_it_to_the_next() -> None:
    async def main() -> None:
        concurrency = AdaptiveConcurrency(1)
        await concurrency.__aenter__()
        waiting = [asyncio.create_task(concurrency.__aenter__()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await concurrency.__aexit__()  # to the second, since the first is gone
        waiting[1].cancel()  # before it runs
        await asyncio.wait(waiting, timeout=1)
        assert [task.cancelled() for task in waiting] == [True, True, False]
        assert concurrency.in_flight == 1
        await concurrency.__aexit__()
        assert concurrency.in_flight == 0

    asyncio.run(main())
