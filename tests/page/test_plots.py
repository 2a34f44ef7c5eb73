"""The scales of forest plots, the heading's names, and what replies cost over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from run_builder import make_judgment

from judge.page.plots import Plotted, around_even, from_zero
from judge.page.sections import parted
from judge.page.spent import Spent, spent
from judge.schema import Judgment, Order, Price, Reply, Tariff, Usage, Verdict

BEGUN = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
ONE = Decimal(1)
PRICE = Price(source="--price", standard=(Tariff(input=ONE, cache_read=ONE, cache_write=ONE, output=2 * ONE),))
ends = st.floats(0, 100).flatmap(lambda low: st.floats(low, 100).map(lambda high: (low, high)))


def row(low: float | None, high: float | None) -> Plotted:
    return Plotted("overall", "", None if low is None or high is None else (low + high) / 2, low, high, 1)


@given(st.lists(ends, min_size=1))
def test_a_scale_holds_every_interval_and_writes_a_few_round_values(found: list[tuple[float, float]]) -> None:
    rows = [row(low, high) for low, high in found]
    for scale in (around_even(rows), from_zero(rows)):
        places = [scale.place(end) for own in found for end in own]
        assert all(-0.01 <= place <= 100.01 for place in places)
        assert 0 <= scale.low < scale.high <= 100
        assert 3 <= len(scale.ticks) <= 11
        assert (scale.ticks[0], scale.ticks[-1]) == (scale.low, scale.high)
    assert around_even(rows).place(50) == 50


def test_a_plot_uses_its_width_and_a_tiny_difference_does_not_fill_it() -> None:
    assert list(around_even([row(62, 70.2)]).ticks) == [25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75]
    assert list(around_even([row(49.6, 50.2)]).ticks) == [45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55]
    assert list(around_even([row(None, None)]).ticks) == [45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55]
    assert list(from_zero([row(0, 13)]).ticks) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert list(from_zero([row(2, 99)]).ticks) == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_a_row_has_a_side_only_where_its_whole_interval_lies_there() -> None:
    assert [row(*own).side for own in ((51, 60), (40, 49), (49, 51), (None, None))] == ["a", "b", "", ""]


def test_a_heading_is_parted_at_the_names_of_its_models_and_at_no_part_of_a_longer_name() -> None:
    text = "qwen-med is preferred to qwen in 61 % of pairs; qwen-medium is another."
    assert parted(text, ["qwen", "qwen-med"]) == [
        ("qwen-med", "b"),
        (" is preferred to ", ""),
        ("qwen", "a"),
        (" in 61 % of pairs; qwen-medium is another.", ""),
    ]
    assert "".join(part for part, _ in parted(text, ["q.en", "("])) == text


def paid(number: int, judge: str = "m", *, seconds: float, known: bool = True) -> Judgment:
    reply = Reply(text="", usage=Usage(input=1_000_000, output=500_000) if known else Usage())
    made = make_judgment(f"q{number}", Order.FORWARD, Verdict.FIRST, judge=judge)
    return structs.replace(made, reply=reply, time=(BEGUN + timedelta(seconds=seconds)).isoformat())


def points(found: Spent, judge: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in found.curves[judge].split()]  # type: ignore[misc]


def test_costs_are_summed_by_judge_over_the_time_since_the_first_reply() -> None:
    judgments = [paid(0, seconds=0), paid(1, seconds=600), paid(2, "n", seconds=300)]
    found = spent(reversed(judgments), {"m": PRICE, "n": PRICE})
    assert found is not None
    assert (found.unit, found.since) == ("US dollars", "2026-03-04 05:06 UTC")
    assert points(found, "m") == [(0, 100), (0, 50), (100, 0), (100, 0), (100, 0)], "$2 at once, and $2 at the end"
    assert points(found, "n") == [(0, 100), (50, 50), (50, 50), (100, 50)]
    assert found.up == [(0, "$0"), (25, "$1"), (50, "$2"), (75, "$3"), (100, "$4")]
    assert [told for _, told in found.along] == ["0 min", "2 min", "4 min", "6 min", "8 min", "10 min"]


def test_without_a_price_tokens_are_summed_and_without_time_nothing() -> None:
    found = spent([paid(0, seconds=0), paid(1, seconds=4)], {})
    assert found is not None
    assert (found.unit, found.up[-1]) == ("tokens", (100, "3,000,000"))
    assert [told for _, told in found.along] == ["0 s", "1 s", "2 s", "3 s", "4 s"]
    assert spent([paid(0, seconds=0), paid(1, seconds=0)], {}) is None
    assert spent([structs.replace(paid(0, seconds=0), time=None)], {}) is None
    assert spent([paid(0, seconds=0, known=False), paid(1, seconds=1, known=False)], {}) is None
    assert spent([], {}) is None


@pytest.mark.parametrize("n", [1, 500])
def test_a_curve_of_many_replies_keeps_its_end(n: int) -> None:
    found = spent([paid(number, seconds=number) for number in range(n + 1)], {"m": PRICE})
    assert found is not None
    assert points(found, "m")[-1] == (100, 0)
    assert len(points(found, "m")) <= 250
