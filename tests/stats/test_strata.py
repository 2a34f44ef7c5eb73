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


def test_heterogeneity_equals_the_robust_score_test_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    groups, codes = rng.integers(0, 3, size=240), np.sort(rng.integers(0, 60, size=240))
    credit = rng.choice([0.0, 0.5, 1.0], size=240)
    gee = oracle("statsmodels.genmod.generalized_estimating_equations").GEE
    dummies = np.column_stack([np.ones(240), groups == 1, groups == 2]).astype(float)
    small, large = gee(credit, np.ones((240, 1)), codes), gee(credit, dummies, codes)
    expected = large.compare_score_test(small.fit())
    ours = heterogeneity(credit, groups, codes)
    assert ours is not None
    assert (ours.statistic, ours.p_value) == pytest.approx((expected["statistic"], expected["p-value"]), rel=1e-8)
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


@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_heterogeneity_finds_a_difference_that_is_not_there_in_one_of_twenty_at_most(rate: float) -> None:
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(1_000):
        codes = np.repeat(np.arange(40), 4)
        odds = rng.beta(rate * 3, (1 - rate) * 3, size=40)
        credit = (rng.random(160) < odds[codes]).astype(float)
        result = heterogeneity(credit, (codes % 3).astype(int), codes)
        found += int(result is not None and result.p_value <= 0.05)
    assert found / 1_000 < 0.065


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=50), st.randoms())
def test_heterogeneity_ignores_order_and_the_models_names(items: list[tuple[int, float]], random: Random) -> None:
    def of(pairs: list[tuple[int, float]], *, mirrored: bool = False) -> float:
        groups, credit = np.array([g for g, _ in pairs]), np.array([c for _, c in pairs])
        result = heterogeneity(1 - credit if mirrored else credit, groups)
        return -1.0 if result is None else result.p_value

    here = of(items)
    random.shuffle(items)
    assert of(items) == pytest.approx(here, abs=1e-6)
    assert of(items, mirrored=True) == pytest.approx(here, abs=1e-6)
    assert here == -1 or 0 <= here <= 1


def test_a_group_that_always_wins_is_told_from_one_that_does_not() -> None:
    credit = np.repeat([1.0, 0.0, 1.0], [40, 20, 20])
    result = heterogeneity(credit, np.repeat([0, 1], 40))
    assert result is not None
    assert result.p_value < 1e-4
    assert heterogeneity(np.ones(20), np.repeat([0, 1], 10)) == (0.0, 1, 1.0)
