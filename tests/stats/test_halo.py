"""Criteria together."""

from __future__ import annotations

import numpy as np
import pytest
from stats.oracles import oracle

from judge.stats.explained_variance import correlations, explained_variance


def criteria(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 1))
    credit = np.digitize(shared + rng.standard_normal((n, 3)), [-0.5, 0.5]) / 2
    overall = np.digitize(credit @ [1.0, 0.5, 0.1] + 0.3 * rng.standard_normal(n), [0.5, 1.0]) / 2
    return overall, credit


def test_correlations_equal_numpy_s() -> None:
    _, credit = criteria()
    assert correlations(credit) == pytest.approx(np.corrcoef(credit.T))


def test_a_criterion_that_does_not_vary_has_no_correlation() -> None:
    _, credit = criteria()
    credit[:, 1] = 0.5
    result = correlations(credit)
    assert np.isnan(result[1]).all()
    assert result[0, 0] == 1.0


def test_swapping_the_models_changes_no_correlation_and_no_share() -> None:
    overall, credit = criteria()
    assert correlations(1 - credit) == pytest.approx(correlations(credit))
    there, back = explained_variance(overall, credit), explained_variance(1 - overall, 1 - credit)
    assert there is not None
    assert back is not None
    assert there.together.estimate == pytest.approx(back.together.estimate)
    for one, other in zip(there[1:], back[1:], strict=True):
        assert other == pytest.approx(one)


def test_explained_variance_equals_statsmodels_with_and_without_each_criterion() -> None:
    overall, credit = criteria()
    api = oracle("statsmodels.api")

    def r_squared(*columns: int) -> float:
        return float(api.OLS(overall, api.add_constant(credit[:, columns])).fit().rsquared_adj)

    result = explained_variance(overall, credit)
    assert result is not None
    assert result.together.estimate == pytest.approx(r_squared(0, 1, 2))
    assert result.alone == pytest.approx([r_squared(0), r_squared(1), r_squared(2)])
    assert result.added == pytest.approx(
        [max(0, r_squared(0, 1, 2) - r_squared(*rest)) for rest in ((1, 2), (0, 2), (0, 1))]
    )


def test_the_interval_of_the_explained_share_spreads_as_those_of_new_items_do() -> None:
    overall, credit = criteria(60_000)
    parts = [slice(start, start + 200) for start in range(0, 60_000, 200)]
    found = [explained_variance(overall[part], credit[part], n_resamples=2) for part in parts]
    spread = np.std([own.together.estimate for own in found if own])
    one = explained_variance(overall[:200], credit[:200])
    assert one is not None
    assert one.together.low < one.together.estimate < one.together.high
    assert one.together.se == pytest.approx(spread, rel=0.35)


def test_criteria_that_explain_nothing_end_at_zero_and_one_cluster_has_no_interval() -> None:
    rng = np.random.default_rng(4)
    overall, credit = rng.choice([0.0, 1.0], size=40), rng.choice([0.0, 1.0], size=(40, 3))
    noise = explained_variance(overall, credit)
    assert noise is not None
    assert noise.together.low == 0
    tied = explained_variance(overall, credit, np.zeros(40, dtype=int))
    assert tied is not None
    assert np.isnan([tied.together.low, tied.together.high]).all()
    assert explained_variance(overall[:4], credit[:4]) is None


def test_criteria_that_say_the_same_explain_alone_but_add_nothing() -> None:
    overall, credit = criteria()
    result = explained_variance(overall, credit[:, [0, 0]])
    assert result is not None
    assert result.alone[0] > 0.3
    assert result.added == pytest.approx([0, 0], abs=1e-12)


def test_an_overall_verdict_that_never_varies_has_nothing_to_explain() -> None:
    _, credit = criteria()
    assert explained_variance(np.full(400, 0.5), credit) is None
