"""The corrected win rate: equal to the libraries', and right as often as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from stats.oracles import oracle
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

from judge.files.sampling import draw_by_stratum
from judge.stats.prediction_powered import LabelCorrection, Sample, correct, labels_needed

Floats = NDArray[np.float64]

NUMBER = np.arange(400)
CREDITS = ((NUMBER * NUMBER + 3 * NUMBER) % 13 % 5) / 4
LABELS = np.where(NUMBER % 7 < 5, np.round(CREDITS * 2) / 2, np.array([0, 0.5, 1, 1])[(NUMBER * NUMBER) % 11 % 4])
N = 80


def on(
    labels: Floats, credits_: Floats = CREDITS, *, n: int = N, slope: float | None = None, n_resamples: int = 10_000
) -> LabelCorrection:
    """Correct with the first n items labelled."""
    given = np.where(np.arange(len(labels)) < n, labels, np.nan)
    return correct(Sample(credits_, given, np.ones(len(labels))), slope=slope, n_resamples=n_resamples)


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


def test_labels_alone_have_the_interval_of_half_a_loss_or_win_more() -> None:
    beta = oracle("scipy.stats").beta
    labels = np.where(NUMBER % 10 < 7, 1.0, 0.0)
    found = on(labels, n=400).people
    assert found.variance == pytest.approx(labels.var(ddof=1) / 400, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(
        (beta.ppf(0.025, 280, 120.5), beta.ppf(0.975, 280.5, 120)), abs=2e-3
    )
    low, high = proportion_confint(280, 400, method="beta")  # the exact interval holds it
    assert low - 2e-3 < found.low < found.high < high + 2e-3


def test_labels_that_all_agree_have_an_interval_too() -> None:
    found = on(np.ones(400), n=50)
    assert found.people.high == found.corrected.high == 1
    assert found.people.low == pytest.approx(oracle("scipy.stats").beta.ppf(0.025, 50, 0.5), abs=0.005)
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


def stratified(labels: Floats, strata: NDArray[np.int_], sizes: NDArray[np.float64], n: int) -> LabelCorrection:
    """Correct a judge that says nothing, with the first items labelled, each standing for its stratum's items."""
    labelled = np.arange(n)
    counts = np.bincount(strata[labelled])
    weights = (sizes / counts)[strata]
    given = np.where(np.arange(len(labels)) < n, labels, np.nan)
    return correct(Sample(np.full(len(labels), 0.5), given, weights, None, strata))


def test_labels_in_strata_have_the_variance_of_sampling_in_two_phases() -> None:
    """Cochran (1977), equation 12.13 without corrections of order 1 / N: within strata, and between them over all."""
    strata = NUMBER % 4 % 3 % 2
    sizes = np.bincount(strata).astype(np.float64)
    labels = np.where(strata == 1, LABELS, 1 - CREDITS)
    found = stratified(labels, strata, sizes, N)
    shares = sizes / sizes.sum()
    parts = [labels[:N][strata[:N] == stratum] for stratum in (0, 1)]
    means = [part.mean() for part in parts]
    mean = float(np.dot(shares, means))
    within = sum(w**2 * part.var(ddof=1) / len(part) for w, part in zip(shares, parts, strict=True))
    between = sum(w * (m - mean) ** 2 for w, m in zip(shares, means, strict=True)) / len(labels)
    assert found.people.estimate == pytest.approx(mean)
    assert found.people.variance == pytest.approx(within + between, rel=1e-9)
    assert found.corrected.variance == pytest.approx(within + between, rel=1e-9)
    assert found.by_judge == pytest.approx(between, rel=1e-9)


def test_a_stratum_with_one_label_counts_with_its_distance_from_the_mean_of_all() -> None:
    strata = (NUMBER == 0).astype(np.int_)
    labels = np.where(strata == 1, 0.0, 1.0)
    found = stratified(labels, strata, np.array([300.0, 100.0]), N)
    assert found.people.estimate == 0.75
    assert found.people.variance == pytest.approx((0.25 * 0.75) ** 2 + (0.75 * 0.25**2 + 0.25 * 0.75**2) / 400)


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
        found = on(truth, credits_, n=n, n_resamples=1_000).corrected
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


@pytest.mark.parametrize("clusters", [None, NUMBER // 2])
@pytest.mark.parametrize("strata", [np.zeros(400, dtype=np.intp), NUMBER % 3])
def test_exchanging_the_models_mirrors_the_interval_of_strata_and_clusters(
    clusters: NDArray[np.int_] | None, strata: NDArray[np.int_]
) -> None:
    given = np.where(NUMBER < N, LABELS, np.nan)
    weights = (1 + strata).astype(np.float64)
    there = correct(Sample(CREDITS, given, weights, clusters, strata), seed=3)
    back = correct(Sample(1 - CREDITS, 1 - given, weights, clusters, strata), seed=3)
    for one, other in ((there.people, back.people), (there.corrected, back.corrected)):
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)
        assert one.low < one.estimate < one.high
    assert correct(Sample(CREDITS, given, weights, clusters, strata), seed=3) == there


@pytest.mark.parametrize("clustered", [False, True])
def test_strata_without_an_error_leave_room_for_one(clustered: bool) -> None:  # noqa: FBT001 - a case
    """One error in 80 labels, all of the judge's verdicts on the other stratum right: there may be some there too."""
    strata = (NUMBER % 8 == 0).astype(np.intp)
    credits_ = np.where(strata == 1, 0.5, 1.0)
    labels = np.where(NUMBER < 80, np.where(NUMBER == 0, 0.0, 1.0), np.nan)
    found = correct(Sample(credits_, labels, np.ones(400), NUMBER if clustered else None, strata)).corrected
    assert found.low < proportion_confint(79, 80, method="wilson")[0] + 0.02
    assert found.estimate < found.high


@pytest.mark.parametrize(("clustered", "n", "least"), [(False, 200, 0.92), (True, 100, 0.93)])
def test_near_one_the_interval_of_strata_holds_its_level(clustered: bool, n: int, least: float) -> None:  # noqa: FBT001
    assert least <= stratified_coverage(p=0.98, n=n, n_items=5 * n, clustered=clustered, repeats=150) <= 1


def stratified_coverage(*, p: float, n: int, n_items: int, clustered: bool, repeats: int) -> float:
    """Return how often the interval of a draw by outcome holds the truth, in clusters of five correlated by .3."""
    rng = np.random.default_rng(5)
    codes = np.arange(n_items) // 5 if clustered else None
    held = 0
    for repeat in range(repeats):
        odds = np.full(n_items, p) if codes is None else rng.beta(p * 7 / 3, (1 - p) * 7 / 3, n_items)[codes]
        truth = (rng.random(n_items) < odds).astype(np.float64)
        orders = rng.random((2, n_items))
        credits_ = np.where(truth == 1, orders < 0.97, orders >= 0.9).mean(axis=0)
        strata = {str(item): str(credit) for item, credit in enumerate(credits_)}
        weights, given = np.zeros(n_items), np.full(n_items, np.nan)
        for one in draw_by_stratum(strata, n, seed=repeat):
            weights[int(one.item)], given[int(one.item)] = one.weight, truth[int(one.item)]
        places = np.unique(weights, return_inverse=True)[1]
        found = correct(Sample(credits_, given, weights, codes, places), n_resamples=1_000, seed=repeat).corrected
        held += found.low <= p <= found.high
    return held / repeats


@pytest.mark.slow
@pytest.mark.parametrize(("p", "rates"), [(0.5, (0.7, 0.6)), (0.6, (0.9, 0.7)), (0.86, (0.9, 0.7))])
@pytest.mark.parametrize(("n", "n_items"), [(60, 300), (120, 400)])
def test_the_interval_of_a_stratified_draw_holds_its_level_and_is_no_wider_for_the_strata(
    p: float, rates: tuple[float, float], n: int, n_items: int
) -> None:
    """As packets draw: as many items of each of the judge's outcomes (b, split, a) as of any other."""
    rng = np.random.default_rng(11)
    held, widths = 0, np.zeros(2)
    for repeat in range(800):
        truth = (rng.random(n_items) < p).astype(np.float64)
        orders = rng.random((2, n_items))
        says_a = np.where(truth == 1, orders < rates[0], orders >= rates[1])
        credits_ = says_a.mean(axis=0)
        strata = {str(item): str(credit) for item, credit in enumerate(credits_)}
        weights, given = np.zeros(n_items), np.full(n_items, np.nan)
        for one in draw_by_stratum(strata, n, seed=repeat):
            weights[int(one.item)], given[int(one.item)] = one.weight, truth[int(one.item)]
        codes = np.unique(weights, return_inverse=True)[1]
        found = correct(Sample(credits_, given, weights, None, codes), n_resamples=2_000).corrected
        plain = correct(Sample(credits_, given, weights), n_resamples=2_000).corrected
        held += found.low <= p <= found.high
        widths += (found.high - found.low, plain.high - plain.low)
    assert 0.925 <= held / 800 <= 0.985
    assert widths[0] <= 1.05 * widths[1]
