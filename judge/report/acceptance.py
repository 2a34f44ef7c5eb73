"""Which items can be accepted as judged with a bounded share of errors, by people's labels of a random sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from judge.outcomes.tally import HALF, side
from judge.schema import Frozen, Outcome
from judge.stats.exact_bounds import ALPHA, clopper_pearson, least_trials

if TYPE_CHECKING:
    from judge.outcomes.counted_items import CriterionItems


class Acceptance(Frozen):
    """What of a run can be accepted as judged on the overall criterion, and what is left to people."""

    error: float
    """the share of accepted items on which people would say otherwise, that is not to be exceeded"""
    level: float
    """how surely it is not: such as 0.95"""
    criterion: str
    """the rubric's last"""
    draw: str
    """the random sample whose labels were used"""
    n_items: int
    """items of the run that were judged, or should have been"""
    n_accepted: int
    """items that can be accepted"""
    n_labels: int
    """labelled items among them"""
    n_wrong: int
    """labelled items among them on which people said otherwise than the judge"""
    bound: float | None
    """exact upper bound of the share of errors among the accepted; null where none are"""
    rest: tuple[str, ...]
    """the other items, for people to judge, in the order of the run"""


def confidence(counted: Mapping[str, CriterionItems]) -> pl.DataFrame:
    """Return how sure each item's outcome on the last criterion is: columns item, outcome and sure.

    From 0 on: how far the credit lies from one half, twice, or 1 at a tie of both orders; plus the share of the other
    criteria that lie on its side, less that of those on the other one. Splits are never sure: null. It depends on the
    judge's verdicts alone, so that labels may choose a level of it.
    """
    *others, overall = counted
    items = counted[overall].judged.items.select("item", "outcome", "credit", leaning=side("credit"))
    for name in others:
        other = counted[name].judged.items.select("item", side("credit").alias(name))
        items = items.join(other, on="item", how="left", maintain_order="left")
    agreeing = pl.sum_horizontal(
        pl.lit(0.0), *((1 - (pl.col(name).fill_null(0) - pl.col("leaning")).abs()) for name in others)
    ) / max(1, len(others))
    distance = pl.when(pl.col("leaning") == 0).then(1.0).otherwise(2 * (pl.col("credit") - HALF).abs())
    sure = pl.when(pl.col("outcome") != Outcome.SPLIT).then((distance + agreeing).round(9))
    return items.select("item", pl.col("outcome").cast(pl.String), sure=sure)


def choose_level(sure: pl.DataFrame, right: Mapping[str, bool], *, error: float) -> float | None:
    """Return the lowest level of confidence at which the share of errors is shown to be at most `error`; None: at none.

    Levels are tested from the surest down, by Clopper and Pearson's bound of the labelled items at or above them, until
    one is not passed (fixed-sequence testing: Angelopoulos et al., "Learn then test", Annals of Applied Statistics 19,
    2025). So the bound holds for the level that is chosen. A level at which even labels without an error would be too
    few is not tested.

    Args:
        sure: rows of `confidence`.
        right: by labelled item, whether people say what the judge says; the labels of a simple random sample.
        error: in (0, 1).
    """
    chosen = None
    known = sure.drop_nulls("sure")
    for level in known["sure"].unique().sort(descending=True):
        own = [right[item] for item in known.filter(pl.col("sure") >= level)["item"] if item in right]
        if len(own) < least_trials(error):
            continue
        if clopper_pearson(own.count(False), len(own)).high > error:
            break
        chosen = float(level)
    return chosen


def accept(
    counted: Mapping[str, CriterionItems], right: Mapping[str, bool], items: tuple[str, ...], *, error: float, draw: str
) -> Acceptance:
    """Say which items can be accepted.

    Args:
        counted: folded items by criterion.
        right: as for `choose_level`.
        items: of the run, in its order, those without a verdict among them.
        error: that is not to be exceeded.
        draw: the labels' sample.
    """
    sure = confidence(counted)
    level = choose_level(sure, right, error=error)
    accepted = set() if level is None else set(sure.filter(pl.col("sure") >= level)["item"])
    own = [right[item] for item in sorted(accepted) if item in right]
    bound = clopper_pearson(own.count(False), len(own)).high if own else None
    return Acceptance(
        error=error,
        level=1 - ALPHA,
        criterion=list(counted)[-1],
        draw=draw,
        n_items=len(items),
        n_accepted=len(accepted),
        n_labels=len(own),
        n_wrong=own.count(False),
        bound=None if bound is None else round(bound, 6),
        rest=tuple(item for item in items if item not in accepted),
    )


SHOWN_ITEMS = 20


def acceptance_line(found: Acceptance) -> str:
    """Return what can be accepted in a sentence, with the first items that are left to people."""
    shown = ", ".join(found.rest[:SHOWN_ITEMS])
    more = f", and {len(found.rest) - SHOWN_ITEMS} more (--json lists them)" if len(found.rest) > SHOWN_ITEMS else ""
    left = f" For people: {shown}{more}." if found.rest else ""
    if found.bound is None:
        few = f"the labels of {found.draw} do not show an error of at most {100 * found.error:g} % on any items"
        return f"Accept none of {found.n_items} items: {few}.{left}"
    share = f"{found.n_accepted} of {found.n_items} items ({100 * found.n_accepted / found.n_items:.0f} %)"
    labels = f"people say otherwise on {found.n_wrong} of {found.n_labels} labelled ones"
    return (
        f"Accept {share} as judged on {found.criterion}: {labels}, at most {100 * found.bound:.1f} % of all "
        f"({100 * found.level:g} % bound).{left}"
    )
