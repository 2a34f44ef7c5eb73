"""Shards together keep the limits of the run, whoever begins, ends and comes back when."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from judge.cluster.leases import Grant, Leases
from judge.dispatch.budget import Budget
from judge.dispatch.rate_limits import RateLimiter


@given(st.integers(0, 60), st.data())
def test_no_more_is_spent_than_the_run_may_and_all_of_it_can_be(most: int, data: st.DataObject) -> None:
    leases, n = Leases(max_calls=most), data.draw(st.integers(1, 5))
    spent = dict.fromkeys(range(n), 0)
    granted = dict.fromkeys(range(n), 0)
    for shard in range(n):
        leases.begin(shard)
    for shard in data.draw(st.lists(st.integers(0, n - 1), max_size=40)):
        if data.draw(st.booleans()) and spent[shard] < granted[shard]:
            spent[shard] += 1
        elif data.draw(st.booleans()):
            leases.end(shard, spent[shard], Decimal(0))
            granted[shard] = spent[shard]
            leases.begin(shard)
        else:
            granted[shard] = leases.more(shard, spent[shard], Decimal(0)).calls or 0
        assert sum(granted.values()) <= most
    for shard in range(n):
        leases.end(shard, spent[shard], Decimal(0))
    leases.begin(0)
    while leases.has_left():
        spent[0] = leases.more(0, spent[0], Decimal(0)).calls or 0
    assert sum(spent.values()) == most


def test_dollars_are_granted_in_blocks_that_come_to_the_whole() -> None:
    leases = Leases(max_cost=Decimal(10))
    leases.begin(1)
    leases.begin(2)
    first = leases.more(1, 0, Decimal(0))
    assert first == Grant(None, Decimal("2.5"))  # a quarter: two blocks for each of two
    assert leases.more(2, 0, Decimal(0)).cost == Decimal("1.875")
    cost = Decimal("2.5")
    while (grant := leases.more(1, 9, cost).cost) is not None and grant > cost:
        cost = grant
    assert cost == Decimal(10) - Decimal("1.875")
    leases.end(2, 3, Decimal(1))
    assert leases.more(1, 9, cost).cost == cost + Decimal("0.4375")
    assert leases.spent()[0] == 12


def test_who_never_had_a_limit_is_granted_none_and_shares_the_rates() -> None:
    leases = Leases()
    assert leases.share() == 1
    for shard in range(4):
        leases.begin(shard)
    assert leases.share() == 0.25
    leases.begin(3)
    leases.end(0, 5, Decimal(0))
    assert leases.share() == 1 / 3
    assert leases.more(1, 7, Decimal(0)) == Grant(None, None)
    assert leases.has_left()


def test_a_rate_is_taken_by_its_share_as_that_changes() -> None:
    share = 0.5
    limiter = RateLimiter(60, lambda: share)
    assert [limiter.take(1, now=0) for _ in range(3)] == [0, 2, 4]
    share = 1.0
    assert [limiter.take(1, now=0) for _ in range(2)] == [6, 7]


def test_a_budget_asks_for_more_before_it_is_spent() -> None:
    grants = iter([2, 3])

    def more(budget: Budget) -> bool:
        budget.max_calls = next(grants, budget.max_calls)
        return budget.n_calls < (budget.max_calls or 0)

    budget = Budget(max_calls=0, more=more)
    assert [budget.begin() for _ in range(4)] == [True, True, True, False]
    for _ in range(3):
        budget.answered(None)
    assert not budget.begin()
    assert budget.reached == "3 calls, of --max-calls 3"
