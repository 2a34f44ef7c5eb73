from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from judge.core.stats.special import SMALL, fair_pmf, fair_tail, t_quantile


@pytest.mark.parametrize("trials", [0, 1, 2, 7, 100, SMALL, SMALL + 1, 5000])
def test_a_fair_coin_has_scipys_probabilities(trials: int) -> None:
    heads = np.arange(-1.0, trials + 1)
    assert fair_pmf(trials) == pytest.approx(stats.binom.pmf(heads[1:], trials, 0.5), rel=1e-9, abs=1e-300)
    assert fair_tail(heads, trials) == pytest.approx(stats.binom.sf(heads, trials, 0.5), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 10, 49, 199, 999, SMALL, SMALL + 1, 10**6])
@pytest.mark.parametrize("level", [0.6, 0.9, 0.95, 0.975, 0.995])
def test_t_quantiles_are_scipys(df: int, level: float) -> None:
    assert t_quantile(df, level) == pytest.approx(stats.t.ppf(level, df), rel=1e-10)
