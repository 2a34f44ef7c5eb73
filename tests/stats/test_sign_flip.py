"""The exact paired test."""

from __future__ import annotations

import itertools
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import oracle, worked_example

from judge.stats.clusters import sum_by_cluster
from judge.stats.significance import Distribution, sign_flip, signs


def brute_force(excess: np.ndarray) -> float:
    flips = np.array(list(itertools.product([-1, 1], repeat=len(excess))))
    return float((np.abs(flips @ excess) >= abs(excess.sum()) - 1e-9).mean())


def test_the_worked_example_has_its_published_p_value() -> None:
    forward, swapped = worked_example()
    result = sign_flip((forward + swapped) / 2 - 0.5)
    assert result.p_value == pytest.approx(1.3e-18, rel=0.02)
    assert result.distribution is Distribution.EXACT


@given(st.lists(st.sampled_from(range(-6, 7)), min_size=1, max_size=10), st.sampled_from([4, 12, 60]))
def test_it_is_the_share_of_all_sign_patterns_that_reach_the_total(steps: list[int], quantum: int) -> None:
    excess = np.array(steps) / quantum
    assert sign_flip(excess).p_value == pytest.approx(brute_force(excess), rel=1e-9)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 50))
def test_without_quarter_scores_it_is_the_binomial_test(wins: int, losses: int, ties: int) -> None:
    excess = np.repeat([0.5, -0.5, 0.0], [wins, losses, ties])
    expected = oracle("scipy.stats").binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_flip(excess).p_value == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.sampled_from([-0.5, -0.25, 0.0, 0.25, 0.5, 1 / 3, -1 / 6]), max_size=60), st.randoms())
def test_swapping_the_models_or_shuffling_the_items_changes_nothing(excess: list[float], random: Random) -> None:
    there = sign_flip(np.array(excess))
    random.shuffle(excess)
    assert sign_flip(np.array(excess)).p_value == pytest.approx(there.p_value, rel=1e-12)
    assert sign_flip(-np.array(excess)).p_value == pytest.approx(there.p_value, rel=1e-12)
    assert 0 < there.p_value <= 1


def test_patterns_with_counts_give_what_the_items_give() -> None:
    excess, counts = np.array([0.5, 0.25, 0.0, -0.25, -0.5]), np.array([30.0, 12.0, 9.0, 7.0, 22.0])
    assert sign_flip(excess, counts) == sign_flip(np.repeat(excess, counts.astype(int)))


def test_every_item_as_its_own_cluster_is_no_clustering() -> None:
    excess = np.random.default_rng(1).choice([-0.5, -0.25, 0.25, 0.5], size=40)
    own = sum_by_cluster(excess[:, None], np.arange(40))[:, 0]
    assert sign_flip(own) == sign_flip(excess)


def test_copies_of_an_item_in_one_cluster_do_not_lower_the_p_value() -> None:
    excess = np.random.default_rng(2).choice([-0.5, 0.25, 0.5], size=40)
    copied = sum_by_cluster(np.repeat(excess, 5)[:, None], np.repeat(np.arange(40), 5))[:, 0]
    assert sign_flip(copied).p_value == pytest.approx(sign_flip(excess).p_value, rel=1e-9)


def test_a_single_cluster_shows_nothing_and_no_units_show_nothing() -> None:
    assert sign_flip(np.array([37.5])).p_value == 1.0
    assert sign_flip(np.array([])).p_value == 1.0


def test_a_million_items_are_exact_and_agree_with_the_normal_approximation() -> None:
    excess, counts = np.array([0.5, 0.25, -0.25, -0.5]), np.array([301_000.0, 200_200.0, 200_000.0, 298_800.0])
    result = sign_flip(excess, counts)
    z = counts @ excess / math.sqrt(counts @ excess**2)
    assert result.distribution is Distribution.EXACT
    assert result.p_value == pytest.approx(math.erfc(z / math.sqrt(2)), rel=5e-3)


def test_excesses_without_a_common_quantum_are_flipped_at_random_and_never_give_zero() -> None:
    excess = np.random.default_rng(3).random(12) - 0.35
    drawn = sign_flip(excess, seed=5)
    assert drawn.distribution is Distribution.MONTE_CARLO
    assert drawn.p_value == pytest.approx(brute_force(excess), abs=0.02)
    assert drawn == sign_flip(excess[::-1], seed=5)
    assert sign_flip(np.random.default_rng(4).random(200)).p_value == 1 / 10_001


def test_many_units_without_a_common_quantum_take_the_normal_approximation() -> None:
    excess = np.random.default_rng(5).random(20_000) - 0.497
    result = sign_flip(excess)
    z = excess.sum() / math.sqrt((excess**2).sum())
    assert result.distribution is Distribution.NORMAL
    assert result.p_value == pytest.approx(2 * oracle("scipy.stats").norm.sf(z), rel=1e-4)


def test_signs_count_units_and_ignore_rounding() -> None:
    assert signs(np.array([0.25, -0.5, 1e-17, 0.1 + 0.2 - 0.3])) == (1, 1)
