"""Groups that count alike, and raters who are a sample themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import oracle

from judge.stats.pooled_means import rate_over_raters, standardised_mean, standardised_rate


def test_a_standardised_mean_and_its_variance_equal_those_counted_by_hand() -> None:
    credit, groups = np.array([1, 1, 0, 1, 0, 0.5]), np.array([0, 0, 0, 0, 1, 1])
    found = standardised_mean(credit, groups)
    assert found is not None
    mean, (covariance, df) = found
    assert mean == (3 / 4 + 1 / 4) / 2
    # Squared distances 0.75 in four items and 0.125 in two, by (groups x items)^2; then n/(n-1) and (n-1)/(n-groups).
    by_hand = (0.75 / 8**2 + 0.125 / 4**2) * 6 / 5 * 5 / 4
    assert (covariance[0, 0], df) == (pytest.approx(by_hand), 5)


def test_a_group_without_items_has_no_mean_and_as_many_groups_as_items_no_variance() -> None:
    assert standardised_mean(np.array([1.0, 0.0]), np.array([0, 2])) is None
    found = standardised_mean(np.array([1.0, 0.0]), np.array([0, 1]))
    assert found is not None
    assert (found[0], np.isnan(found[1].matrix[0, 0])) == (0.5, True)


def test_the_standardised_variance_equals_the_sandwich_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, size=90)
    credit, clusters = rng.random(90), rng.integers(0, 30, size=90)
    api = oracle("statsmodels.api")
    fit = api.OLS(credit, np.eye(3)[groups]).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    contrast = np.full(3, 1 / 3)
    found = standardised_mean(credit, groups, clusters)
    assert found is not None
    assert found[0] == pytest.approx(contrast @ fit.params)
    assert found[1].matrix[0, 0] == pytest.approx(contrast @ fit.cov_params() @ contrast)


def test_raters_who_say_the_same_add_nothing_to_the_interval_of_the_items() -> None:
    credit = np.repeat([1.0, 0.0], [30, 20])
    found = rate_over_raters(np.column_stack([credit] * 4))
    assert found.estimate == 0.6
    assert found.se == pytest.approx(credit.std(ddof=1) / 50**0.5)
    wilson = oracle("statsmodels.stats.proportion").proportion_confint(30, 50, method="wilson")
    assert (found.low, found.high) == pytest.approx(wilson, abs=0.01)
    same = rate_over_raters(np.ones((10, 3)))
    assert (same.estimate, same.se, same.high) == (1, 0, 1)
    assert 0.6 < same.low < 1


def test_raters_who_differ_widen_it_and_the_interval_covers_the_rate_of_all_raters() -> None:
    rng = np.random.default_rng(1)
    covered, fixed = 0, 0
    for _ in range(400):
        leaning = 0.6 + rng.normal(0, 0.12, size=6)
        credits_ = (rng.random((100, 6)) < np.clip(leaning + rng.normal(0, 0.15, size=(100, 1)), 0, 1)).astype(float)
        found = rate_over_raters(credits_)
        covered += found.low <= 0.6 <= found.high
        se = credits_.mean(axis=1).std(ddof=1) / 10
        fixed += abs(found.estimate - 0.6) <= 1.96 * se
    assert 0.92 <= covered / 400 <= 0.99
    assert fixed / 400 < 0.75


@given(st.integers(2, 12), st.integers(2, 5), st.integers(0, 5), st.booleans())
def test_the_interval_over_raters_stays_in_range_and_mirrors(n: int, raters: int, seed: int, clustered: bool) -> None:  # noqa: FBT001
    credits_ = np.random.default_rng(seed).choice([0.0, 0.25, 0.5, 1.0], size=(n, raters))
    clusters = np.arange(n) % 2 if clustered else None
    one, other = rate_over_raters(credits_, clusters), rate_over_raters(1 - credits_, clusters)
    assert 0 <= one.low <= one.estimate <= one.high <= 1
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low))


@pytest.mark.parametrize("sizes", [(100, 3), (200, 2, 2, 2), (100, 1, 1, 1, 1), (50, 50, 50), (5,) * 12])
@pytest.mark.parametrize("rates", [(0.4, 0.7), (0.85, 0.97)])
def test_the_interval_of_a_standardised_rate_covers_it_however_small_a_group(
    sizes: tuple[int, ...], rates: tuple[float, float]
) -> None:
    rng = np.random.default_rng(2)
    groups, by_group = np.repeat(np.arange(len(sizes)), sizes), np.linspace(*rates, len(sizes))
    hits = 0
    for _ in range(300):
        found = standardised_rate((rng.random(len(groups)) < by_group[groups]).astype(float), groups)
        hits += found.low <= by_group.mean() <= found.high
    assert hits >= 0.92 * 300


def test_a_standardised_rate_of_large_groups_has_the_variance_of_stratified_sampling() -> None:
    rng = np.random.default_rng(4)
    groups = np.repeat([0, 1], [900, 1100])
    credit = rng.integers(0, 5, size=2000) / 4
    found, plain = standardised_rate(credit, groups), standardised_mean(credit, groups)
    assert plain is not None
    assert found.estimate == plain[0]
    assert found.se**2 == pytest.approx(plain[1].matrix[0, 0], rel=0.005)
    paired = standardised_rate(np.repeat(credit, 2), np.repeat(groups, 2), np.repeat(np.arange(2000), 2))
    assert paired == pytest.approx(found)


def test_a_standardised_rate_has_no_interval_where_no_group_repeats() -> None:
    for clusters in (None, np.zeros(2, dtype=np.intp)):
        found = standardised_rate(np.array([1.0, 0.0]), np.array([0, 1]), clusters)
        assert found.estimate == 0.5
        assert np.isnan(found[1:]).all()


@given(st.lists(st.tuples(st.sampled_from([0, 0.25, 0.5, 1]), st.integers(0, 2)), min_size=1, max_size=12))
def test_a_standardised_rate_lies_in_its_interval_and_is_turned_round_with_the_models(
    items: list[tuple[float, int]],
) -> None:
    credit, codes = np.array([item[0] for item in items]), np.array([item[1] for item in items])
    groups = np.unique(codes, return_inverse=True)[1]
    found, turned = standardised_rate(credit, groups), standardised_rate(1 - credit, groups)
    assert turned.estimate == pytest.approx(1 - found.estimate)
    if len(groups) > len(np.unique(groups)):
        assert 0 <= found.low <= found.estimate + 1e-9
        assert found.estimate - 1e-9 <= found.high <= 1
        assert (turned.low, turned.high, turned.se) == pytest.approx((1 - found.high, 1 - found.low, found.se))


@pytest.mark.parametrize("spread", [0, 0.08, 0.15])
def test_with_three_raters_the_interval_over_raters_covers_the_rate_of_all(spread: float) -> None:
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(400):
        leanings = np.clip(0.55 + spread * rng.standard_normal(3), 0, 1)
        shared = rng.random((100, 3)) < 0.6
        draws = np.where(shared, rng.random((100, 1)), rng.random((100, 3)))
        found = rate_over_raters((draws < leanings).astype(float))
        hits += found.low <= 0.55 <= found.high
    assert hits >= 0.915 * 400
