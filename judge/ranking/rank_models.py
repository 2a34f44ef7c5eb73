"""Rank the models of joined runs on one criterion: ratings, ranks, pairs, fit, and the same within parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from judge.errors import RunError
from judge.outcomes.counted_items import CriterionItems, cluster_codes
from judge.outcomes.rates import Estimate, Figure, rounded
from judge.outcomes.tally import HALF
from judge.ranking.fitted_models import TWO, Fitted, Settings, fit_table
from judge.ranking.ranking_report import (
    CriterionRanking,
    Moved,
    PartRanking,
    RankedModel,
    RankedPair,
    RankingFit,
    Triad,
)
from judge.report.criterion import criterion_rates
from judge.schema import Outcome
from judge.stats.pair_fit import PairFit, pair_fit
from judge.stats.rating_errors import win_rates

if TYPE_CHECKING:
    from judge.outcomes.item_features import WantedFields
    from judge.ranking.joined_runs import PairTotals
    from judge.stats.intervals import Floats

SHOWN_TRIADS = 5


def rank_table(
    table: pl.DataFrame,
    counts: Mapping[tuple[str, str], PairTotals],
    settings: Settings,
    *,
    added: Sequence[str] = (),
) -> CriterionRanking:
    """Rank the models of a table of judged pairs, without its parts.

    Args:
        table: rows of `JoinedRuns.table`.
        counts: of each pair.
        settings: how errors are made.
        added: models whose effect on the others is to be told.
    """
    found = fit_table(table, settings)
    pairs = []
    tables = table.partition_by("a", "b", as_dict=True)
    rates = win_rates(found.fit, found.errors)
    checked = pair_fit(found.cells, found.fit, found.residuals, seed=settings.basis.seed)
    z_of = {(found.models[i], found.models[j]): z for (i, j), z in zip(found.residuals.pairs, checked.z, strict=True)}
    for a, b in sorted(pair for pair, own in counts.items() if own.seen or pair in tables):
        own = tables.get((a, b), table.clear())
        outcomes = dict(own["outcome"].cast(pl.String).value_counts().iter_rows())
        pairs.append(
            RankedPair(
                a=a,
                b=b,
                runs=tuple(counts[a, b].runs),
                win_rate=_own_win_rate(own, settings),
                wins_a=outcomes.get(Outcome.A, 0),
                wins_b=outcomes.get(Outcome.B, 0),
                ties=outcomes.get(Outcome.TIE, 0),
                splits=outcomes.get(Outcome.SPLIT, 0),
                missing=len(counts[a, b].seen) - len(own),
                not_asked=len(counts[a, b].items - counts[a, b].seen),
                **_by_ratings(found, rates, a, b),
                z=rounded(z_of.get((a, b), math.nan)),
            )
        )
    return CriterionRanking(
        models=_ranked(found, rates, settings, pairs),
        pairs=tuple(pairs),
        slot=None if found.fit.slot is None else _figure(found, found.fit.slot, _unit_vector(found, -2)),
        tie=round(float(np.exp(found.fit.log_tie)), 6),
        fit=_fit(found, checked, pairs),
        critical=rounded(found.ranks.critical),
        n_units=found.residuals.n_units,
        subgroups={},
        strata={},
        by_judge={},
        moved=_moved(found, settings, added),
    )


def _own_win_rate(table: pl.DataFrame, settings: Settings) -> Estimate:
    """Return the win rate of the rows of one pair as a comparison reports it."""
    return criterion_rates(CriterionItems(table, cluster_codes(table), settings.basis))["win_rate"]


def _by_ratings(found: Fitted, rates: Sequence[Floats], a: str, b: str) -> dict[str, Any]:
    """Return what the ratings say of a pair, by the fields of `RankedPair`; nothing of a model without any verdict."""
    if not {a, b} <= set(found.models):
        return {"expected": Figure(estimate=None, low=None, high=None), "p_a": None, "p_tie": None}
    i, j = found.models.index(a), found.models.index(b)
    tie = float(rates[3][i, j])
    return {
        "expected": Figure(**_ends(rates, i, j)),
        "p_a": round(float(rates[0][i, j]) - tie / 2, 6),
        "p_tie": round(tie, 6),
    }


def _unit_vector(found: Fitted, at: int) -> Floats:
    return np.asarray(np.eye(len(found.models) + TWO)[at])


def _figure(found: Fitted, value: float, gradient: Floats) -> Figure:
    """Return a function of the parameters with its interval, by its derivatives."""
    half = float(found.errors.half_width(gradient))
    se = float(np.sqrt(max(float(gradient @ found.errors.covariance @ gradient), 0.0)))
    return Figure(estimate=rounded(value), low=rounded(value - half), high=rounded(value + half), se=rounded(se))


def _ranked(
    found: Fitted, rates: Sequence[Floats], settings: Settings, pairs: Sequence[RankedPair] = ()
) -> tuple[RankedModel, ...]:
    """Return the models by rank; of two models the win rate is the comparison's own."""
    table, models = found.table, []
    sides = [
        table.select(name=side, credit=own) for side, own in (("a", pl.col("credit")), ("b", 1 - pl.col("credit")))
    ]
    sums = pl.concat(sides).group_by("name").agg(pl.len(), pl.col("credit").sum())
    seen = {name: (n, credit) for name, n, credit in sums.iter_rows()}
    own = _own_win_rate(table, settings) if len(found.models) == TWO else None
    for code, name in enumerate(found.models):
        n, credit = seen[name]
        rate = Estimate(**_ends(rates, code, -1), n=n, numerator=round(credit, 6))
        models.append(
            RankedModel(
                model=name,
                rank=int(found.ranks.rank[code]),
                rank_low=int(found.ranks.low[code]),
                rank_high=int(found.ranks.high[code]),
                rating=_figure(found, float(found.fit.ratings[code]), _unit_vector(found, code)),
                win_rate=rate if own is None else _flipped(own) if code else own,
                missing=sum(pair.missing for pair in pairs if name in {pair.a, pair.b}),
            )
        )
    return tuple(sorted(models, key=lambda model: (model.rank, model.model)))


def _ends(rates: Sequence[Floats], i: int, j: int) -> dict[str, float | None]:
    """Return an entry of `win_rates` with its interval, by name."""
    return {name: rounded(table[i, j]) for name, table in zip(("estimate", "low", "high"), rates, strict=False)}


def _flipped(rate: Estimate) -> Estimate:
    """Return the win rate of the other model: exchanging the models mirrors every digit."""
    ends = {"estimate": rate.estimate, "low": rate.high, "high": rate.low}
    turned = {name: None if value is None else round(1 - value, 6) for name, value in ends.items()}
    return rate.model_copy(update={**turned, "numerator": round(rate.n - (rate.numerator or 0.0), 6)})


def _fit(found: Fitted, checked: PairFit, pairs: Sequence[RankedPair]) -> RankingFit:
    """Return how well the ratings describe the pairs; in a circle, each model has more than half over the next."""
    leads = {(pair.a, pair.b): np.sign((pair.win_rate.estimate or 0.0) - HALF) for pair in pairs}
    threes = [[found.models[code] for code in triad] for triad in checked.triads]
    circles = [{leads[a, b], leads[b, c], -leads[a, c]} in ({1.0}, {-1.0}) for a, b, c in threes]
    largest = np.argsort(-np.abs(checked.cycles))[:SHOWN_TRIADS]
    triads = [
        Triad(
            models=tuple(found.models[code] for code in checked.triads[at][:: 1 if checked.cycles[at] > 0 else -1]),
            log_odds=round(abs(float(checked.cycles[at])), 6),
            p_adjusted=rounded(checked.triad_p[at]),
        )
        for at in largest
    ]
    return RankingFit(
        p_value=rounded(checked.p_value),
        held=found.fit.held,
        n_triads=len(checked.triads),
        n_circular=sum(circles),
        triads=tuple(triads),
    )


def _moved(found: Fitted, settings: Settings, added: Sequence[str]) -> tuple[Moved, ...]:
    """Return how far the added models moved the others: the ratings without them, and the two parts of the change.

    Nothing where the others could not be ranked without them.
    """
    if not added:
        return ()
    before_them = found.table.filter(~pl.col("a").is_in(added) & ~pl.col("b").is_in(added))
    try:
        before = fit_table(before_them, settings._replace(n_resamples=0))
    except RunError:
        return ()
    ratings = {name: float(found.fit.ratings[found.models.index(name)]) for name in before.models}
    mean = sum(ratings.values()) / len(ratings)
    order = sorted(ratings, key=ratings.__getitem__, reverse=True)
    return tuple(
        Moved(
            model=name,
            rank_before=int(before.ranks.rank[code]),
            rank=order.index(name) + 1,
            before=round(float(before.fit.ratings[code]), 6),
            after=round(ratings[name], 6),
            recentred=round(mean, 6),
            indirect=round(ratings[name] - mean - float(before.fit.ratings[code]), 6),
        )
        for code, name in enumerate(before.models)
    )


def rank_part(table: pl.DataFrame, settings: Settings) -> PartRanking:
    """Rank the models within some of the rows; a part that cannot be ranked says why."""
    try:
        found = fit_table(table, settings)
    except RunError as error:
        return PartRanking(n=len(table), models=(), problem=str(error))
    models = _ranked(found, win_rates(found.fit, found.errors), settings)
    return PartRanking(n=len(table), models=models, held=found.fit.held)


def rank_parts(table: pl.DataFrame, fields: WantedFields, settings: Settings) -> dict[str, dict[str, PartRanking]]:
    """Rank the models within each value of each field."""
    return {
        name: {
            value: rank_part(table.filter(pl.col(f"by:{name}") == value), settings)
            for value in sorted(table[f"by:{name}"].drop_nulls().unique())
        }
        for name in fields.by
    }


def rank_strata(table: pl.DataFrame, settings: Settings) -> dict[str, PartRanking]:
    """Rank the models by whose final answers are right; nothing where no item has answers."""
    right = pl.col("right_a") + pl.col("right_b")
    strata = {"both_right": right == TWO, "one_right": right == 1, "both_wrong": right == 0}
    parts = {name: table.filter(where) for name, where in strata.items()}
    return {name: rank_part(part, settings) for name, part in parts.items() if len(part)}
