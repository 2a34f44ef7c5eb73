"""Two instruments side by side: pairwise preference and the difference of checklist scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.outcomes.counted_items import CriterionItems, cluster_codes
from judge.outcomes.estimates import DIGITS, Estimate, Ratio, estimate_rate
from judge.outcomes.tally import HALF
from judge.report.judge_agreement import AgreementReport, compare_raters
from judge.report.position_length import SIDES, sides
from judge.schema import Frozen, Group

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

TRACE_SCORE = "trace_score"
SIDE_NAMES = ("a", "neither", "b")


class Disagreement(Frozen):
    """An item that the two instruments give to different models."""

    item: str
    """its id"""
    preferred: str
    """`a` or `b`, by the pairwise judgments"""
    score_a: float
    """checklist score of a, in [0, 1]"""
    score_b: float
    """checklist score of b"""


class Instruments(Frozen):
    """Both instruments on one criterion, over the items that both speak of."""

    figure: str
    """the checklist's figure that stands beside the criterion"""
    n: int
    """items that both speak of"""
    preference: Estimate
    """win rate of a over these items"""
    table: dict[str, dict[str, int]]
    """items by who is preferred (outer) and whose checklist score is higher (inner): a, neither or b"""
    agreement: AgreementReport
    """of the two instruments, three sides each"""
    same_side: Estimate
    """share of items that both give to the same model, among those that both give to one"""
    disagreements: tuple[Disagreement, ...]
    """the widest difference of scores first"""


def figure_of(criterion: str, *, overall: bool) -> str | None:
    """Return the checklist's figure that measures what a criterion asks; None where it has none."""
    if criterion in set(Group):
        return f"{criterion}_score"
    return TRACE_SCORE if overall else None


def compare_instruments(
    counted: Mapping[str, CriterionItems], scores_a: pl.DataFrame, scores_b: pl.DataFrame
) -> dict[str, Instruments]:
    """Compare a comparison with two checklist scores, by criterion.

    Args:
        counted: folded items of each criterion, the rubric's last being the overall one.
        scores_a: rows of `Scores.items`.
        scores_b: the same for model b.

    Returns:
        Only criteria that have a figure, and items that both instruments speak of.
    """
    last = list(counted)[-1]
    figures = {name: figure_of(name, overall=name == last) for name in counted}
    return {
        name: _instruments(counted[name], figure, scores_a, scores_b)
        for name, figure in figures.items()
        if figure is not None
    }


def _instruments(counted: CriterionItems, figure: str, scores_a: pl.DataFrame, scores_b: pl.DataFrame) -> Instruments:
    items = counted.judged.items.select("item", "cluster", "credit")
    for name, scores in (("a", scores_a), ("b", scores_b)):
        scored = scores.select("item", pl.col(figure).alias(name)).drop_nulls()
        items = items.join(scored, on="item", maintain_order="left")
    credit, a, b = (items[name].to_numpy() for name in ("credit", "a", "b"))
    differences = (a - b).round(DIGITS)
    ratings = np.column_stack([credit, HALF * (1 + np.sign(differences))])
    own = CriterionItems(items, cluster_codes(items), counted.basis)
    found = compare_raters(ratings, own.codes, seed=counted.basis.seed)
    on = np.asarray(sides(ratings)).reshape(-1, 2)
    return Instruments(
        figure=figure,
        n=len(items),
        preference=own.mean("credit", complement=True),
        table=_table(on),
        agreement=AgreementReport.model_validate({"n": 0, **found}),
        same_side=estimate_rate(_same_side(on), own.codes, own.basis),
        disagreements=_disagreements(items, on, differences),
    )


def _table(on: Codes) -> dict[str, dict[str, int]]:
    counts = np.bincount(on[:, 0] * SIDES + on[:, 1], minlength=SIDES * SIDES).reshape(SIDES, SIDES)
    return {
        preferred: {scored: int(counts[row, column]) for column, scored in enumerate(SIDE_NAMES)}
        for row, preferred in enumerate(SIDE_NAMES)
    }


def _same_side(on: Codes) -> Ratio:
    """Return whether both instruments name the same model, over the items in which each names one."""
    middle = SIDES // 2
    decided = (on != middle).all(axis=1)
    return Ratio((decided & (on[:, 0] == on[:, 1])).astype(float), decided.astype(float))


def _disagreements(items: pl.DataFrame, on: Codes, differences: Floats) -> tuple[Disagreement, ...]:
    opposite = np.flatnonzero(np.abs(on[:, 0] - on[:, 1]) == SIDES - 1)
    widest = opposite[np.argsort(-np.abs(differences[opposite]), kind="stable")]
    return tuple(
        Disagreement(
            item=row["item"],
            preferred=SIDE_NAMES[side],
            score_a=round(row["a"], DIGITS),
            score_b=round(row["b"], DIGITS),
        )
        for row, side in zip(items[widest].iter_rows(named=True), on[widest, 0], strict=True)
    )
