"""What the variance of the verdicts is made of, and what more samples, judges or items would buy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl
from pydantic import Field

from judge.enums import Orders
from judge.outcomes.counted_items import Pooling, Subject
from judge.outcomes.rates import DIGITS, rounded
from judge.outcomes.tally import HALF, fold
from judge.schema import SAMPLE_OF, Frozen
from judge.stats.variance_components import (
    Cells,
    Components,
    Design,
    parts_of_error,
    predicted_error,
    sample_variance,
    variance_components,
)

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.outcomes.rates import Estimate
    from judge.report.criterion import CriterionReport

PAIR = 2


class PredictedError(Frozen):
    """The standard error of a win rate in another design, as the components predict it."""

    se: float
    """over items (or clusters) and samples, with these judges; with one judge more, were that judge of their kind"""
    se_random_judges: float | None
    """were the judges drawn at random too; null with one judge"""
    judgments: int
    """how many judgments more it takes; one more sample or judge is of all items, and an item's traces not identical"""


class VarianceComponents(Frozen):
    """Parts of the variance of one verdict's credit on a criterion, none below 0; null where the design does not tell.

    Identical items are among the items: their credit is 1/2, whoever judges.
    """

    n: int
    """items that they are estimated from, items that not all judges have judged among them"""
    item: float | None
    """between items; with one judge, its leanings on single items are in it"""
    judge: float | None
    """between judges over all items; null with one"""
    item_judge: float | None
    """what a judge says of an item beyond its usual difference from the others; null with one judge"""
    slot: float | None
    """which trace is shown first; null with one order a pair"""
    generator_seed: Annotated[float | None, Field(exclude_if=lambda part: part is None)] = None
    """between traces of one model for an item, with one judge and sample the judge's noise in it; `item` is then
    between such items; absent where none has several"""
    noise: float | None
    """between samples of one judge, item and order; null with one sample, whose noise is in `item_judge` (of one judge
    in `item`) and `slot`"""
    predicted: dict[str, PredictedError]
    """standard error of the win rate `now`, and with one more `sample`, `judge` or `item`, where the design tells;
    empty where the win rate has none, and where the panel speaks by majority"""


def report_variance(
    latest: LatestJudgments,
    subject: Subject,
    reports: Mapping[str, CriterionReport],
    panel: Mapping[str, CriterionItems],
    *,
    samples: int,
    pooling: Pooling | None,
) -> dict[str, VarianceComponents]:
    """Report each criterion's variance components; nothing with one judge, one sample and one trace an item.

    Args:
        latest: the judgments.
        subject: what was planned.
        reports: of all judges together, by criterion.
        panel: folded items of all judges together.
        samples: replies planned for each pair, order and judge.
        pooling: how judges became one; None with one.
    """
    has_seeds = subject.features is not None and subject.features.items[SAMPLE_OF].is_not_null().any()
    if len(subject.judges) < PAIR and samples < PAIR and not has_seeds:
        return {}
    return {
        name: _on_criterion(
            _cells(fold(latest.on(name), orders=subject.orders, by=("judge", "sample")), subject, samples),
            report.win_rate if pooling is not Pooling.MAJORITY else None,
            subject,
            samples,
            panel[name].items if has_seeds else None,
        )
        for name, report in reports.items()
    }


def _on_criterion(
    cells: Cells, win_rate: Estimate | None, subject: Subject, samples: int, seeded: pl.DataFrame | None
) -> VarianceComponents:
    found = variance_components(cells)
    predicted = {} if win_rate is None or win_rate.se is None else _predicted(found, cells, win_rate, subject, samples)
    components = {name: rounded(value) for name, value in found._asdict().items()}
    if seeded is not None:
        components |= _of_seeds(seeded, found, cells, n_judges=len(subject.judges))
    return VarianceComponents(n=len(np.unique(cells.items)), **components, predicted=predicted)


def _of_seeds(items: pl.DataFrame, found: Components, cells: Cells, *, n_judges: int) -> dict[str, float | None]:
    """Part the variance between pairs of traces into items and seeds, without what judges and noise add to a pair."""
    codes = (items.select(pl.coalesce(SAMPLE_OF, "item")).to_series().rank("dense") - 1).to_numpy().astype(np.intp)
    between, within = sample_variance(items["credit"].to_numpy() - HALF, codes)
    noise = float(np.nan_to_num(found.noise)) * float((1 / cells.counts).mean()) / cells.means.shape[1]
    added = (float(np.nan_to_num(found.item_judge)) + noise) / n_judges
    return {"item": rounded(between), "generator_seed": rounded(max(within - added, 0.0))}


def _cells(folded: pl.DataFrame, subject: Subject, samples: int) -> Cells:
    """Return the cells of a criterion: credits less 1/2, whose squares stay when the models are exchanged.

    Args:
        folded: complete samples, rows of `fold` by judge and sample.
        subject: what was planned; each identical item is a cell of ties of each judge.
        samples: of an identical item.
    """
    both = subject.orders is Orders.BOTH
    orders = ["forward", "swapped"] if both else ["credit"]
    of_panel = folded.with_columns(pl.col("judge").cast(pl.String)).filter(pl.col("judge").is_in(list(subject.judges)))
    said = of_panel.select("item", "judge", *(pl.col(order) - HALF for order in orders))
    squares = pl.sum_horizontal(((pl.col(order) - pl.col(order).mean()) ** 2).sum() for order in orders)
    rows = said.group_by("item", "judge").agg(pl.col(orders).mean(), squares=squares, n=pl.len()).sort("item", "judge")
    first, n_judges = rows["item"].n_unique(), len(subject.judges)
    identical = np.repeat(np.arange(first, first + subject.n_identical), n_judges)
    judge = rows["judge"].cast(pl.Enum(list(subject.judges))).to_physical().to_numpy()
    nothing = np.zeros(len(identical))
    return Cells(
        items=np.concatenate([(rows["item"].rank("dense") - 1).to_numpy(), identical]).astype(np.intp),
        judges=np.concatenate([judge, np.tile(np.arange(n_judges), subject.n_identical)]).astype(np.intp),
        means=np.concatenate([rows.select(orders).to_numpy(), np.zeros((len(identical), len(orders)))]),
        squares=np.concatenate([rows["squares"].to_numpy(), nothing]),
        counts=np.concatenate([rows["n"].to_numpy().astype(np.float64), nothing + samples]),
    )


def _predicted(
    found: Components, cells: Cells, win_rate: Estimate, subject: Subject, samples: int
) -> dict[str, PredictedError]:
    n_items, n_judges, n_orders = round(win_rate.n), len(subject.judges), cells.means.shape[1]
    n_asked = subject.n_items - subject.n_identical
    now = Design(n_items, n_judges, n_orders, float((1 / cells.counts).mean()))
    more_samples = now._replace(inverse_samples=float((1 / (cells.counts + 1)).mean()))
    designs = {"now": (now, 0)}
    if not np.isnan(found.noise):
        designs["sample"] = (more_samples, n_asked * n_judges * n_orders)
    if n_judges >= PAIR:
        designs["judge"] = (now._replace(n_judges=n_judges + 1), n_asked * samples * n_orders)
    designs["item"] = (now._replace(n_items=n_items + 1), n_judges * samples * n_orders)
    parts = parts_of_error((win_rate.se or 0.0) ** 2, found, now)
    predicted = {}
    for more, (design, judgments) in designs.items():
        se, with_judges = predicted_error(parts, now, design)
        predicted[more] = PredictedError(
            se=round(se, DIGITS), se_random_judges=rounded(with_judges), judgments=judgments
        )
    return predicted
