"""How many items it takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from judge.planning.power import (
    Units,
    cluster_correlation,
    clustered_units,
    design_effect,
    items_as_units,
    items_for_half_width,
    items_needed,
    pilot_units,
    simulated_power,
    smallest_with_power,
    tilted,
)
from judge.stats.significance import sign_flip

PUBLISHED = {  # ties: win rate: items for a power of .8 and .9
    0.0: {0.52: (4904, 6563), 0.55: (783, 1047), 0.6: (194, 259), 0.65: (85, 113), 0.7: (47, 62), 0.8: (20, 25)},
    0.2: {0.52: (3923, 5250), 0.55: (626, 837), 0.6: (155, 206), 0.65: (68, 90), 0.7: (37, 49), 0.8: (15, 19)},
    0.4: {0.52: (2941, 3937), 0.55: (469, 627), 0.6: (116, 154), 0.65: (50, 66), 0.7: (27, 36)},
}


@pytest.mark.parametrize(
    ("ties", "win_rate", "items"),
    [(ties, rate, items) for ties, rates in PUBLISHED.items() for rate, items in rates.items()],
)
def test_the_items_needed_are_those_of_the_published_table(
    ties: float, win_rate: float, items: tuple[int, int]
) -> None:
    assert items_needed(win_rate, spread=(1 - ties) / 4, power=0.8) == items[0]
    assert items_needed(win_rate, spread=(1 - ties) / 4, power=0.9) == items[1]
    assert items_needed(1 - win_rate, spread=(1 - ties) / 4, power=0.8) == items[0]


def win_rate_of(units: Units) -> float:
    return 0.5 + float(units.weights @ units.excess / (units.weights @ units.sizes))


def test_clusters_multiply_the_items_needed() -> None:
    effect = design_effect(5, 0.3)
    assert effect == pytest.approx(2.2)
    assert items_needed(0.6, effect=effect) == pytest.approx(2.2 * 194, abs=2)
    assert design_effect(1, 0.9) == 1.0


def test_what_no_number_of_items_can_show_is_refused() -> None:
    with pytest.raises(ValueError, match="1/2 from 1/2"):
        items_needed(0.5)
    with pytest.raises(ValueError, match="out of reach"):
        items_needed(0.9, spread=0.6 / 4)


@pytest.mark.parametrize(("win_rate", "ties"), [(0.6, 0.0), (0.6, 0.2), (0.7, 0.4)])
def test_simulation_finds_the_power_that_the_formula_aims_at(win_rate: float, ties: float) -> None:
    items = items_needed(win_rate, spread=(1 - ties) / 4)
    power = simulated_power(items_as_units(win_rate, ties), items)
    assert 0.72 < power < 0.82  # the exact test is a little conservative: 75 to 78 % published


@pytest.mark.parametrize(("win_rate", "ties"), [(0.6, 0.2), (0.7, 0.4), (0.95, 0.0)])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_the_smallest_number_has_the_power_and_fewer_have_not(win_rate: float, ties: float, power: float) -> None:
    items = items_needed(win_rate, spread=(1 - ties) / 4, power=power)
    found = smallest_with_power(items_as_units(win_rate, ties), power, items)
    assert found.power >= power
    # By enumeration of wins and losses with scipy's exact test, which the simulation errs from by a point
    assert _exact_power(win_rate, ties, found.n_units) > power - 0.025
    assert _exact_power(win_rate, ties, found.n_units - max(1, items // 20)) < power + 0.02
    assert items <= found.n_units <= 1.1 * items + 3


def _exact_power(win_rate: float, ties: float, n: int) -> float:
    won = win_rate - ties / 2
    total = 0.0
    for decided in range(n + 1):
        wins = np.arange(decided + 1)
        rejects = np.minimum(1, 2 * stats.binom.sf(np.maximum(wins, decided - wins) - 1, decided, 0.5)) <= 0.05
        some = stats.binom.pmf(decided, n, 1 - ties)
        total += some * float(stats.binom.pmf(wins, decided, won / (1 - ties)) @ rejects)
    return total


def test_the_smallest_number_of_units_of_several_distances_has_the_power_by_the_exact_test() -> None:
    credit = np.array([1.0, 0.75, 0.5, 0.25, 0.0])
    pilot = tilted(Units(credit - 0.5, np.ones(5), np.array([3.0, 1.0, 4.0, 1.0, 3.0])), 0.7)
    items = items_needed(0.7, spread=float(pilot.weights @ pilot.excess**2) / pilot.weights.sum())
    found = smallest_with_power(pilot, 0.8, items, n_runs=500)
    assert 0.8 <= found.power < 0.86
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(found.n_units, pilot.weights / pilot.weights.sum(), size=300)
    exact = [sign_flip(pilot.excess, counts.astype(np.float64)).p_value <= 0.05 for counts in drawn]
    assert np.mean(exact) == pytest.approx(0.8, abs=0.08)
    # A pilot of soft credits has as many distances as units, and no common quantum
    soft = Units(rng.random(50) - 0.35, np.ones(50), np.ones(50))
    assert 0.8 <= smallest_with_power(soft, 0.8, 5, n_runs=300).power < 0.9


def test_what_has_the_power_with_far_fewer_than_was_thought_is_found_from_below() -> None:
    assert smallest_with_power(items_as_units(0.99, 0.0), 0.8, 500) == smallest_with_power(
        items_as_units(0.99, 0.0), 0.8, 499
    )


def test_simulation_at_equality_finds_too_much_in_one_of_twenty_at_most() -> None:
    credit = np.array([1.0, 0.75, 0.5, 0.25, 0.0])
    pilot = Units(credit - 0.5, np.ones(5), np.array([3.0, 1.0, 4.0, 1.0, 3.0]))
    assert simulated_power(pilot, 100, n_runs=4_000) < 0.06


def test_simulation_over_clusters_has_the_power_that_the_design_effect_aims_at() -> None:
    clusters = clustered_units(items_as_units(0.6, 0.2), 5, 0.3)
    items = items_needed(0.6, spread=0.2, effect=design_effect(5, 0.3))
    assert 0.74 < simulated_power(clusters, round(items / 5)) < 0.84
    assert simulated_power(clusters, 155 // 5) < 0.6  # as many items as would do without clusters


def test_with_very_many_units_of_several_distances_the_approximate_test_finds_as_much() -> None:
    credit = np.array([1.0, 0.75, 0.5, 0.25, 0.0])
    pilot = tilted(Units(credit - 0.5, np.ones(5), np.array([3.0, 1.0, 4.0, 1.0, 3.0])), 0.52)
    items = items_needed(0.52, spread=float(pilot.weights @ pilot.excess**2) / 12)
    assert items > 2_000
    assert simulated_power(pilot, items) == pytest.approx(0.8, abs=0.03)


def test_the_items_for_a_half_width_are_those_of_the_normal_interval() -> None:
    assert items_for_half_width(0.05, variance=0.25) == 385  # the textbook's poll of plus or minus 5 points
    assert items_for_half_width(0.03, variance=0.25) == 1068
    assert items_for_half_width(0.05, variance=0.25, effect=2.0) == 769


@given(st.floats(0.1, 0.9), st.floats(0, 0.2), st.integers(1, 8), st.floats(0, 1))
def test_clusters_keep_the_win_rate_and_have_the_correlation_that_was_asked_for(
    win_rate: float, ties: float, size: int, correlation: float
) -> None:
    clusters = clustered_units(items_as_units(win_rate, ties), size, correlation)
    assert clusters.weights.sum() == pytest.approx(1)
    assert win_rate_of(clusters) == pytest.approx(win_rate)
    mean = float(clusters.weights @ clusters.excess)
    variance = float(clusters.weights @ clusters.excess**2) - mean**2
    one = (1 - ties) / 4 - (win_rate - 0.5) ** 2
    assert variance == pytest.approx(size * one * design_effect(size, correlation), abs=1e-9)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=4, max_size=60), st.floats(0.4, 0.6))
def test_another_win_rate_leaves_the_ties_and_the_distances_of_a_pilot_as_they_are(
    credit: list[float], win_rate: float
) -> None:
    pilot = pilot_units(np.array(credit), None)
    if float(pilot.weights @ np.abs(pilot.excess)) < 0.11 * len(credit):
        with pytest.raises(ValueError, match="out of reach"):
            tilted(pilot, 0.99)
        return
    other = tilted(pilot, win_rate)
    assert win_rate_of(other) == pytest.approx(win_rate, abs=1e-6)
    for power in (0, 1, 2):
        moments = [float(units.weights @ np.abs(units.excess) ** power) for units in (pilot, other)]
        assert moments[0] == pytest.approx(moments[1])


def test_a_pilot_collapses_to_its_clusters() -> None:
    units = pilot_units(np.array([1.0, 0.5, 1.0, 0.5, 0.0]), np.array([0, 0, 1, 1, 2]))
    assert units.excess.tolist() == [-0.5, 0.5]
    assert (units.sizes.tolist(), units.weights.tolist()) == ([1.0, 2.0], [1.0, 2.0])
    assert units.mean_size == pytest.approx(5 / 3)
    assert win_rate_of(units) == pytest.approx(0.6)


def test_the_correlation_within_clusters_is_that_of_the_analysis_of_variance() -> None:
    # By hand: means 1, .5, 0; MSB = 2 (.25 + 0 + .25) / 2 = .5, MSW = .5 / 3; (.5 - 1/6) / (.5 + 1/6) = .5
    assert cluster_correlation(np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), np.repeat([0, 1, 2], 2)) == pytest.approx(0.5)
    assert cluster_correlation(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1])) == pytest.approx(1.0)
    assert cluster_correlation(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0, 0, 1, 1])) == 0.0
    assert cluster_correlation(np.ones(4), np.array([0, 0, 1, 1])) == 0.0
    assert cluster_correlation(np.array([1.0, 0.0]), np.array([0, 1])) == 0.0


def test_the_estimated_correlation_is_near_the_one_that_clusters_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    alike = rng.random(3_000) < 0.3
    credit = np.where(alike[:, None], rng.integers(0, 2, (3_000, 1)), rng.integers(0, 2, (3_000, 4)))
    estimated = cluster_correlation(credit.ravel().astype(float), np.repeat(np.arange(3_000), 4))
    assert estimated == pytest.approx(0.3, abs=0.03)
