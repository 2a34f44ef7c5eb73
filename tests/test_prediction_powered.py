"""The corrected win rate: equal to the libraries', and right as often as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

from judge.core.stats.prediction_powered import Correction, Sample, correct, labels_needed

Floats = NDArray[np.float64]

NUMBER = np.arange(400)
CREDITS = ((NUMBER * NUMBER + 3 * NUMBER) % 13 % 5) / 4
LABELS = np.where(NUMBER % 7 < 5, np.round(CREDITS * 2) / 2, np.array([0, 0.5, 1, 1])[(NUMBER * NUMBER) % 11 % 4])
N = 80


def on(labels: Floats, credits_: Floats = CREDITS, *, n: int = N, slope: float | None = None) -> Correction:
    """Correct with the first n items labelled."""
    given = np.where(np.arange(len(labels)) < n, labels, np.nan)
    return correct(Sample(credits_, given, np.ones(len(labels))), slope=slope)


# Golden numbers: ppi_mean_pointestimate and ppi_mean_ci of ppi-python 0.2.3 on the same labels and credits.


@pytest.mark.parametrize(("power", "expected"), [(1.0, 0.28828125), (0.4, 0.2915625), (0.0, None)])
def test_the_estimate_is_ppi_pythons_at_a_given_lambda(power: float, expected: float | None) -> None:
    found = on(LABELS, slope=power * len(CREDITS) / (len(CREDITS) - N))
    assert found.corrected.estimate == pytest.approx(LABELS[:N].mean() if expected is None else expected, abs=1e-12)


def test_the_tuned_estimate_and_its_error_are_ppi_pythons_but_for_their_finite_sample_factors() -> None:
    found = on(LABELS)
    assert found.corrected.estimate == pytest.approx(0.28986527, abs=1e-4)
    wald = 2 * 1.959964 * math.sqrt(found.corrected.variance)
    assert wald == pytest.approx(0.3456295 - 0.23410103, rel=0.01)


def test_the_formula_of_ppi_plus_plus_gives_the_same_estimate_and_variance() -> None:
    found = on(LABELS)
    rest, labelled = CREDITS[N:], CREDITS[:N]
    power = found.slope * (len(CREDITS) - N) / len(CREDITS)
    by_hand = power * rest.mean() + (LABELS[:N] - power * labelled).mean()
    variance = power**2 * rest.var(ddof=1) / len(rest) + (LABELS[:N] - power * labelled).var(ddof=1) / N
    assert found.corrected.estimate == pytest.approx(by_hand, abs=1e-12)
    assert found.corrected.variance == pytest.approx(variance, rel=0.02)


def test_labels_alone_have_wilsons_interval() -> None:
    labels = np.where(NUMBER % 10 < 7, 1.0, 0.0)
    found = on(labels, n=400).people
    variance = labels.var(ddof=1) / 400
    assert found.variance == pytest.approx(variance, rel=1e-9)
    low, high = proportion_confint(280, 400, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def test_labels_that_all_agree_have_an_interval_too() -> None:
    found = on(np.ones(400), n=50)
    low, _ = proportion_confint(50, 50, method="wilson")
    assert found.people.high == found.corrected.high == 1
    assert found.people.low == pytest.approx(low, abs=0.005)
    assert found.slope == 0
    assert found.n_equivalent == 50


def test_exchanging_the_models_mirrors_the_rate() -> None:
    given, turned = on(LABELS).corrected, on(1 - LABELS, 1 - CREDITS).corrected
    assert (turned.estimate, turned.low, turned.high) == pytest.approx(
        (1 - given.estimate, 1 - given.high, 1 - given.low)
    )


def test_a_judge_that_says_the_same_of_all_items_changes_nothing() -> None:
    found = on(LABELS, np.full(400, 0.5))
    assert found.corrected == found.people
    assert found.n_equivalent == pytest.approx(N)


def test_repeating_every_item_within_its_cluster_does_not_shorten_the_interval() -> None:
    given = np.where(NUMBER < N, LABELS, np.nan)
    once = correct(Sample(CREDITS, given, np.ones(400), NUMBER))
    codes = np.repeat(NUMBER, 3)
    thrice = correct(Sample(np.repeat(CREDITS, 3), np.repeat(given, 3), np.ones(1200), codes))
    assert thrice.corrected.estimate == pytest.approx(once.corrected.estimate, abs=1e-3)
    assert thrice.corrected.variance == pytest.approx(once.corrected.variance, rel=0.01)
    assert thrice.corrected.high - thrice.corrected.low >= 0.98 * (once.corrected.high - once.corrected.low)


def test_weights_undo_a_draw_that_took_more_of_some_items() -> None:
    common = NUMBER % 10 != 0
    labelled = ~common | (NUMBER % 4 == 1)
    weights = np.where(common, common.sum() / (common & labelled).sum(), 1.0)
    truth = np.where(common, 1.0, 0.0)
    found = correct(Sample(np.full(400, 0.5), np.where(labelled, truth, np.nan), weights))
    assert found.corrected.estimate == pytest.approx(0.9)


def test_as_many_labels_as_are_said_to_be_needed_give_the_width() -> None:
    found = on(LABELS)
    needed = labels_needed(found, width=0.11, n_items=400)
    assert needed is not None
    assert needed > N
    ends = on(LABELS, n=needed).corrected
    assert ends.high - ends.low == pytest.approx(0.11, abs=0.012)
    assert labels_needed(found, width=0.001, n_items=400) is None
    assert labels_needed(on(np.ones(400), n=50), width=0.05, n_items=400) == pytest.approx(75, abs=5)


def coverage(*, p: float, n: int, rest: int, rates: tuple[float, float], repeats: int) -> float:
    """Return how often the interval holds the truth, for a judge of these true positive and negative rates."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(repeats):
        truth = (rng.random(n + rest) < p).astype(np.float64)
        hit = rng.random(n + rest)
        credits_ = np.where(truth == 1, hit < rates[0], hit >= rates[1]).astype(np.float64)
        found = on(truth, credits_, n=n).corrected
        held += found.low <= p <= found.high
    return held / repeats


def test_near_one_the_interval_holds_where_the_normal_one_fails() -> None:
    assert coverage(p=0.98, n=50, rest=450, rates=(0.9, 0.7), repeats=600) >= 0.93


# design/statistics.md, section 8: its own coverages are 92 to 96 %.
@pytest.mark.slow
@pytest.mark.parametrize(("n", "rest"), [(50, 450), (100, 100), (100, 900), (200, 800)])
@pytest.mark.parametrize(
    ("p", "rates"),
    [(0.5, (0.7, 0.6)), (0.6, (0.9, 0.7)), (0.86, (0.9, 0.7)), (0.95, (0.9, 0.7)), (0.98, (0.9, 0.7))],
)
def test_the_interval_holds_its_level(p: float, rates: tuple[float, float], n: int, rest: int) -> None:
    assert 0.925 <= coverage(p=p, n=n, rest=rest, rates=rates, repeats=2000) <= 0.985
