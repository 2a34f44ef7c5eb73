"""Stopping early."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import betaln, xlog1py, xlogy
from stats.oracles import oracle

from judge.stats.sequential import (
    LOG_STAKES,
    UnitCredits,
    confidence_sequence,
    is_decided,
    log_e_value,
    log_wealth,
)

Floats = NDArray[np.float64]
COUNT = st.integers(0, 500)
CREDIT = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)
CLUSTERS = st.lists(st.lists(CREDIT, min_size=1, max_size=4), min_size=1, max_size=20)


def single(credit: list[float] | Floats) -> UnitCredits:
    sums = np.asarray(credit, dtype=np.float64)
    return UnitCredits(sums, np.ones(len(sums)), 1.0)


def decided_units(wins: int, losses: int) -> UnitCredits:
    return single(np.repeat([1.0, 0.0], [wins, losses]))


def clustered(clusters: list[list[float]]) -> UnitCredits:
    sizes = np.array([len(cluster) for cluster in clusters], dtype=np.float64)
    return UnitCredits(np.array([sum(cluster) for cluster in clusters]), sizes, float(sizes.max()))


def evidence(units: UnitCredits) -> float:
    return log_e_value(log_wealth(units))


def mixture(wins: int, losses: int) -> float:
    """Return the log Beta(10, 10) mixture of likelihood ratios of wins and losses, in closed form."""
    return float(betaln(wins + 10, losses + 10) - betaln(10, 10)) + (wins + losses) * math.log(2)


def test_the_confidence_sequence_has_its_published_ends() -> None:
    assert confidence_sequence(decided_units(120, 80)) == pytest.approx((0.494, 0.700), abs=6e-4)


@given(COUNT, COUNT)
@costly
def test_of_wins_and_losses_evidence_and_sequence_are_those_of_the_beta_mixture(wins: int, losses: int) -> None:
    units = decided_units(wins, losses)
    assert evidence(units) == pytest.approx(mixture(wins, losses), abs=1e-6)
    for end in confidence_sequence(units):
        if 0 < end < 1:
            ratio = mixture(wins, losses) - (wins + losses) * math.log(2)
            likelihood = float(xlogy(wins, end) + xlog1py(losses, -end))
            assert ratio - likelihood == pytest.approx(math.log(20), abs=1e-4)


@given(st.lists(CREDIT, min_size=1, max_size=30))
def test_evidence_equals_the_integral_over_the_beta_prior(credit: list[float]) -> None:
    stats, integrate = oracle("scipy.stats"), oracle("scipy.integrate")

    def gain(share: float) -> float:
        factors = 1 + (4 * share - 2) * (np.array(credit) - 0.5)
        return float(stats.beta.pdf(share, 10, 10) * factors.prod())

    assert evidence(single(credit)) == pytest.approx(math.log(integrate.quad(gain, 0, 1)[0]), abs=1e-6)


@given(CLUSTERS)
@costly
def test_evidence_mirrors_with_the_models_and_the_sequence_holds_the_mean_credit(clusters: list[list[float]]) -> None:
    units, mirrored = clustered(clusters), clustered([[1 - value for value in cluster] for cluster in clusters])
    assert evidence(units) == pytest.approx(evidence(mirrored), abs=1e-9)
    there, back = confidence_sequence(units), confidence_sequence(mirrored)
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low), abs=1e-6)
    assert 0 <= there.low <= units.sums.sum() / units.sizes.sum() + 1e-9
    assert units.sums.sum() / units.sizes.sum() - 1e-9 <= there.high <= 1


@given(CLUSTERS, st.integers(1, 12))
def test_a_run_is_decided_exactly_when_the_sequence_excludes_one_half_and_for_the_model_with_more_credit(
    clusters: list[list[float]], times: int
) -> None:
    units = clustered(clusters * times)
    sequence = confidence_sequence(units)
    excluded = not sequence.low - 1e-9 <= 0.5 <= sequence.high + 1e-9
    if abs(evidence(units) - math.log(20)) > 1e-6:
        assert is_decided(log_wealth(units)) == excluded
    if excluded:
        assert (sequence.low > 0.5) == (units.sums.sum() > units.sizes.sum() / 2)


@given(CLUSTERS, st.randoms())
def test_evidence_adds_up_over_looks_whatever_the_order_of_units(
    clusters: list[list[float]], random: np.random.Generator
) -> None:
    units = clustered(clusters)
    order = np.random.default_rng(random.randint(0, 99)).permutation(len(clusters))  # type: ignore[attr-defined]
    looks = [units._replace(sums=units.sums[part], sizes=units.sizes[part]) for part in np.array_split(order, 3)]
    assert log_e_value(sum((log_wealth(look) for look in looks), np.zeros(()))) == pytest.approx(evidence(units))


@given(CLUSTERS, st.floats(0.02, 0.98))
def test_no_bet_can_lose_more_than_its_stake(clusters: list[list[float]], win_rate: float) -> None:
    assert not np.isnan(log_wealth(clustered(clusters), win_rate)).any()
    assert np.exp(LOG_STAKES).sum() == pytest.approx(1)


def test_before_the_first_win_nothing_is_known() -> None:
    nothing = decided_units(0, 0)
    assert evidence(nothing) == pytest.approx(0)
    assert confidence_sequence(nothing) == (0.0, 1.0)
    assert not is_decided(log_wealth(decided_units(5, 0)))
    assert confidence_sequence(decided_units(100, 0)).high == 1.0
    assert confidence_sequence(decided_units(0, 100)).low == 0.0


def test_many_small_leads_against_few_great_losses_decide_for_nobody() -> None:
    # Half a win more at 150 items, a loss of both orders at 100: the mean credit is below one half
    units = single(np.repeat([0.75, 0.0], [150, 100]))
    assert mixture(150, 100) > math.log(20)
    assert confidence_sequence(units).low < units.sums.mean() < 0.5
    assert not is_decided(log_wealth(units)) or confidence_sequence(units).high < 0.5


@pytest.mark.slow
def test_looking_after_every_item_finds_a_difference_that_is_not_there_in_fewer_than_one_of_twenty() -> None:
    found = _stopped(win_rate=0.5, n_items=1_000, every=1).found
    assert found < 0.05
    assert found == pytest.approx(0.033, abs=0.012)


@pytest.mark.parametrize(("win_rate", "power", "items"), [(0.55, 0.78, 583), (0.6, 1.0, 177), (0.7, 1.0, 52)])
def test_a_run_stops_after_the_published_number_of_items(win_rate: float, power: float, items: int) -> None:
    found = _stopped(win_rate=win_rate, n_items=1_000, every=1)
    assert found.found == pytest.approx(power, abs=0.03)
    assert found.mean_items == pytest.approx(items, rel=0.06)


@pytest.mark.parametrize(("win_rate", "share"), [(0.5, 0.99), (0.55, 0.87), (0.6, 0.44), (0.7, 0.16), (0.86, 0.1)])
def test_ten_looks_at_five_hundred_items_ask_the_published_share_of_them(win_rate: float, share: float) -> None:
    found = _stopped(win_rate=win_rate, n_items=500, every=50)
    assert found.mean_items / 500 == pytest.approx(share, abs=0.02)
    if win_rate == 0.5:
        assert found.found == pytest.approx(0.012, abs=0.007)


@pytest.mark.parametrize("sizes", [[1], [1, 2, 4, 9]])
def test_graded_credits_of_skewed_units_are_found_different_at_equality_in_one_of_twenty_at_most(
    sizes: list[int],
) -> None:
    # Two of three units lean to a by little, the third to b by twice as much: most signs are for a, the mean is 1/2
    rng = np.random.default_rng(0)
    found, looks, every = 0, 10, 40
    for _ in range(400):
        size = rng.choice(sizes, size=looks * every).astype(np.float64)
        credit = np.where(rng.random(looks * every) < 2 / 3, 0.75, 0.0)
        steps = [
            log_wealth(UnitCredits(*part, float(max(sizes))))
            for part in zip(np.split(size * credit, looks), np.split(size, looks), strict=True)
        ]
        found += any(is_decided(wealth) for wealth in np.cumsum(steps, axis=0))
    assert found / 400 < 0.05


class _Stopped(NamedTuple):
    found: float
    """share of the runs that are decided"""
    mean_items: float


def _stopped(*, win_rate: float, n_items: int, every: int, n_runs: int = 3_000) -> _Stopped:
    """Simulate runs with a fifth of ties that are looked at after every so many items."""
    rng = np.random.default_rng(0)
    won = win_rate - 0.1
    steps = rng.choice(np.array([1, 0, -1], dtype=np.int8), p=[won, 0.2, 0.8 - won], size=(n_runs, n_items))
    looks = slice(every - 1, None, every)
    wins, losses = (np.cumsum(steps == side, axis=1, dtype=np.int32)[:, looks] for side in (1, -1))
    lead = np.array([_lead_that_decides(n) for n in range(n_items + 1)])
    decided = np.abs(wins - losses) >= lead[wins + losses]
    first = np.where(decided.any(axis=1), decided.argmax(axis=1) + 1, wins.shape[1])
    return _Stopped(float(decided.any(axis=1).mean()), float(first.mean() * every))


@cache
def _lead_that_decides(n: int) -> float:
    """Return the smallest lead of wins over losses that stops a run with n decided items."""
    even = (n + 1) // 2  # the least wins that are no fewer than the losses
    low, high = even - 1, n + 1
    while high - low > 1:
        wins = (low + high) // 2
        decided = is_decided(log_wealth(decided_units(wins, n - wins)))
        low, high = (low, wins) if decided else (wins, high)
    return 2 * high - n if high <= n else math.inf
