"""Length and winning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import oracle

from judge.stats.length import LengthAdjusted, NotIdentified, length_adjusted, longer_wins, matched_win_rate


def simulated(n: int, gap: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw credits that lean to the longer trace; the mean log length ratio is so many standard deviations."""
    rng = np.random.default_rng(seed)
    ratio = 0.4 * (rng.standard_normal(n) + gap)
    length_b = rng.integers(400, 900, size=n).astype(float)
    credit = (rng.random((4, n)) < 1 / (1 + np.exp(-0.3 - 1.5 * ratio))).mean(axis=0)
    return credit, length_b * np.exp(ratio), length_b


def test_wins_of_the_longer_trace_leave_out_ties_and_equal_lengths() -> None:
    credit = np.array([1.0, 0.75, 0.0, 0.5, 1.0])
    rate = longer_wins(credit, np.array([9.0, 3.0, 5.0, 9.0, 4.0]), np.array([5.0, 4.0, 8.0, 2.0, 4.0]))
    assert rate.numerators.tolist() == [1, 0, 1, 0, 0]
    assert rate.denominators.tolist() == [1, 1, 1, 0, 0]


def test_pairs_are_matched_when_neither_is_more_than_a_quarter_longer() -> None:
    lengths = np.array([100.0, 100.0, 100.0, 100.0, 0.0, 0.0])
    rate = matched_win_rate(np.full(6, 0.75), lengths, np.array([125.0, 80.0, 126.0, 79.0, 0.0, 1.0]))
    assert rate.denominators.tolist() == [1, 1, 0, 0, 1, 0]
    assert rate.numerators.tolist() == [0.75, 0.75, 0, 0, 0.75, 0]


def test_the_adjusted_rate_equals_the_clustered_fractional_regression_of_statsmodels() -> None:
    credit, length_a, length_b = simulated(300, 0.5)
    codes = np.random.default_rng(1).integers(0, 60, size=300)
    ratio = np.log(length_a / length_b)
    design = np.column_stack([np.ones(300), np.tanh(ratio / ratio.std())])
    api = oracle("statsmodels.api")
    fit = api.GLM(credit, design, family=api.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}, tol=1e-12
    )
    result = length_adjusted(credit, length_a, length_b, codes)
    assert isinstance(result, LengthAdjusted)
    ours = np.array([result.preference[:2], result.length_effect[:2]])
    assert ours[:, 0] == pytest.approx(fit.params, abs=1e-8)
    assert ours[:, 1] == pytest.approx(fit.bse * np.sqrt(60 / 59), rel=1e-7)
    assert result.win_rate.estimate == pytest.approx(1 / (1 + np.exp(-fit.params[0])), abs=1e-8)


@given(st.integers(0, 1000))
def test_swapping_the_models_mirrors_the_adjusted_rate(seed: int) -> None:
    credit, length_a, length_b = simulated(80, 0.3, seed)
    there, back = length_adjusted(credit, length_a, length_b), length_adjusted(1 - credit, length_b, length_a)
    assert type(there) is type(back)
    if isinstance(there, LengthAdjusted) and isinstance(back, LengthAdjusted):
        assert back.win_rate.estimate == pytest.approx(1 - there.win_rate.estimate, abs=1e-9)
        assert back.win_rate.low == pytest.approx(1 - there.win_rate.high, abs=1e-9)
        assert back.length_effect == pytest.approx(there.length_effect, abs=1e-9)


def test_a_length_effect_is_taken_out_and_no_length_effect_is_left_alone() -> None:
    credit, length_a, length_b = simulated(20_000, 1.0)
    adjusted = length_adjusted(credit, length_a, length_b)
    assert isinstance(adjusted, LengthAdjusted)
    assert adjusted.win_rate.estimate == pytest.approx(1 / (1 + np.exp(-0.3)), abs=0.03)
    assert adjusted.length_effect.low > 0
    noise = np.random.default_rng(3).integers(0, 2, size=20_000).astype(float)
    plain = length_adjusted(noise, length_a, length_b)
    assert isinstance(plain, LengthAdjusted)
    assert plain.length_effect.low < 0 < plain.length_effect.high


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (2.5, "a's trace is the longer one in 99% of the items; the mean log length ratio is 2.5 standard deviations"),
        (-2.5, "b's trace is the longer one"),
    ],
)
def test_it_is_refused_in_words_where_one_model_is_nearly_always_longer(gap: float, said: str) -> None:
    result = length_adjusted(*simulated(400, gap, seed=4))
    assert isinstance(result, NotIdentified)
    assert said in result.words


def test_it_is_refused_in_words_where_hardly_a_pair_is_matched() -> None:
    credit = np.tile([1.0, 0.0], 50)
    length_a = np.tile([1000.0, 100.0, 1000.0, 90.0], 25)
    result = length_adjusted(credit, length_a, np.full(100, 400.0))
    assert isinstance(result, NotIdentified)
    assert "only 0.0% of the pairs are matched in length" in result.words


@pytest.mark.parametrize("credit", [np.ones(40), np.repeat([0.0, 1.0], 20)])
def test_it_is_refused_in_words_where_no_estimate_is_finite(credit: np.ndarray) -> None:
    result = length_adjusted(credit, np.linspace(80, 120, 40), np.full(40, 100.0))
    assert isinstance(result, NotIdentified)
    assert "no estimate is finite" in result.words


def test_it_is_refused_in_words_where_lengths_do_not_vary() -> None:
    result = length_adjusted(np.tile([1.0, 0.0], 10), np.full(20, 100.0), np.full(20, 100.0))
    assert result == NotIdentified("not identified: the lengths differ alike in all items")
