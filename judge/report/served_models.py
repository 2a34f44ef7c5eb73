"""Win rates by the model that a judge's replies name, where they name several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from judge.outcomes.counted_items import CriterionItems, Subject
from judge.outcomes.rates import Basis, Estimate
from judge.outcomes.tally import fold
from judge.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge.outcomes.latest_judgments import LatestJudgments


class ServedModel(Frozen):
    """What replies that name one model say."""

    judged: int
    """requests whose verdict is from it"""
    win_rate: dict[str, Estimate]
    """of a, by criterion, over the items that it judged in every order; identical traces are left out"""


ServedModels = dict[str, dict[str, ServedModel]]


def report_served(latest: LatestJudgments, subject: Subject, basis: Basis) -> ServedModels:
    """Report the models of each judge whose verdicts come from several."""
    counts = (
        latest.requests.filter(pl.col("failure").is_null() & pl.col("model").is_not_null())
        .group_by(pl.col("judge").cast(pl.String), pl.col("model").cast(pl.String))
        .len()
        .sort("judge", "model")
    )
    found: ServedModels = {}
    for judge in subject.judges:
        own = dict(counts.filter(pl.col("judge") == judge).select("model", "len").iter_rows())
        if len(own) > 1:
            found[judge] = {
                model: ServedModel(judged=n, win_rate=_rates(latest.of(judge).served_by(model), subject, basis))
                for model, n in own.items()
            }
    return found


def _rates(latest: LatestJudgments, subject: Subject, basis: Basis) -> dict[str, Estimate]:
    """Estimate the win rate on each criterion."""
    items = {name: fold(latest.on(name), orders=subject.orders) for name in subject.criteria}
    return {
        name: basis.of_models(CriterionItems.of(folded, subject.features, basis).mean("credit", complement=True))
        for name, folded in items.items()
    }


def served_warnings(served: Mapping[str, Mapping[str, ServedModel]], overall: str) -> list[str]:
    """Return the overall win rate of a by each model of a judge, a line a judge."""
    return [
        f"{judge}: win rate of a on {overall} by the model that answered: "
        + "; ".join(f"{name}: {_words(model.win_rate[overall])}" for name, model in models.items())
        for judge, models in served.items()
    ]


def _words(rate: Estimate) -> str:
    """Write a rate in per cent, with its interval and the number of its items."""
    if rate.estimate is None:
        return "no item in every order"
    ends = "" if rate.low is None or rate.high is None else f", {100 * rate.low:.0f} to {100 * rate.high:.0f}"
    return f"{100 * rate.estimate:.0f} %{ends} (n = {rate.n})"
