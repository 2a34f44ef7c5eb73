from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from judge.core.stats.special import SMALL, chi_square_tail, fair_pmf, fair_tail, log_beta, t_quantile


@pytest.mark.parametrize("trials", [0, 1, 2, 7, 100, SMALL, SMALL + 1, 5000])
def test_a_fair_coin_has_scipys_probabilities(trials: int) -> None:
    heads = np.arange(-1.0, trials + 1)
    assert fair_pmf(trials) == pytest.approx(stats.binom.pmf(heads[1:], trials, 0.5), rel=1e-9, abs=1e-300)
    assert fair_tail(heads, trials) == pytest.approx(stats.binom.sf(heads, trials, 0.5), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 10, 49, 199, 999, SMALL, SMALL + 1, 10**6])
@pytest.mark.parametrize("level", [0.6, 0.9, 0.95, 0.975, 0.995])
def test_t_quantiles_are_scipys(df: int, level: float) -> None:
    assert t_quantile(df, level) == pytest.approx(stats.t.ppf(level, df), rel=1e-10)


@pytest.mark.parametrize("df", [1, 2, 3, 8, 25])
@pytest.mark.parametrize("statistic", [-1e-12, 0.0, 0.01, 3.0, 40.0, 600.0])
def test_tails_of_chi_square_are_scipys(df: int, statistic: float) -> None:
    assert chi_square_tail(statistic, df) == pytest.approx(stats.chi2.sf(statistic, df), rel=1e-11)


@pytest.mark.parametrize(("a", "b"), [(10, 10), (30.5, 10), (5000, 4000), (250_010, 249_000)])
def test_the_log_of_the_beta_function_is_scipys(a: float, b: float) -> None:
    assert log_beta(a, b) == pytest.approx(special.betaln(a, b), rel=1e-12)
