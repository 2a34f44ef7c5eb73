from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from judge.enums import Method
from judge.stats.closed_form import wilson
from judge.stats.clusters import collapse
from judge.stats.intervals import Patterns, Rates, bootstrap

Floats = NDArray[np.float64]


def rates_of(patterns: Patterns, method: Method, *, level: float = 0.95, seed: int = 0) -> Rates:
    if method is Method.WILSON:
        return wilson(patterns, level=level)
    return bootstrap(patterns, method=method, level=level, seed=seed)


def of_scores(
    scores: list[float] | Floats, *, method: Method = Method.JEFFREYS, seed: int = 0, level: float = 0.95
) -> tuple[float, float, float]:
    """Return estimate and interval of a mean over units of size one."""
    column = np.asarray(scores, dtype=np.float64)[:, None]
    rates = rates_of(collapse(column, np.ones_like(column)), method, seed=seed, level=level)
    return float(rates.estimate[0]), float(rates.low[0]), float(rates.high[0])


@pytest.mark.parametrize(("n", "low"), [(10, 0.782), (50, 0.952), (500, 0.995)])
def test_all_wins_have_the_published_lower_end_and_the_upper_end_one(n: int, low: float) -> None:
    estimate, lower, upper = of_scores([1.0] * n)
    assert (estimate, round(lower, 3), upper) == (1, low, 1)
    assert lower == pytest.approx(stats.beta.ppf(0.025, n + 0.5, 0.5), abs=0.005)
    estimate, lower, upper = of_scores([0.0] * n)
    assert (estimate, lower) == (0, 0)
    assert upper == pytest.approx(1 - low, abs=0.005)


def test_all_ties_have_the_published_interval() -> None:
    estimate, low, high = of_scores([0.5] * 50)
    assert (estimate, round(low, 3), round(high, 3)) == (0.5, 0.479, 0.521)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_the_percentile_bootstrap_collapses_to_a_point_where_all_items_are_equal(score: float) -> None:
    assert of_scores([score] * 50, method=Method.PERCENTILE) == (score, score, score)


@pytest.mark.parametrize(("wins", "n"), [(1, 5), (3, 20), (17, 20), (49, 50), (43, 100), (430, 500)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_binary_outcomes_have_the_jeffreys_interval(wins: int, n: int, level: float) -> None:
    _, low, high = of_scores([1.0] * wins + [0.0] * (n - wins), level=level)
    posterior = stats.beta(wins + 0.5, n - wins + 0.5)
    tail = (1 - level) / 2
    for end, quantile in ((low, tail), (high, 1 - tail)):
        expected = posterior.ppf(quantile)
        error = np.sqrt(quantile * (1 - quantile) / 10_000) / posterior.pdf(expected)
        assert abs(end - expected) < 4 * error


def exact_bootstrap(scores: list[float]) -> tuple[Floats, Floats]:
    """Return the exact distribution of a resampled mean of quarters: the n-th power of its pmf, by FFT."""
    n = len(scores)
    pmf = np.bincount(np.round(4 * np.asarray(scores)).astype(int), minlength=5) / n
    size = 4 * n + 1
    mass = np.fft.irfft(np.fft.rfft(pmf, size) ** n, size)
    return np.arange(size) / (4 * n), np.maximum(mass, 0)


@pytest.mark.parametrize(
    "counts", [(20, 12, 18, 30, 120), (5, 0, 10, 0, 35), (100, 50, 200, 50, 100), (3, 3, 3, 3, 3), (0, 1, 1, 8, 40)]
)
def test_percentile_ends_are_quantiles_of_the_exact_bootstrap_distribution(counts: tuple[int, ...]) -> None:
    scores = [value / 4 for value, count in enumerate(counts) for _ in range(count)]
    estimate, low, high = of_scores(scores, method=Method.PERCENTILE)
    means, mass = exact_bootstrap(scores)
    assert estimate == pytest.approx(float(means @ mass), abs=1e-9)
    cumulated = np.cumsum(mass)
    slack = 4 * np.sqrt(0.025 * 0.975 / 10_000)
    for end, level in ((low, 0.025), (high, 0.975)):
        below, up_to = cumulated[means < end - 1e-9], cumulated[means <= end + 1e-9]
        assert (below[-1] if len(below) else 0) - slack <= level <= up_to[-1] + slack


def test_percentile_ends_agree_with_scipy() -> None:
    scores = np.repeat([0.0, 0.25, 0.5, 0.75, 1.0], [20, 12, 18, 30, 120])
    theirs = stats.bootstrap((scores,), np.mean, method="percentile", rng=1, n_resamples=10_000).confidence_interval
    _, low, high = of_scores(scores, method=Method.PERCENTILE)
    assert low == pytest.approx(theirs.low, abs=0.004)
    assert high == pytest.approx(theirs.high, abs=0.004)


credit = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@given(st.lists(credit, min_size=2, max_size=40), st.sampled_from(Method), st.integers(0, 5), st.randoms())
def test_an_interval_holds_its_estimate_stays_in_bounds_and_ignores_the_order_of_units(
    scores: list[float], method: Method, seed: int, source: object
) -> None:
    estimate, low, high = of_scores(scores, method=method, seed=seed)
    assert estimate == pytest.approx(np.mean(scores))
    assert 0 <= low <= estimate + 1e-9
    assert estimate - 1e-9 <= high <= 1
    shuffled = sorted(scores, key=lambda _: source.random())  # type: ignore[attr-defined]
    assert of_scores(shuffled, method=method, seed=seed) == (estimate, low, high)


@given(st.lists(credit, min_size=5, max_size=60), st.sampled_from(Method))
def test_losses_have_the_mirrored_interval_of_wins(scores: list[float], method: Method) -> None:
    estimate, low, high = of_scores(scores, method=method)
    mirrored = of_scores([1 - score for score in scores], method=method)
    assert mirrored[0] == pytest.approx(1 - estimate)
    within = 0.1 * (high - low) + 1 / len(scores) / 4 + 1e-9
    assert mirrored[1] == pytest.approx(1 - high, abs=within)
    assert mirrored[2] == pytest.approx(1 - low, abs=within)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30))
def test_collapsing_keeps_every_unit(pairs: list[tuple[int, int]]) -> None:
    numerators = np.array([[min(pair), 1] for pair in pairs], dtype=np.float64).reshape(-1, 2)
    denominators = np.array([[max(pair), 1] for pair in pairs], dtype=np.float64).reshape(-1, 2)
    patterns = collapse(numerators, denominators)
    rows = np.hstack([patterns.numerators, patterns.denominators])
    assert sorted(np.repeat(rows, patterns.counts.astype(int), axis=0).tolist()) == sorted(
        np.hstack([numerators, denominators]).tolist()
    )
    assert rows.tolist() == sorted(set(map(tuple, rows.tolist())), reverse=True) or rows.tolist() == sorted(
        rows.tolist(), reverse=True
    )


def test_units_of_unequal_size_weigh_by_their_size() -> None:
    numerators, denominators = np.array([[4.0], [0.0]] * 40), np.array([[4.0], [1.0]] * 40)
    for method in Method:
        rates = rates_of(collapse(numerators, denominators), method)
        assert rates.estimate[0] == pytest.approx(0.8)
        assert rates.low[0] < 0.8 < rates.high[0]


@pytest.mark.parametrize("method", [m for m in Method if m is not Method.WILSON])  # one unit has no Wilson interval
def test_a_rate_that_no_unit_counts_for_is_nan_and_the_others_are_not(method: Method) -> None:
    numerators, denominators = (
        np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
        np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]),
    )
    rates = rates_of(collapse(numerators, denominators), method)
    for ends in rates:
        assert np.isnan(ends).tolist() == [True, False, False]
    nothing = rates_of(collapse(numerators[:0], denominators[:0]), method)
    assert isinstance(nothing, Rates)
    assert all(np.isnan(ends).all() and len(ends) == 3 for ends in nothing)


def test_the_seed_decides_the_interval_and_more_resamples_settle_it() -> None:
    scores = [1.0] * 30 + [0.5] * 10 + [0.0] * 20
    assert of_scores(scores, seed=1) == of_scores(scores, seed=1)
    assert of_scores(scores, seed=1) != of_scores(scores, seed=2)
    column = np.array(scores)[:, None]
    patterns = collapse(column, np.ones_like(column))
    lows = {n: [float(bootstrap(patterns, n_resamples=n, seed=s).low[0]) for s in range(12)] for n in (100, 10_000)}
    assert np.std(lows[10_000]) < np.std(lows[100])
