"""Slot effects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import both_orders, oracle, worked_example

from judge.stats.closed_form import ratio_errors
from judge.stats.clusters import collapse
from judge.stats.position import balanced_win_rate, decompose, splits

CREDIT = st.sampled_from([0.0, 0.5, 1.0])
BOTH_ORDERS = st.lists(st.tuples(CREDIT, CREDIT), min_size=2, max_size=60).map(np.array)


def test_the_worked_example_splits_to_the_first_slot() -> None:
    forward, swapped = worked_example()
    all_splits = splits(forward, swapped)
    assert all_splits[:2] == (41, 9)  # together the 25 % of items that are not consistent
    assert all_splits.p_value == pytest.approx(oracle("scipy.stats").binomtest(41, 50).pvalue, rel=1e-9)


@given(BOTH_ORDERS)
def test_swapping_the_models_leaves_the_slots_alone(credit: np.ndarray) -> None:
    forward, swapped = credit.T
    assert splits(1 - swapped, 1 - forward) == pytest.approx(splits(forward, swapped))


def test_splits_are_tested_over_clusters() -> None:
    forward, swapped = np.ones(40), np.zeros(40)
    few = splits(forward, swapped, np.repeat([0, 1], 20))
    assert few[:2] == (40, 0)
    assert few.p_value == pytest.approx(0.5)
    assert splits(forward, swapped).p_value < 1e-11


def test_the_decomposition_has_its_published_values() -> None:
    forward, swapped = both_orders(500, 341, 219, 180)
    result = decompose(forward, swapped)
    assert result is not None
    assert result.preference[:2] == pytest.approx((0.2568, 0.0741), abs=5e-5)
    assert result.slot_effect[:2] == pytest.approx((0.5061, 0.0565), abs=5e-5)
    assert result.win_rate.estimate == pytest.approx(0.5639, abs=5e-5)
    rates = np.column_stack([forward + swapped, 1 + forward - swapped]) / 2
    errors = ratio_errors(collapse(rates, np.ones((500, 2))))
    assert errors.estimate == pytest.approx([0.56, 0.622])
    assert np.sqrt(errors.variance) == pytest.approx([0.0171, 0.0131], abs=5e-5)


def test_the_decomposition_equals_the_clustered_logistic_regression_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    forward, swapped = (rng.choice([0.0, 0.5, 1.0], p=p, size=150) for p in ([0.2, 0.2, 0.6], [0.4, 0.1, 0.5]))
    codes = rng.integers(0, 40, size=150)
    slot = np.repeat([1.0, -1.0], 150)
    api = oracle("statsmodels.api")
    model = api.GLM(
        np.concatenate([forward, swapped]), np.column_stack([np.ones(300), slot]), family=api.families.Binomial()
    )
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": np.tile(codes, 2), "use_correction": False})
    result = decompose(forward, swapped, codes)
    assert result is not None
    ours = np.array([result.preference[:2], result.slot_effect[:2]])
    assert ours[:, 0] == pytest.approx(fit.params, abs=1e-7)
    assert ours[:, 1] == pytest.approx(fit.bse * np.sqrt(40 / 39), rel=1e-6)


@given(BOTH_ORDERS)
def test_swapping_the_models_turns_the_preference_and_keeps_the_slot_effect(credit: np.ndarray) -> None:
    there, back = decompose(*credit.T), decompose(*(1 - credit[:, ::-1]).T)
    assert (there is None) == (back is None)
    if there and back:
        assert back.preference.estimate == pytest.approx(-there.preference.estimate, abs=1e-9)
        assert back.preference.se == pytest.approx(there.preference.se, abs=1e-9)
        assert back.slot_effect == pytest.approx(there.slot_effect, abs=1e-9)
        assert back.win_rate.low == pytest.approx(1 - there.win_rate.high, abs=1e-9)


def test_an_order_with_nothing_but_wins_cannot_be_decomposed() -> None:
    assert decompose(np.ones(10), np.repeat([1.0, 0.0], 5)) is None


def test_the_balanced_estimator_has_the_stratified_variance() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.choice([0.0, 0.5, 1.0], size=(2, 100))
    result = balanced_win_rate(np.concatenate([first, second]), np.repeat([True, False], 100))
    assert result is not None
    assert result.estimate == pytest.approx((first.mean() + second.mean()) / 2)
    assert result.se**2 == pytest.approx((first.var(ddof=1) + second.var(ddof=1)) / 100 / 4)


def test_the_balanced_estimator_takes_out_the_slot_effect_and_equals_a_clustered_regression() -> None:
    rng = np.random.default_rng(2)
    forward = rng.permutation(np.repeat([True, False], [90, 60]))
    credit = (rng.random(150) < np.where(forward, 0.75, 0.35)).astype(float)
    codes = rng.integers(0, 30, size=150)
    slot = np.where(forward, 1.0, -1.0)
    fit = oracle("statsmodels.api").OLS(credit, np.column_stack([np.ones(150), slot]))
    robust = fit.fit(cov_type="cluster", cov_kwds={"groups": codes})
    result = balanced_win_rate(credit, forward, codes)
    assert result is not None
    assert (result.estimate, result.se) == pytest.approx((robust.params[0], robust.bse[0]), rel=1e-9)


def test_one_order_alone_cannot_be_balanced() -> None:
    assert balanced_win_rate(np.ones(5), np.ones(5, dtype=bool)) is None
