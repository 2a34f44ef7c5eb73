"""Fit the models of a table of judged pairs, with errors over items and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from judge.errors import RunError
from judge.outcomes.rates import LEVEL, Basis
from judge.outcomes.tally import HALF
from judge.ranking.ranking_report import ErrorSettings
from judge.stats.davidson import Davidson, Games, SummedGames, components, fit_davidson, sum_cells
from judge.stats.rating_errors import (
    N_DRAWS,
    RankIntervals,
    RatingErrors,
    Residuals,
    bootstrap_ratings,
    rank_intervals,
    sandwich,
    unit_residuals,
)

TWO = 2


class Settings(NamedTuple):
    """How errors are made."""

    basis: Basis
    """of the win rates of pairs; its seed is that of all draws"""
    n_resamples: int = 0
    """0: in closed form"""

    def told(self) -> ErrorSettings:
        """Return the settings as a report states them."""
        method = "bootstrap" if self.n_resamples else "sandwich"
        return ErrorSettings.model_validate(
            {"method": method, "level": LEVEL, "n_resamples": self.n_resamples or N_DRAWS, "seed": self.basis.seed}
        )


class Fitted(NamedTuple):
    """A table of judged pairs with the model that was fitted to it."""

    models: list[str]
    table: pl.DataFrame
    games: Games
    cells: SummedGames
    fit: Davidson
    residuals: Residuals
    errors: RatingErrors
    ranks: RankIntervals


def fit_table(table: pl.DataFrame, settings: Settings) -> Fitted:
    """Fit the models of a table of judged pairs; RunError where no pairs connect them, naming the groups."""
    models = sorted({*table["a"], *table["b"]})
    games = games_of(table, models)
    if len(models) < TWO:
        raise RunError("no two models have a verdict here: there is nothing to rank")
    groups = components(games.first, games.second, len(models))
    if len(groups) > 1:
        told = " | ".join(", ".join(models[code] for code in group) for group in groups)
        raise RunError(
            f"no judged pair connects these groups of models: {told}; judge a pair across, such as "
            f"{models[groups[0][0]]} and {models[groups[1][0]]}, or rank each group alone"
        )
    cells = sum_cells(games, len(models))
    shown = set(zip(cells.first.tolist(), cells.second.tolist(), strict=True))
    # Without a pair in both orders, the slot could be told from the models by circles of pairs alone: by misfit.
    fit = fit_davidson(cells, len(models), slot=any((second, first) in shown for first, second in shown))
    residuals = unit_residuals(games, fit)
    errors = (
        bootstrap_ratings(games, fit, n_resamples=settings.n_resamples, seed=settings.basis.seed)
        if settings.n_resamples
        else sandwich(fit, residuals, seed=settings.basis.seed)
    )
    return Fitted(models, table, games, cells, fit, residuals, errors, rank_intervals(fit.ratings, errors))


def games_of(table: pl.DataFrame, models: Sequence[str]) -> Games:
    """Return each item's credit in each order as a game; identical traces are ties in both."""
    place = {name: code for code, name in enumerate(models)}
    told = table.select(
        pl.col("a", "b").replace_strict(place, return_dtype=pl.Int64),
        unit=pl.coalesce(pl.lit("cluster_") + pl.col("cluster"), pl.lit("item_") + pl.col("item")).rank("dense") - 1,
        forward=pl.coalesce("forward", pl.when(pl.col("swapped").is_null()).then(HALF)),
        swapped=pl.coalesce("swapped", pl.when(pl.col("forward").is_null()).then(HALF)),
        tie=pl.when(pl.col("n_verdicts") > 0).then(1 - pl.col("decisive") / pl.col("n_verdicts")).otherwise(1.0),
    )
    shown = [told.filter(pl.col(order).is_not_null()) for order in ("forward", "swapped")]
    columns = [
        np.concatenate([own[name].to_numpy() for own, name in zip(shown, names, strict=True)])
        for names in (("unit", "unit"), ("a", "b"), ("b", "a"), ("tie", "tie"))
    ]
    unit, first, second = (column.astype(np.intp) for column in columns[:3])
    credit = np.concatenate([shown[0]["forward"].to_numpy(), 1 - shown[1]["swapped"].to_numpy()])
    return Games(unit, first, second, credit, columns[3].astype(np.float64), np.ones(len(unit)))
