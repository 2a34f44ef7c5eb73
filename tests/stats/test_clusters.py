"""Units, and the intervals over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stats.oracles import one_each, oracle, units, worked_example

from judge.enums import Method
from judge.stats import intervals as intervals_module
from judge.stats.closed_form import clustered_covariance, ratio_errors, wilson
from judge.stats.clusters import collapse, sum_by_cluster
from judge.stats.intervals import Patterns, Resampling, bootstrap

COLUMNS = arrays(np.float64, st.tuples(st.integers(1, 30), st.just(4)), elements=st.sampled_from([0.0, 0.5, 1.0]))
CREDITS = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=2, max_size=60).map(np.array)


def clustered(rng: np.random.Generator, n_clusters: int, rate: float, correlation: float = 0.3) -> Patterns:
    """Draw clusters of one to nine binary items whose rates are Beta distributed around the rate."""
    scale = (1 - correlation) / correlation
    sizes = rng.integers(1, 10, size=n_clusters)
    wins = rng.binomial(sizes, rng.beta(rate * scale, (1 - rate) * scale, size=n_clusters))
    return collapse(wins[:, None].astype(float), sizes[:, None].astype(float))


def test_clusters_are_summed_and_unused_codes_left_out() -> None:
    columns = np.array([[1.0, 1.0], [0.5, 1.0], [0.0, 1.0]])
    assert sum_by_cluster(columns, np.array([3, 0, 3])).tolist() == [[0.5, 1.0], [1.0, 2.0]]
    assert sum_by_cluster(columns, None) is columns


@given(COLUMNS)
def test_collapsed_patterns_are_numpys_distinct_rows_in_descending_order(columns: np.ndarray) -> None:
    patterns = collapse(columns[:, :2], columns[:, 2:])
    rows, counts = np.unique(columns, axis=0, return_counts=True)
    assert np.array_equal(np.hstack([patterns.numerators, patterns.denominators]), rows[::-1])
    assert np.array_equal(patterns.counts, counts[::-1])


def test_resampled_sums_are_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])

    def draw_with(rng: np.random.Generator) -> np.ndarray:
        return intervals_module.resampled_sums(columns, lambda size: rng.random((size, 3)), 100)

    whole = draw_with(np.random.default_rng(0))
    monkeypatch.setattr(intervals_module, "CHUNK", 21)
    assert draw_with(np.random.default_rng(0)) == pytest.approx(whole)


@pytest.mark.parametrize("method", [Method.JEFFREYS, Method.PERCENTILE])
def test_a_bootstrap_in_blocks_draws_the_same_numbers(method: Resampling, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = clustered(np.random.default_rng(1), 30, 0.7)
    whole = bootstrap(patterns, method=method, n_resamples=500, seed=3)
    monkeypatch.setattr(intervals_module, "CHUNK", 700)
    for one, other in zip(whole, bootstrap(patterns, method=method, n_resamples=500, seed=3), strict=True):
        assert other == pytest.approx(one, abs=1e-12)


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_closed_form_is_wilson_s_interval_of_binary_items(wins: int, losses: int) -> None:
    n = wins + losses
    if n < 2:
        return
    interval = wilson(units((1.0, wins), (0.0, losses)))
    quantile = oracle("scipy.stats").t.ppf(0.975, n - 1)
    effective = n - 1 if wins else n  # the variance has n - 1 in its denominator, and is 0 where nothing varies
    low, high = oracle("statsmodels.stats.proportion").proportion_confint(
        wins / n * effective, effective, alpha=2 * oracle("scipy.stats").norm.sf(quantile), method="wilson"
    )
    assert (interval.low[0], interval.high[0]) == pytest.approx((low, high), abs=1e-9)


@given(CREDITS)
def test_the_closed_form_is_mirrored_exactly_when_the_models_swap(credit: np.ndarray) -> None:
    there, back = wilson(one_each(credit)), wilson(one_each(1 - credit))
    assert back.low[0] == pytest.approx(1 - there.high[0], abs=1e-12)
    assert back.high[0] == pytest.approx(1 - there.low[0], abs=1e-12)
    assert 0 <= there.low[0] <= there.estimate[0] + 1e-12
    assert there.estimate[0] - 1e-12 <= there.high[0] <= 1


@given(CREDITS)
def test_judging_every_item_twice_does_not_narrow_an_interval(credit: np.ndarray) -> None:
    once = one_each(credit)
    items = np.column_stack([credit, np.ones(len(credit))])
    twice = sum_by_cluster(np.repeat(items, 2, axis=0), np.repeat(np.arange(len(credit)), 2))
    doubled = wilson(collapse(twice[:, :1], twice[:, 1:]))
    assert np.array(doubled) == pytest.approx(np.array(wilson(once)), abs=1e-12)


def test_nothing_but_wins_or_ties_leaves_room_for_doubt() -> None:
    wins, ties = wilson(units((1.0, 50))), wilson(units((0.5, 50)))
    assert wins.high[0] == 1.0
    assert 0.92 < wins.low[0] < 0.93
    assert ties.low[0] < 0.4
    assert ties.high[0] > 0.6
    thirds = wilson(units((1 / 3, 50)))
    assert thirds.high[0] - thirds.low[0] > 0.2


def test_a_rate_over_no_item_and_a_single_unit_have_no_interval() -> None:
    interval = wilson(Patterns(np.zeros((2, 1)), np.zeros((2, 1)), np.ones(2)))
    assert np.isnan([interval.estimate, interval.low, interval.high]).all()
    assert np.isnan(wilson(units((1.0, 1))).low).all()


def test_the_variance_over_clusters_equals_that_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    codes, credit = rng.integers(0, 25, size=200), rng.choice([0.0, 0.5, 1.0], size=200)
    sums = sum_by_cluster(np.column_stack([credit, np.ones(200)]), codes)
    errors = ratio_errors(collapse(sums[:, :1], sums[:, 1:]))
    fit = oracle("statsmodels.api").OLS(credit, np.ones(200))
    robust = fit.fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}).cov_params()[0, 0]
    assert errors.variance[0] == pytest.approx(robust * 25 / 24, rel=1e-9)
    covariance = clustered_covariance((credit - credit.mean())[:, None] / 200, codes)
    assert covariance.matrix[0, 0] == pytest.approx(errors.variance[0], rel=1e-9)
    assert covariance.df == 24


def test_the_closed_form_holds_its_level_over_clusters_where_counting_items_does_not() -> None:
    rng = np.random.default_rng(1)
    held = {"clusters": 0, "items": 0}
    for _ in range(600):
        patterns = clustered(rng, 30, 0.86)
        wins, items = (patterns.counts @ column for column in (patterns.numerators[:, 0], patterns.denominators[:, 0]))
        alone = units((1.0, int(wins)), (0.0, int(items - wins)))
        for name, interval in (("clusters", wilson(patterns)), ("items", wilson(alone))):
            held[name] += int(interval.low[0] <= 0.86 <= interval.high[0])
    assert held["clusters"] / 600 > 0.92
    assert held["items"] / 600 < 0.85


def test_bootstrap_resamples_follow_the_exact_distribution() -> None:
    forward, swapped = worked_example()
    patterns = one_each((forward + swapped) / 2)
    steps = (4 * patterns.numerators[:, 0]).astype(int)
    pmf = np.bincount(steps, weights=patterns.counts / 200, minlength=801)
    exact = np.cumsum(np.fft.irfft(np.fft.rfft(pmf) ** 200, 801))  # of the sum of 200 draws, in quarters
    quantiles = np.searchsorted(exact, [0.025, 0.975]) / 800
    interval = bootstrap(patterns, method=Method.PERCENTILE)
    assert (interval.low[0], interval.high[0]) == pytest.approx(quantiles, abs=0.003)
