"""Agreement of judges, samples and orders."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stats.oracles import oracle

from judge.stats.agreement import agreement, category_counts, cohen_kappa, flip_rates

NONE = np.nan
CANONICAL = np.array(  # Krippendorff, "Computing Krippendorff's alpha-reliability", 2011: four observers, twelve units
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
)
RATINGS = arrays(
    np.float64, st.tuples(st.integers(2, 25), st.integers(2, 5)), elements=st.sampled_from([0.0, 0.5, 1.0, NONE])
)


def test_the_canonical_example_has_its_published_alphas() -> None:
    counts = category_counts(CANONICAL.T, [1, 2, 3, 4, 5])
    result = agreement(counts, [1, 2, 3, 4, 5], n_resamples=500)
    assert result.alpha_nominal.estimate == pytest.approx(0.743421, abs=5e-7)
    assert result.alpha_interval.estimate == pytest.approx(0.849107, abs=5e-7)
    assert result.alpha_interval.low < 0.849 < result.alpha_interval.high


@given(RATINGS)
def test_alpha_equals_that_of_krippendorff_s_package(ratings: np.ndarray) -> None:
    counts = category_counts(ratings, [0, 0.5, 1])
    ours = agreement(counts, [0, 0.5, 1], n_resamples=20)
    in_pairs = counts[counts.sum(axis=1) >= 2]
    if (in_pairs.sum(axis=0) > 0).sum() < 2:
        return  # undefined: a single category
    alpha = oracle("krippendorff").alpha
    for ours_, scale in ((ours.alpha_nominal, "nominal"), (ours.alpha_interval, "interval")):
        expected = alpha(value_counts=counts, value_domain=[0, 0.5, 1], level_of_measurement=scale)
        assert ours_.estimate == pytest.approx(expected, abs=1e-9)


def test_kappa_and_alpha_collapse_with_prevalence_and_ac1_does_not() -> None:
    first, second = np.repeat([0, 0, 1], [384, 8, 8]), np.repeat([0, 1, 0], [384, 8, 8])
    counts = category_counts(np.column_stack([first, second]), [0, 1])
    result = agreement(counts, [0, 1])
    assert result.raw.estimate == pytest.approx(0.96)
    assert result.ac1.estimate == pytest.approx(0.958, abs=5e-4)
    assert result.alpha_nominal.estimate == pytest.approx(-0.019, abs=5e-4)
    assert cohen_kappa(first, second, 2).estimate == pytest.approx(-0.020, abs=5e-4)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40).map(np.array))
def test_kappa_equals_that_of_scikit_learn(pairs: np.ndarray) -> None:
    first, second = pairs.T
    if len(np.unique(pairs)) > 1:
        expected = oracle("sklearn.metrics").cohen_kappa_score(first, second)
        assert cohen_kappa(first, second, 3, n_resamples=20).estimate == pytest.approx(expected, abs=1e-12)


def test_ac1_and_raw_agreement_of_many_raters_equal_their_definitions() -> None:
    rng = np.random.default_rng(0)
    ratings = rng.choice([0.0, 0.5, 1.0], size=(60, 4), p=[0.1, 0.2, 0.7])
    counts = category_counts(ratings, [0, 0.5, 1])
    pairs = [(ratings[:, i] == ratings[:, j]).mean() for i in range(4) for j in range(i)]
    shares = counts.sum(axis=0) / counts.sum()
    chance = (shares * (1 - shares)).sum() / 2
    result = agreement(counts, [0, 0.5, 1], n_resamples=20)
    assert result.raw.estimate == pytest.approx(np.mean(pairs))
    assert result.ac1.estimate == pytest.approx((np.mean(pairs) - chance) / (1 - chance))


@given(RATINGS, st.randoms())
def test_the_order_of_the_items_and_a_swap_of_the_models_change_nothing(ratings: np.ndarray, random: Random) -> None:
    order = list(range(len(ratings)))
    random.shuffle(order)
    values = [0, 0.5, 1]
    here = agreement(category_counts(ratings, values), values, n_resamples=50)
    shuffled = agreement(category_counts(ratings[order], values), values, n_resamples=50)
    swapped = agreement(category_counts(1 - ratings, values), values, n_resamples=50)
    for one, other, mirrored in zip(here, shuffled, swapped, strict=True):
        assert other == pytest.approx(one, nan_ok=True)
        assert mirrored.estimate == pytest.approx(one.estimate, nan_ok=True)
        assert np.isnan(one.estimate) or one.estimate <= 1 + 1e-12


def test_the_bootstrap_spreads_as_the_coefficients_of_new_items_do() -> None:
    rng = np.random.default_rng(1)

    def draw() -> np.ndarray:
        truth = rng.integers(0, 3, size=300)
        raters = np.where(rng.random((300, 3)) < 0.6, truth[:, None], rng.integers(0, 3, size=(300, 3)))
        return category_counts(raters.astype(float), [0, 1, 2])

    spread = np.std([agreement(draw(), [0, 1, 2], n_resamples=2).alpha_nominal.estimate for _ in range(300)])
    interval = agreement(draw(), [0, 1, 2]).alpha_nominal
    assert (interval.high - interval.low) / (2 * 1.96) == pytest.approx(spread, rel=0.15)


def test_clusters_widen_the_interval_as_copies_of_items_should() -> None:
    rng = np.random.default_rng(2)
    ratings = rng.choice([0.0, 1.0], size=(50, 2))
    copied = category_counts(np.repeat(ratings, 4, axis=0), [0, 1])
    once = agreement(category_counts(ratings, [0, 1]), [0, 1]).ac1
    assert agreement(copied, [0, 1], np.repeat(np.arange(50), 4)).ac1 == pytest.approx(once, abs=0.01)


@pytest.mark.parametrize("n", [1, 10, 50])
def test_judges_who_always_agree_keep_the_interval_of_jeffreys(n: int) -> None:
    counts = category_counts(np.repeat([[0.0, 0.0], [1.0, 1.0]], [n, n], axis=0), [0, 0.5, 1])
    result = agreement(counts, [0, 0.5, 1])
    low = oracle("scipy.stats").beta.ppf(0.025, 2 * n + 0.5, 0.5)
    assert (result.raw.estimate, result.raw.high) == (1, 1)
    assert result.raw.low == pytest.approx(low, abs=0.04 if n == 1 else 0.01)
    for own in result:
        assert (own.estimate, own.high) == (1, 1)
        assert -1 <= own.low < 1
    both = np.repeat([0, 2], n)
    kappa = cohen_kappa(both, both, 3)
    assert (kappa.estimate, kappa.high) == (1, 1)
    assert -1 <= kappa.low < 1


def test_judges_who_name_one_side_alone_agree_but_have_no_alpha() -> None:
    result = agreement(np.array([[2.0, 0.0], [2.0, 0.0]]), [0, 1])
    assert (result.raw.estimate, result.raw.high, result.ac1.estimate) == (1, 1, 1)
    assert 0 < result.raw.low < 1
    assert np.isnan(result.alpha_nominal).all()


@given(RATINGS, st.booleans())
def test_no_coefficient_and_no_end_of_its_interval_leaves_its_range(ratings: np.ndarray, clustered: bool) -> None:  # noqa: FBT001
    clusters = np.arange(len(ratings)) // 2 if clustered else None
    for own in agreement(category_counts(ratings, [0, 0.5, 1]), [0, 0.5, 1], clusters, n_resamples=50):
        known = [value for value in (own.low, own.estimate, own.high) if not np.isnan(value)]
        assert all(-1 - 1e-12 <= value <= 1 + 1e-12 for value in known)


def test_items_in_one_cluster_have_no_interval() -> None:
    counts = category_counts(np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), [0, 1])
    result = agreement(counts, [0, 1], np.zeros(3, dtype=int))
    assert result.raw.estimate == pytest.approx(2 / 3)
    assert np.isnan([result.raw.low, result.raw.high, result.raw.se]).all()


def test_repeats_and_orders_flip_as_their_pairs_do() -> None:
    rng = np.random.default_rng(3)
    forward, swapped = rng.integers(0, 3, size=(2, 30, 4))
    swapped[0] = -1  # an item judged in one order
    counts = [np.column_stack([(side == value).sum(axis=1) for value in range(3)]) for side in (forward, swapped)]
    rates = flip_rates(counts[0].astype(float), counts[1].astype(float))
    for item in range(1, 30):
        repeat = sum(side[item, i] != side[item, j] for side in (forward, swapped) for i in range(4) for j in range(i))
        order = sum(one != other for one in forward[item] for other in swapped[item])
        assert rates.numerators[item].tolist() == [repeat, order]
        assert rates.denominators[item].tolist() == [12, 16]
    assert rates.denominators[0].tolist() == [6, 0]
