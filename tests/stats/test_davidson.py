"""Ratings of many models: against evalica, against three models solved by hand, and their errors over units."""

from __future__ import annotations

from itertools import combinations
from math import log

import evalica
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import oracle

from judge.stats.davidson import Davidson, Games, SummedGames, components, expected, fit_davidson, sum_cells
from judge.stats.pair_design import least_seen_block, most_informative, next_pairs, top_variances
from judge.stats.pair_fit import pair_fit
from judge.stats.rating_errors import bootstrap_ratings, rank_intervals, sandwich, unit_residuals, win_rates

FIRST = np.diag([1.0, 0.0, 0.0, 0.0, 0.0])
Counts = dict[tuple[int, int], tuple[float, float, float]]


def cells_of(counts: Counts) -> SummedGames:
    """Return cells of wins of the first, ties, and wins of the second."""
    first, second = np.array(list(counts)).T
    wins, ties, losses = np.array(list(counts.values()), dtype=float).T
    return SummedGames(first, second, wins + ties / 2, ties, wins + ties + losses)


def games_of(ratings: list[float], n_items: int, *, seed: int = 0, item_sd: float = 0.0) -> Games:
    """Draw a verdict on each item for each pair in both orders; models may have an effect of their own on each item."""
    slot, log_tie = 0.3, -0.5
    i, j = np.array(list(combinations(range(len(ratings)), 2))).T
    first, second = (np.tile(np.concatenate(both), n_items) for both in ((i, j), (j, i)))
    drawn, unit = np.random.default_rng(seed), np.repeat(np.arange(n_items), 2 * len(i))
    strengths = np.array(ratings) + item_sd * drawn.standard_normal((n_items, len(ratings)))
    one = expected(strengths[unit, first] - strengths[unit, second] + slot, log_tie)
    x = drawn.random(len(first))
    tie, win = (x < one.tie).astype(float), ((x >= one.tie) & (x < one.tie + one.win)).astype(float)
    return Games(unit, first, second, win + tie / 2, tie, np.ones(len(first)))


def by_evalica(cells: SummedGames, method: str) -> tuple[np.ndarray, float]:
    wins = cells.credit - cells.tie / 2
    kinds = {
        evalica.Winner.X: wins,
        evalica.Winner.Y: cells.n - wins - cells.tie,
        evalica.Winner.Draw: cells.tie,
    }
    xs, ys = (list(map(int, codes)) * 3 for codes in (cells.first, cells.second))
    winners = [winner for winner in kinds for _ in cells.first]
    weights = [float(value) for values in kinds.values() for value in values]
    found = getattr(evalica, method)(xs, ys, winners, weights=weights, tolerance=1e-15, limit=100_000)
    scores = np.log(found.scores.sort_index().to_numpy())
    return scores - scores.mean(), getattr(found, "v", 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_ratings_are_those_of_evalica_on_aggregated_counts(seed: int) -> None:
    ratings = list(np.random.default_rng(seed).normal(0, 0.8, 7))
    cells = sum_cells(games_of(ratings, 60, seed=seed), 7)
    newman, v = by_evalica(cells, "newman")
    fit = fit_davidson(cells, 7, slot=False)
    assert np.abs(fit.ratings - newman).max() < 1e-9
    assert abs(np.exp(fit.log_tie) - 2 * v) < 1e-9
    bradley_terry, _ = by_evalica(cells, "bradley_terry")
    assert np.abs(fit_davidson(cells, 7, slot=False, ties=False).ratings - bradley_terry).max() < 1e-9


def test_three_models_solved_by_hand() -> None:
    two_to_one = fit_davidson(cells_of({(0, 1): (2, 0, 1), (1, 2): (2, 0, 1), (0, 2): (4, 0, 1)}), 3, slot=False)
    assert two_to_one.ratings == pytest.approx([log(2), 0, -log(2)], abs=1e-12)
    assert two_to_one.log_tie == -np.inf
    # Odds of 4 with v = 3/2 are 2 : 1/2 : 3/2 for a win, a loss and a tie; odds of 16 are 4 : 1/4 : 3/2.
    with_ties = fit_davidson(cells_of({(0, 1): (4, 3, 1), (1, 2): (4, 3, 1), (0, 2): (16, 6, 1)}), 3, slot=False)
    assert with_ties.ratings == pytest.approx([log(4), 0, -log(4)], abs=1e-12)
    assert with_ties.log_tie == pytest.approx(log(1.5), abs=1e-12)


def test_a_judge_that_leans_to_the_first_slot_alone_leaves_the_models_equal() -> None:
    leaning: Counts = dict.fromkeys(((0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)), (4, 3, 1))
    fit = fit_davidson(cells_of(leaning), 3)
    assert fit.ratings == pytest.approx([0, 0, 0], abs=1e-12)
    assert fit.slot == pytest.approx(log(4), abs=1e-12)
    assert fit.log_tie == pytest.approx(log(1.5), abs=1e-12)


def test_the_slot_is_left_out_where_no_pair_was_shown_in_both_orders_and_the_graph_is_a_tree() -> None:
    fit = fit_davidson(cells_of({(0, 1): (2, 0, 1), (1, 2): (2, 0, 1)}), 3)
    assert fit.slot is None
    assert fit.ratings == pytest.approx([log(2), 0, -log(2)], abs=1e-10)


@pytest.mark.parametrize(
    "counts",
    [
        {(0, 1): (5, 0, 0), (1, 0): (0, 0, 5)},
        {(0, 1): (5, 0, 0), (1, 0): (5, 0, 0)},
        {(0, 1): (0, 5, 0), (1, 0): (0, 5, 0)},
        {(0, 1): (5, 0, 0), (0, 2): (0, 5, 0), (1, 2): (0, 5, 0)},
        {(0, 1): (3, 0, 2), (1, 2): (4, 0, 0)},
        {(0, 1): (20, 0, 0), (1, 0): (0, 1, 19)},
    ],
    ids=[
        "one model always wins",
        "the first slot always wins",
        "all ties",
        "ties beside a sure win",
        "the last loses",
        "no loss but a tie",
    ],
)
def test_what_has_no_maximum_is_held_by_the_prior(counts: Counts) -> None:
    n_models = 1 + max(max(pair) for pair in counts)
    fit = fit_davidson(cells_of(counts), n_models)
    assert fit.held
    assert np.isfinite(fit.ratings).all()
    assert np.abs(fit.ratings).max() < 5


def test_the_prior_is_half_a_win_and_half_a_loss_of_each_model_against_the_average() -> None:
    # The score of the first's rating is 0: five wins over the second, half a win and half a loss against the average.
    fit = fit_davidson(cells_of({(0, 1): (5, 0, 0)}), 2, slot=False)
    half, odds = fit.ratings[0], np.exp(2 * fit.ratings[0])
    against_average = np.exp(half) / (1 + np.exp(half))
    score = 5 * (1 - odds / (1 + odds)) + (1 / 2 - against_average)
    assert score == pytest.approx(0, abs=1e-10)


@given(st.permutations(range(5)), st.integers(0, 3))
def test_names_do_not_matter(order: list[int], seed: int) -> None:
    games = games_of([0.8, 0.3, 0.0, -0.2, -0.9], 12, seed=seed)
    places = np.array(order)
    plain = fit_davidson(sum_cells(games, 5), 5)
    renamed = games._replace(first=places[games.first], second=places[games.second])
    other = fit_davidson(sum_cells(renamed, 5), 5)
    assert other.ratings[places] == pytest.approx(plain.ratings, abs=1e-9)


@given(st.integers(0, 50))
def test_two_models_have_the_mean_credit_of_both_orders(seed: int) -> None:
    games = games_of([0.4, -0.4], 30, seed=seed)
    fit = fit_davidson(sum_cells(games, 2), 2)
    credit = np.where(games.first == 0, games.credit, 1 - games.credit).mean()
    errors = sandwich(fit, unit_residuals(games, fit))
    assert win_rates(fit, errors)[0][0] == pytest.approx([0.5, credit, credit], abs=1e-9)


def test_fractions_count_as_the_verdicts_that_they_are_the_mean_of() -> None:
    games = games_of([0.5, 0.0, -0.5], 40)
    cells = sum_cells(games, 3)
    halved = cells._replace(credit=cells.credit / 4, tie=cells.tie / 4, n=cells.n / 4)
    assert fit_davidson(halved, 3).ratings == pytest.approx(fit_davidson(cells, 3).ratings, abs=1e-10)


def test_models_that_no_pair_connects_are_told_apart() -> None:
    assert components(np.array([0, 3]), np.array([1, 2]), 5) == [[0, 1], [2, 3], [4]]


def fitted(n_items: int = 150, ratings: list[float] | None = None) -> tuple[Games, Davidson]:
    games = games_of(ratings or [1.0, 0.4, 0.3, -0.5, -1.2], n_items, seed=3)
    return games, fit_davidson(sum_cells(games, 5), 5)


def test_the_sandwich_of_independent_verdicts_is_near_the_model_and_the_bootstrap() -> None:
    games, fit = fitted(400)
    errors = sandwich(fit, unit_residuals(games, fit))
    model = fit.natural @ fit.bread @ fit.natural.T
    assert np.sqrt(np.diag(errors.covariance) / np.diag(model)) == pytest.approx(np.ones(7), abs=0.12)
    again = bootstrap_ratings(games, fit, n_resamples=200, seed=1)
    assert np.sqrt(np.diag(again.covariance) / np.diag(errors.covariance)) == pytest.approx(np.ones(7), abs=0.2)


def test_verdicts_given_twice_narrow_nothing() -> None:
    games, fit = fitted()
    twice = Games(*(np.concatenate([column, column]) for column in games))
    one, other = (
        sandwich(own, unit_residuals(given_, own))
        for given_, own in ((games, fit), (twice, fit_davidson(sum_cells(twice, 5), 5)))
    )
    assert other.covariance == pytest.approx(one.covariance, abs=1e-9)


def test_ranks_hold_the_clear_order_and_leave_open_what_is_close() -> None:
    games, fit = fitted()
    ranks = rank_intervals(fit.ratings, sandwich(fit, unit_residuals(games, fit)))
    assert ranks.rank[[0, 3, 4]].tolist() == [1, 4, 5]
    assert list(zip(ranks.low, ranks.high, strict=True)) == [(1, 1), (2, 3), (2, 3), (4, 4), (5, 5)]
    assert 2.5 < ranks.critical < 3.0  # 2.73 for the studentised range of five, infinitely many degrees of freedom


def test_a_single_unit_has_no_errors_and_any_rank() -> None:
    games = games_of([1.0, 0.0, -1.0], 40)._replace(unit=np.zeros(240, dtype=np.intp))
    fit = fit_davidson(sum_cells(games, 3), 3)
    errors = sandwich(fit, unit_residuals(games, fit))
    ranks = rank_intervals(fit.ratings, errors)
    assert np.isnan(errors.covariance).all()
    assert (ranks.low.tolist(), ranks.high.tolist()) == ([1, 1, 1], [3, 3, 3])


def test_a_circle_of_models_shows_as_one() -> None:
    games, fit = fitted(300, [0.0] * 5)
    fine = pair_fit(sum_cells(games, 5), fit, unit_residuals(games, fit))
    assert fine.p_value > 0.01
    win = ((games.second - games.first) % 3 == 1) & (games.first < 3) & (games.second < 3)
    lose = ((games.first - games.second) % 3 == 1) & (games.first < 3) & (games.second < 3)
    strong = np.random.default_rng(5).random(len(win)) < 0.4
    credit, tie = games.credit.copy(), games.tie.copy()
    credit[win & strong], credit[lose & strong] = 1.0, 0.0
    tie[(win | lose) & strong] = 0.0
    bent = games._replace(credit=credit, tie=tie)
    fit = fit_davidson(sum_cells(bent, 5), 5)
    found = pair_fit(sum_cells(bent, 5), fit, unit_residuals(bent, fit))
    assert found.p_value < 0.01
    assert found.triads[int(np.argmax(np.abs(found.cycles)))] == (0, 1, 2)
    assert found.triad_p[found.triads.index((0, 1, 2))] < 0.001


def test_a_tree_of_pairs_is_followed_exactly_and_says_nothing_of_the_fit() -> None:
    games = games_of([0.5, 0.0, -0.5], 30)
    kept = (games.first != 2) | (games.second != 0)
    kept &= (games.first != 0) | (games.second != 2)
    tree = Games(*(column[kept] for column in games))
    fit = fit_davidson(sum_cells(tree, 3), 3)
    found = pair_fit(sum_cells(tree, 3), fit, unit_residuals(tree, fit))
    assert np.abs(found.residual).max() < 1e-9
    assert np.isnan(found.p_value)
    assert found.triads == []


def test_sure_wins_have_an_interval_about_as_wide_as_that_of_a_rate_of_one() -> None:
    unit = np.arange(50)
    first, second = np.zeros(50, dtype=np.intp), np.ones(50, dtype=np.intp)
    games = Games(unit, first, second, np.ones(50), np.zeros(50), np.ones(50))
    fit = fit_davidson(sum_cells(games, 2), 2)
    low = oracle("scipy.stats").beta.ppf(0.025, 50 + 0.5, 0.5)
    assert np.isnan(pair_fit(sum_cells(games, 2), fit, unit_residuals(games, fit)).z).all()
    for errors in (sandwich(fit, unit_residuals(games, fit)), bootstrap_ratings(games, fit, n_resamples=400)):
        rate, lower, upper, _ = (float(table[0, 1]) for table in win_rates(fit, errors))
        assert lower == pytest.approx(low, abs=0.04)
        assert lower < rate < upper


def test_the_next_pairs_are_those_of_the_targets_that_know_least() -> None:
    known = np.full((5, 5), 10.0) - 10 * np.eye(5)
    known[0, 1] = known[1, 0] = 40.0
    more = np.full((5, 5), 10.0)
    chosen = most_informative(known, more, FIRST, n_pairs=3)
    assert {pair[0] for pair in chosen} == {0}
    assert (0, 1) not in chosen
    assert most_informative(known, np.zeros((5, 5)), FIRST, n_pairs=3) == []


@given(st.integers(0, 30))
def test_each_chosen_pair_is_the_best_of_all_by_the_variance_computed_anew(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    known, more = (np.triu(drawn.uniform(1, 5, (4, 4)), 1) for _ in range(2))
    known, more = known + known.T, more + more.T

    def variance(information: np.ndarray) -> float:
        inverse = np.linalg.pinv(np.diag(information.sum(axis=1)) - information)
        return float(inverse[0, 0] + inverse[1, 1] + (inverse[0, 0] + inverse[1, 1] - 2 * inverse[0, 1]))

    def added(pair: tuple[int, int]) -> np.ndarray:
        changed = known.copy()
        changed[pair] += more[pair]
        changed[pair[::-1]] += more[pair]
        return changed

    best = min(combinations(range(4), 2), key=lambda pair: variance(added(pair)))
    wanted = top_variances(np.array([2.0, 1.0, -1.0, -2.0]), np.zeros((1, 4)), 2)
    assert most_informative(known, more, wanted, n_pairs=1) == [best]


def test_a_pair_that_nobody_judged_is_chosen_by_what_its_models_ratings_tell_of_it() -> None:
    _, fit = fitted()
    asked = 20.0 * (1 - np.eye(5))
    asked[0, 2] = asked[2, 0] = 0.0
    assert next_pairs(fit, asked, 20.0 * (1 - np.eye(5)), FIRST, 1) == [(0, 2)]
    assert next_pairs(fit, asked, np.zeros((5, 5)), FIRST, 1) == []


def test_a_variance_counts_as_often_as_its_models_are_among_the_first() -> None:
    errors = np.array([[0.0, 0.0, 0.0]] * 3 + [[0.0, 2.0, 0.0]])  # once the second is taken for the last
    wanted = top_variances(np.array([2.0, 1.0, 0.0]), errors, 2)
    ratings, differences = np.diag([1.0, 0.75, 0.25]), {(0, 1): 0.75, (0, 2): 0.25}
    for (i, j), share in differences.items():
        contrast = np.eye(3)[i] - np.eye(3)[j]
        ratings += share * np.outer(contrast, contrast)
    assert wanted == pytest.approx(ratings)


def test_a_pair_is_asked_about_the_items_that_its_models_were_asked_about_the_least() -> None:
    asked = np.zeros((3, 3, 4), dtype=bool)
    asked[[0, 1], [1, 0], 0] = asked[[0, 2], [2, 0], 0] = asked[[0, 2], [2, 0], 1] = True
    assert least_seen_block(asked, 0, 1) == 2
    assert least_seen_block(asked, 1, 2) == 2
    asked[[0, 1], [1, 0], 2:] = True
    assert least_seen_block(asked, 0, 1) == 1


@pytest.mark.slow
def test_intervals_hold_where_models_have_effects_on_items_and_those_over_rows_do_not() -> None:
    ratings = [1.0, 0.4, 0.3, -0.5, -1.2]
    true = fit_davidson(sum_cells(games_of(ratings, 20_000, item_sd=1.0), 5), 5).ratings
    held, ranked, naive = [], [], []
    for seed in range(1, 301):
        games = games_of(ratings, 50, seed=seed, item_sd=1.0)
        fit = fit_davidson(sum_cells(games, 5), 5)
        errors = sandwich(fit, unit_residuals(games, fit), n_draws=1_000)
        rows = games._replace(unit=np.arange(len(games.unit)))
        over_rows = sandwich(fit, unit_residuals(rows, fit), n_draws=1)
        off, each = np.abs(fit.ratings - true), np.eye(7)[:5]
        held.append((off <= errors.half_width(each)).mean())
        naive.append((off <= over_rows.half_width(each)).mean())
        ranks = rank_intervals(fit.ratings, errors)
        ranked.append(((ranks.low <= np.arange(1, 6)) & (np.arange(1, 6) <= ranks.high)).all())
    assert 0.93 <= np.mean(held) <= 0.99
    assert np.mean(ranked) >= 0.93
    assert np.mean(naive) < 0.88
