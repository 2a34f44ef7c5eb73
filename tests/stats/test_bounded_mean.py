"""Exact tests of the mean of bounded units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from judge.stats.bounded_mean import SMALLEST_P, equivalence_p_value, mean_p_value

CREDIT = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)


def equivalence(credit: list[float] | NDArray[np.float64], margin: float) -> float:
    values = np.asarray(credit, dtype=np.float64)
    return equivalence_p_value(values - 0.5, np.ones(len(values)), margin)


@given(st.integers(1, 300), st.floats(0, 1), st.floats(0.02, 0.98))
def test_of_wins_and_losses_it_is_the_exact_binomial_test(n: int, share: float, rate: float) -> None:
    wins = round(share * n)
    found = mean_p_value(np.repeat([1 - rate, -rate], [wins, n - wins]), rate)
    assert found == pytest.approx(max(SMALLEST_P, stats.binom.sf(wins - 1, n, rate)), abs=2e-6)


def test_of_graded_values_it_is_the_share_of_weighted_means_at_or_below_the_bound() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(15) - 0.4
    weights = rng.standard_exponential((200_000, 16))
    expected = (weights @ np.append(values, -0.4) <= 0).mean()
    assert mean_p_value(values, 0.4) == pytest.approx(expected, abs=4 * 0.5 / 200_000**0.5)


def test_the_published_example_of_two_one_sided_tests_is_met_to_the_exact_tests_caution() -> None:
    # 210 wins, 200 ties, 190 losses: .0230 by two t tests
    found = equivalence(np.repeat([1.0, 0.5, 0.0], [210, 200, 190]), 0.05)
    assert 0.0230 < found < 0.027


@given(st.lists(CREDIT, min_size=1, max_size=40), st.floats(0.01, 0.45))
def test_equivalence_mirrors_with_the_models_and_is_easier_with_a_wider_margin(
    credit: list[float], margin: float
) -> None:
    found = equivalence(credit, margin)
    assert SMALLEST_P <= found <= 1
    assert equivalence([1 - value for value in credit], margin) == pytest.approx(found, abs=1e-8)
    assert equivalence(credit, margin + 0.04) <= found + 1e-8
    assert found == pytest.approx(equivalence(sorted(credit), margin), abs=1e-8)


def test_ties_alone_say_as_much_as_so_many_items_can() -> None:
    # P(a loss in none of n) = .9^n where a tenth is lost, the least that lies at the margin
    for n in (10, 40):
        assert equivalence([0.5] * n, 0.05) == pytest.approx(0.9**n)
    assert equivalence([], 0.05) == 1


@pytest.mark.parametrize("lost", [0.1, 0.2])
@pytest.mark.parametrize("n", [30, 60, 200])
def test_models_at_the_margin_are_called_equivalent_in_one_of_twenty_at_most(n: int, lost: float) -> None:
    rng = np.random.default_rng(0)
    kinds = rng.multinomial(n, [lost - 0.1, 1 + 0.1 - 2 * lost, lost], size=1_000)
    outcomes, times = np.unique(kinds, axis=0, return_counts=True)
    found = [equivalence(np.repeat([1.0, 0.5, 0.0], kind), 0.05) <= 0.05 for kind in outcomes]
    assert times @ np.array(found) / 1_000 <= 0.055 + 0.01


@given(st.lists(st.lists(CREDIT, min_size=1, max_size=4), min_size=1, max_size=15))
def test_clusters_count_as_units_whose_mean_no_item_can_leave(clusters: list[list[float]]) -> None:
    sizes = np.array([len(cluster) for cluster in clusters], dtype=np.float64)
    excess = np.array([sum(cluster) for cluster in clusters]) - sizes / 2
    found = equivalence_p_value(excess, sizes, 0.1)
    alone = equivalence_p_value(excess / sizes, np.ones(len(sizes)), 0.1)
    if len(set(sizes)) == 1:
        assert found == pytest.approx(alone, abs=1e-8)
    widest = np.append(excess, 0.0), np.append(sizes, 30.0)  # thirty items that might all have been lost together
    if found < 0.05:
        assert equivalence_p_value(*widest, 0.1) > found
