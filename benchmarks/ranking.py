"""Print how often intervals of ratings and ranks hold, how long a large ranking takes, and what adaptive pairs save.

Run `python benchmarks/ranking.py`, or with `--coverage`, `--speed` or `--adaptive` for one of the three.
"""

from __future__ import annotations

import argparse
import resource
import time
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.stats.davidson import Games, expected, fit_davidson, sum_cells
from judge.stats.pair_design import least_seen_block, next_pairs, top_variances
from judge.stats.pair_fit import pair_fit
from judge.stats.rating_errors import (
    RatingErrors,
    bootstrap_ratings,
    rank_intervals,
    sandwich,
    unit_residuals,
    win_rates,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from judge.stats.davidson import Davidson
    from judge.stats.intervals import Floats

N_ITEMS, N_BLOCKS, BATCHES = 200, 10, 5
TOP = 3
MANY = 10


class World(NamedTuple):
    """How verdicts come about: models have an effect of their own on each item, which all their pairs there share."""

    ratings: Floats
    item_sd: float = 1.0
    slot: float = 0.4
    log_tie: float = -0.5
    n_verdicts: int = 1
    """of each pair of an item in each order, as by several judges"""


def draw(world: World, n_items: int, rng: np.random.Generator) -> Games:
    """Draw verdicts on all pairs of every item in both orders."""
    n_models = len(world.ratings)
    i, j = np.array(list(combinations(range(n_models), 2))).T
    pairs = np.tile(
        np.repeat(np.column_stack([np.append(i, j), np.append(j, i)]), world.n_verdicts, axis=0), (n_items, 1)
    )
    unit = np.repeat(np.arange(n_items), len(pairs) // n_items)
    first, second = pairs.T
    effects = world.ratings + rng.normal(0, world.item_sd, (n_items, n_models))
    one = expected(effects[unit, first] - effects[unit, second] + world.slot, world.log_tie)
    x = rng.random(len(unit))
    tie, win = (x < one.tie).astype(float), ((x >= one.tie) & (x < one.tie + one.win)).astype(float)
    return Games(unit, first, second, win + tie / 2, tie, np.ones(len(unit)))


def fitted(games: Games, n_models: int) -> tuple[Davidson, RatingErrors]:
    """Fit, with errors over items."""
    fit = fit_davidson(sum_cells(games, n_models), n_models)
    return fit, sandwich(fit, unit_residuals(games, fit), n_draws=2_000)


def coverage(n_repeats: int = 300) -> None:
    """Print in what share of repeats intervals hold what a very large sample shows."""
    spaced, close = np.array([1.0, 0.5, 0.0, -0.5, -1.0]), np.array([0.4, 0.1, 0.0, -0.1, -0.4])
    worlds = {
        "5 models": World(spaced),
        "close together": World(close),
        "3 judges": World(spaced, n_verdicts=3),
        "no item effects": World(spaced, item_sd=0.0),
        "all equal": World(np.zeros(5)),
        "12 models": World(np.linspace(1.5, -1.5, 12)),
    }
    print(f"Share of {n_repeats} repeats in which 95 % intervals hold, in percent; naive: with rows as units")
    print("world            items  rating  slot each rank all ranks   naive rating too narrow by")
    for name, world in worlds.items():
        n_models, rng = len(world.ratings), np.random.default_rng(1)
        true, _ = fitted(draw(world, 20_000, rng), n_models)
        better = world.ratings[None, :] > world.ratings[:, None]
        best, worst = 1 + better.sum(axis=1), n_models - better.sum(axis=0)  # equal models have all of these ranks
        for n_items in (50, 200):
            held, naive, ratio = [], [], []
            for _ in range(n_repeats if n_models < MANY else n_repeats // 3):
                games = draw(world, n_items, rng)
                fit, errors = fitted(games, n_models)
                half = errors.half_width(np.eye(n_models + 2))
                off = np.append(np.abs(fit.ratings - true.ratings), abs((fit.slot or 0) - (true.slot or 0)))
                ranks = rank_intervals(fit.ratings, errors)
                inside = (ranks.low <= best) & (worst <= ranks.high)
                held.append([(off[:-1] <= half[:-2]).mean(), off[-1] <= half[-2], inside.mean(), inside.all()])
                rows = sandwich(fit, unit_residuals(games._replace(unit=np.arange(len(games.unit))), fit), n_draws=1)
                narrow = rows.half_width(np.eye(n_models + 2))
                naive.append((off[:-1] <= narrow[:-2]).mean())
                ratio.append((half[:-2] / narrow[:-2]).mean())
            rating, slot, each, every = 100 * np.mean(held, axis=0)
            told = f"{rating:6.1f} {slot:5.1f} {each:9.1f} {every:9.1f}"
            print(f"{name:16} {n_items:5}  {told}   {100 * np.mean(naive):12.1f} {np.mean(ratio):13.2f}")
    games = draw(worlds["5 models"], 100, np.random.default_rng(2))
    fit, errors = fitted(games, 5)
    by_row = games._replace(unit=np.arange(len(games.unit)))
    compared: list[tuple[str, Games, RatingErrors]] = [
        ("items", games, errors),
        ("rows", by_row, sandwich(fit, unit_residuals(by_row, fit), n_draws=1)),
    ]
    for name, own, closed in compared:
        again = bootstrap_ratings(own, fit, n_resamples=400)
        ratio = np.sqrt(np.diag(again.covariance)[:5] / np.diag(closed.covariance)[:5]).mean()
        print(f"bootstrap of {name} / closed form: {ratio:.3f}")


def speed() -> None:
    """Print the processor time of ranking 50 models by a million judgments, and the memory of the process."""
    rng, n_models = np.random.default_rng(0), 50
    world = World(rng.normal(0, 0.7, n_models))
    shared = draw(world, 408, rng)
    n = 1_000_000
    first = rng.integers(0, n_models, n)
    second = (first + rng.integers(1, n_models, n)) % n_models
    one, x = expected(world.ratings[first] - world.ratings[second], -0.5), rng.random(n)
    tie, win = (x < one.tie).astype(float), ((x >= one.tie) & (x < one.tie + one.win)).astype(float)
    votes = Games(np.arange(n) // 2, first, second, win + tie / 2, tie, np.ones(n))
    for name, games in (("all pairs of 408 items", shared), ("500,000 items, two votes each", votes)):
        start = time.process_time()
        cells = sum_cells(games, n_models)
        fit = fit_davidson(cells, n_models)
        residuals = unit_residuals(games, fit)
        errors = sandwich(fit, residuals)
        fitted_at = time.process_time()
        rank_intervals(fit.ratings, errors)
        win_rates(fit, errors)
        pair_fit(cells, fit, residuals)
        ended = time.process_time()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        told = f"fit and errors {fitted_at - start:.2f} s, ranks, matrix and fit {ended - fitted_at:.2f} s"
        print(f"{len(games.unit):,} judgments, {name}: {told}, {memory:.2f} GiB at most")


def adaptive(n_repeats: int = 30) -> None:
    """Print how many calls an adaptive design needs for the widths that all pairs of half of the items give.

    And in what share its intervals hold where the top three's differences are that narrow.
    """
    for n_models in (6, 10, 16):
        rng = np.random.default_rng(3)
        shares: list[tuple[float, ...]] = []
        held: list[float] = []
        world = World(np.linspace(1.2, -1.2, n_models), item_sd=0.5)
        true, _ = fitted(draw(world, 20_000, rng), n_models)
        every = n_models * (n_models - 1) // 2 * N_BLOCKS
        half = np.ones((n_models, n_models, N_BLOCKS), dtype=bool)
        half[:, :, N_BLOCKS // 2 :] = False
        for _ in range(n_repeats):
            games = draw(world, N_ITEMS, rng)
            wanted = widths(*fitted(part(games, half), n_models))
            reached: dict[int, float] = {}
            for n_blocks, fit, errors in batches(games, n_models):
                own = widths(fit, errors)
                narrow = [at for at in (0, 1) if own[at] <= wanted[at]]
                if 1 in narrow and 1 not in reached:
                    off = np.abs(fit.ratings - true.ratings)[:TOP]
                    held.append((off <= errors.half_width(np.eye(n_models + 2))[:TOP]).mean())
                reached = dict.fromkeys(narrow, n_blocks / (every / 2)) | reached
                if len(reached) == len(wanted):
                    break
            shares.append((reached[0], reached[1]))
        told = ", ".join(
            f"of {what} {100 * np.mean(own):.0f} % (from {100 * min(own):.0f} to {100 * max(own):.0f})"
            for what, own in zip(("ratings", "differences"), zip(*shares, strict=True), strict=True)
        )
        held_in = f"ratings' intervals hold in {100 * np.mean(held):.1f} %"
        print(f"{n_models} models, the top three: for the width {told} of the calls of all; {held_in}")


def batches(games: Games, n_models: int) -> Iterator[tuple[float, Davidson, RatingErrors]]:
    """Yield, batch after batch, how many blocks were judged so far, and what is known by them."""
    apart = np.abs(np.subtract.outer(np.arange(n_models), np.arange(n_models)))
    asked = np.zeros((n_models, n_models, N_BLOCKS), dtype=bool)
    asked[:, :, 0] = np.isin(np.minimum(apart, n_models - apart), (1, 2))
    block, n_chosen = 2 * N_ITEMS / N_BLOCKS, -(-n_models * (n_models - 1) // 2 // BATCHES)
    while True:
        fit, errors = fitted(part(games, asked), n_models)
        yield asked.sum() / 2, fit, errors
        n_blocks = asked.sum(axis=2)
        sizes = np.where((n_blocks < N_BLOCKS) & (apart > 0), block, 0.0)
        wanted = top_variances(fit.ratings, errors.draws, TOP)
        for i, j in next_pairs(fit, n_blocks * block, sizes, wanted, n_chosen):
            number = least_seen_block(asked, i, j)
            asked[[i, j], [j, i], number] = True


def part(games: Games, asked: NDArray[np.bool_]) -> Games:
    """Return the games of the blocks of items that each pair was asked."""
    block = games.unit * N_BLOCKS // (games.unit.max() + 1)
    there = asked[games.first, games.second, block]
    return Games(*(column[there] for column in games))


def widths(fit: Davidson, errors: RatingErrors) -> tuple[float, float]:
    """Return the mean half-widths of the intervals of the three best ratings, and of their differences."""
    best = np.eye(len(fit.ratings) + 2)[np.argsort(-fit.ratings)[:TOP]]
    differences = best[[0, 0, 1]] - best[[1, 2, 2]]
    return float(errors.half_width(best).mean()), float(errors.half_width(differences).mean())


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = {"coverage": coverage, "speed": speed, "adaptive": adaptive}
    for name in parts:
        parser.add_argument(f"--{name}", action="store_true")
    given = vars(parser.parse_args())
    for name, run in parts.items():
        if given[name] or not any(given.values()):
            run()


if __name__ == "__main__":
    main()
