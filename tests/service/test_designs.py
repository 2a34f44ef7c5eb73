"""Designs are balanced, and give rewards that follow quality as the table of docs/library.md says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.errors import InputError
from judge.service.designs import Against, Comparison, Credit, GroupDesign, orders_of, rewards

NAMES = ["cyclic", "strides:1", "strides:2", "strides:3", "all", "both"]


@pytest.mark.parametrize("name", ["", "stride:2", "strides:", "strides:0", "strides:-1", "strides:2x", "ALL"])
def test_what_is_no_design_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"--design: .* is no design \(there are cyclic"):
        GroupDesign.parse(name)


@given(st.sampled_from(NAMES), st.integers(2, 17))
def test_each_response_is_shown_first_as_often_as_second_but_for_one(name: str, n: int) -> None:
    design = GroupDesign.parse(name)
    orders = orders_of(design.against)
    shown = [pair if order == "forward" else pair[::-1] for pair in design.comparisons(n) for order in orders]
    first, second = Counter(pair[0] for pair in shown), Counter(pair[1] for pair in shown)
    assert len(set(shown)) == len(shown)
    assert all(i != j for i, j in shown)
    assert all(abs(first[place] - second[place]) <= 1 for place in range(n))
    assert {first[place] + second[place] for place in range(n)} == {2 * len(shown) // n}


def test_a_group_of_eight_takes_the_calls_that_the_table_states() -> None:
    calls = {
        name: len(design.comparisons(8)) * len(orders_of(design.against))
        for name in ("cyclic", "strides:2", "strides:3", "anchor", "all", "both")
        for design in [GroupDesign.parse(name)]
    }
    assert calls == {"cyclic": 8, "strides:2": 16, "strides:3": 24, "anchor": 14, "all": 28, "both": 56}


@given(st.integers(2, 9))
def test_with_an_anchor_every_other_meets_it_in_both_orders(n: int) -> None:
    design = GroupDesign.parse("anchor")
    assert design.comparisons(n) == [(i, n - 1) for i in range(n - 1)]
    assert design.against is Against.ANCHOR
    assert len(orders_of(design.against)) == 2


@given(st.integers(2, 6), st.data())
def test_credits_are_given_once_to_each_side_and_no_verdict_gives_no_reward(n: int, data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(0, n - 2), st.sampled_from([0.0, 0.5, 1.0]))
    given_ = [Credit(Comparison(i, i + 1), credit) for i, credit in data.draw(st.lists(pairs, max_size=20))]
    folded = rewards(n, given_)
    counts = Counter(place for (i, j), _ in given_ for place in (i, j))
    assert [reward.mean is None for reward in folded] == [not counts[place] for place in range(n)]
    assert sum((reward.mean or 0) * counts[place] for place, reward in enumerate(folded)) == pytest.approx(len(given_))
    assert all(reward.se is None or 0 < reward.se < 0.5 for reward in folded)


def test_the_standard_error_is_that_of_jeffreys_posterior() -> None:
    # Beta(3.5, 1.5): variance ab / ((a + b)^2 (a + b + 1)) = 5.25 / 150.
    four = [Credit(Comparison(0, 1), credit) for credit in (1.0, 1.0, 1.0, 0.0)]
    first, _ = rewards(2, four)
    assert first.mean == 0.75
    assert first.se == pytest.approx((5.25 / 150) ** 0.5)


TABLE = {
    # design: correlation of reward and quality without position bias, with 1.5, with 4 (hard verdicts)
    "cyclic": (0.66, 0.64, 0.60),
    "strides:2": (0.80, 0.77, 0.67),
    "strides:3": (0.86, 0.84, 0.73),
    "anchor": (0.71, 0.70, 0.65),
    "all": (0.88, 0.86, 0.66),
    "both": (0.94, 0.93, 0.85),
}


SOFT = {"strides:2": (0.86, 0.85, 0.78), "strides:3": (0.91, 0.91, 0.85)}
"""the same of soft verdicts"""


@pytest.mark.parametrize(
    ("name", "column", "soft", "expected"),
    [
        (name, column, soft, expected)
        for soft, table in ((False, TABLE), (True, SOFT))
        for name, row in table.items()
        for column, expected in enumerate(row)
    ],
)
def test_rewards_follow_quality_as_the_simulated_table_says(
    name: str, column: int, *, soft: bool, expected: float
) -> None:
    rng, n_groups, size = np.random.default_rng(7), 4000, 8
    quality, bias = rng.normal(size=(n_groups, size)), (0.0, 1.5, 4.0)[column]
    design = GroupDesign.parse(name)
    total, met = np.zeros((n_groups, size)), np.zeros(size)
    for i, j in design.comparisons(size):
        for order in orders_of(design.against):
            shown = 1 if order == "forward" else -1
            # What the judge feels: its noise makes i win with probability 1 / (1 + exp(-logit)).
            felt = 2 * (quality[:, i] - quality[:, j]) + shown * bias + rng.logistic(size=n_groups)
            credit = 1 / (1 + np.exp(-felt)) if soft else (felt > 0).astype(float)
            for group_credit, place in ((credit, i), (1 - credit, j)):
                total[:, place] += group_credit
                met[place] += 1
    # Within a group, as GRPO compares rewards; groups whose rewards are all equal have no correlation.
    off_quality = quality - quality.mean(1, keepdims=True)
    off_reward = total / met - (total / met).mean(1, keepdims=True)
    norm = np.sqrt((off_quality**2).sum(1) * (off_reward**2).sum(1))
    told = norm > 1e-9
    found = ((off_quality * off_reward).sum(1)[told] / norm[told]).mean()
    assert found == pytest.approx(expected, abs=0.02)
