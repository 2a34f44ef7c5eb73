"""Groups of items."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import oracle

from judge.enums import Stratum
from judge.stats.clusters import collapse
from judge.stats.intervals import bootstrap
from judge.stats.strata import answer_rates, heterogeneity


def test_strata_rates_come_from_the_one_bootstrap_call() -> None:
    right_a = np.array([1.0, 1.0, 0.0, 0.0, 1.0, np.nan])
    right_b = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0])
    rates = answer_rates(np.array([0.75, 1.0, 0.25, 0.5, 0.25, 1.0]), right_a, right_b)
    interval = bootstrap(collapse(rates.numerators, rates.denominators.astype(np.float64)))
    assert interval.estimate == pytest.approx([0.5, 1.0, 0.25, 0.5, 0.5])
    assert rates.denominators.sum(axis=0).tolist() == [2, 1, 1, 1, 5]
    assert len(Stratum) == 4


def test_the_rate_from_answers_alone_is_that_of_a_judge_of_answers() -> None:
    counts = {(1.0, 1.0): 105, (1.0, 0.0): 41, (0.0, 1.0): 10, (0.0, 0.0): 44}
    right_a, right_b = (np.repeat([key[side] for key in counts], list(counts.values())) for side in (0, 1))
    judged_by_answer = 0.5 + (right_a - right_b) / 2
    rates = answer_rates(judged_by_answer, right_a, right_b)
    estimate = rates.numerators.sum(axis=0) / rates.denominators.sum(axis=0)
    assert estimate == pytest.approx([0.5, 1.0, 0.0, 0.5, (41 + 149 / 2) / 200])


def test_swapping_the_models_mirrors_the_strata() -> None:
    rng = np.random.default_rng(0)
    credit, (right_a, right_b) = rng.choice([0.0, 0.5, 1.0], size=80), rng.choice([0.0, 1.0, np.nan], size=(2, 80))
    there, back = answer_rates(credit, right_a, right_b), answer_rates(1 - credit, right_b, right_a)
    order = [0, 2, 1, 3, 4]
    assert back.denominators[:, order] == pytest.approx(there.denominators)
    assert back.numerators[:, order] == pytest.approx(there.denominators - there.numerators)


def test_heterogeneity_nears_the_robust_score_test_of_statsmodels_with_many_units() -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(1_200), rng.integers(1, 4, size=1_200))
    groups = codes % 3
    credit = rng.choice([0.0, 0.5, 1.0], size=len(codes), p=[0.31, 0.3, 0.39]) * (groups > 0) + 0.5 * (groups == 0)
    gee = oracle("statsmodels.genmod.generalized_estimating_equations").GEE
    dummies = np.column_stack([np.ones(len(codes)), groups == 1, groups == 2]).astype(float)
    expected = gee(credit, dummies, codes).compare_score_test(gee(credit, np.ones((len(codes), 1)), codes).fit())
    ours = heterogeneity(credit, groups, codes)
    assert ours is not None
    assert ours.statistic == pytest.approx(expected["statistic"], rel=0.02)
    assert ours.p_value == pytest.approx(expected["p-value"], abs=0.02)
    assert ours.df == expected["df"] == 2


def test_heterogeneity_agrees_with_permuting_the_groups() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat([0, 1, 2], [60, 40, 30])
    credit = (rng.random(130) < np.array([0.7, 0.6, 0.45])[groups]).astype(float)

    def between(labels: np.ndarray) -> float:
        sums, sizes = np.bincount(labels, weights=credit), np.bincount(labels)
        return float((sums**2 / sizes).sum())

    permuted = np.mean([between(rng.permutation(groups)) >= between(groups) - 1e-9 for _ in range(4_000)])
    ours = heterogeneity(credit, groups)
    assert ours is not None
    assert ours.p_value == pytest.approx(permuted, abs=0.02)


def test_two_groups_of_few_items_have_the_share_of_all_ways_to_part_them() -> None:
    # One of the 20 ways to put six items in two groups of three parts wins and losses like this, one the other way
    found = heterogeneity(np.repeat([1.0, 0.0], 3), np.repeat([0, 1], 3))
    assert found is not None
    assert found.p_value == pytest.approx(2 / 20, abs=0.01)
    # Clusters of one group each are permuted whole: the same six, of two items each
    clustered = heterogeneity(np.repeat([1.0, 0.0], 6), np.repeat([0, 1], 6), np.repeat(np.arange(6), 2))
    assert clustered is not None
    assert clustered.p_value == pytest.approx(2 / 20, abs=0.01)
    # Within a cluster that spans both groups, places are exchanged: 2 of 2^4 ways give each group's item its credit
    spanning = heterogeneity(np.tile([1.0, 0.0], 4), np.tile([0, 1], 4), np.repeat(np.arange(4), 2))
    assert spanning is not None
    assert spanning.p_value == pytest.approx(2 / 16, abs=0.01)


@pytest.mark.parametrize("design", ["few", "many small", "clusters", "spanning"])
def test_heterogeneity_finds_a_difference_that_is_not_there_in_one_of_twenty_at_most(design: str) -> None:
    rng = np.random.default_rng(3)
    found = 0
    for seed in range(200):
        codes = np.arange(60) if design in {"few", "many small"} else np.repeat(np.arange(30), rng.integers(1, 6, 30))
        groups = {
            "few": rng.integers(0, 3, 60),
            "many small": np.arange(60) // 3,
            "clusters": codes % 3,
            "spanning": rng.integers(0, 3, len(codes)),
        }[design]
        odds = rng.beta(0.7 * 3, 0.3 * 3, size=60)
        credit = (rng.random(len(codes)) < odds[codes]).astype(float)
        result = heterogeneity(credit, groups, codes, n_permutations=199, seed=seed)
        found += int(result is not None and result.p_value <= 0.05)
    assert found / 200 <= 0.09  # .05 with an error of .015


def test_many_small_groups_that_differ_are_found_to() -> None:
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(40), 5)
    found = 0
    for seed in range(100):
        credit = (rng.random(200) < np.where(groups % 2, 0.3, 0.7)).astype(float)
        result = heterogeneity(credit, groups, n_permutations=199, seed=seed)
        found += int(result is not None and result.p_value <= 0.05)
    assert found > 70  # the chi-square distribution finds half as many


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=50), st.randoms())
def test_heterogeneity_ignores_order_and_the_models_names(items: list[tuple[int, float]], random: Random) -> None:
    def of(pairs: list[tuple[int, float]], *, mirrored: bool = False) -> float:
        groups, credit = np.array([g for g, _ in pairs]), np.array([c for _, c in pairs])
        result = heterogeneity(1 - credit if mirrored else credit, groups, n_permutations=999)
        return -1.0 if result is None else result.p_value

    here = of(items)
    random.shuffle(items)
    assert of(items) == pytest.approx(here, abs=0.1)
    assert of(items, mirrored=True) == of(items)
    assert here == -1 or 0 <= here <= 1


def test_a_group_that_always_wins_is_told_from_one_that_does_not() -> None:
    credit = np.repeat([1.0, 0.0, 1.0], [40, 20, 20])
    result = heterogeneity(credit, np.repeat([0, 1], 40))
    assert result is not None
    assert result.p_value < 2e-4
    assert heterogeneity(np.ones(20), np.repeat([0, 1], 10)) == (0.0, 1, 1.0)


def test_above_ten_thousand_units_the_chi_square_distribution_stands_in() -> None:
    rng = np.random.default_rng(5)
    credit, groups = rng.choice([0.0, 0.5, 1.0], 12_000), rng.integers(0, 4, 12_000)
    result = heterogeneity(credit, groups)
    kruskal = oracle("scipy.stats").kruskal(*(credit[groups == code] for code in range(4)))
    assert result is not None
    assert result.p_value == pytest.approx(kruskal.pvalue, abs=0.01)
