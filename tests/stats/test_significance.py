"""The sign test, corrections for several tests, equivalence and the closing word."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stats.oracles import oracle

from judge.stats.significance import Conclusion, benjamini_hochberg, conclude, holm, sign_test

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


def test_the_sign_test_has_its_published_values() -> None:
    assert sign_test(120, 20) == pytest.approx(1.4188e-18, rel=1e-4)
    assert sign_test(14, 6) == pytest.approx(0.1153, abs=5e-5)
    assert sign_test(30, 3) == pytest.approx(1.4e-6, rel=0.01)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_sign_test_is_the_exact_binomial_and_mcnemar_test(wins: int, losses: int) -> None:
    if wins + losses:
        assert sign_test(wins, losses) == pytest.approx(
            oracle("scipy.stats").binomtest(wins, wins + losses).pvalue, rel=1e-9
        )
        table = [[7, wins], [losses, 9]]
        mcnemar = oracle("statsmodels.stats.contingency_tables").mcnemar(table, exact=True)
        assert sign_test(wins, losses) == pytest.approx(mcnemar.pvalue, rel=1e-9)
    assert sign_test(wins, losses) == sign_test(losses, wins)


def test_corrections_have_their_published_values() -> None:
    p_values = np.array([0.004, 0.013, 0.02, 0.21, 0.6])
    assert holm(p_values) == pytest.approx([0.02, 0.052, 0.06, 0.42, 0.6])
    assert benjamini_hochberg(p_values) == pytest.approx([0.02, 0.0325, 0.0333, 0.2625, 0.6], abs=5e-5)


@settings(max_examples=20)
@given(P_VALUES)
def test_corrections_equal_those_of_statsmodels_and_scipy(p_values: np.ndarray) -> None:
    multipletests = oracle("statsmodels.stats.multitest").multipletests
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(oracle("scipy.stats").false_discovery_control(p_values))


@given(P_VALUES, st.randoms())
def test_corrections_do_not_depend_on_the_order_and_never_help(p_values: np.ndarray, random: Random) -> None:
    order = list(range(len(p_values)))
    random.shuffle(order)
    for correct in (holm, benjamini_hochberg):
        assert correct(p_values[order]) == pytest.approx(correct(p_values)[order])
        assert (correct(p_values) >= p_values - 1e-15).all()
        assert (correct(p_values) <= 1).all()


def test_the_closing_word_never_calls_what_is_not_significant_equal() -> None:
    assert conclude(0.6, 0.01) is Conclusion.BETTER
    assert conclude(0.4, 0.01) is Conclusion.WORSE
    assert conclude(0.5, 1.0) is Conclusion.INCONCLUSIVE
    assert conclude(0.6, np.nan) is Conclusion.INCONCLUSIVE


def test_a_margin_goes_before_a_significant_difference_inside_it() -> None:
    assert conclude(0.51, 0.001, equivalent=True) is Conclusion.EQUIVALENT
