"""The sentences of a ranking: what its columns mean, how far it fits, what it says, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.special import expit

from judge.outcomes.tally import HALF
from judge.tables import words

if TYPE_CHECKING:
    from judge.ranking.ranking_report import CriterionRanking, RankingReport

LEGEND = (
    "Rank with its interval, all of which hold together; rating: log-odds against the average model; win rate: "
    "expected credit against the mean of the other models, both orders alike; credit, items: as judged, over all "
    "pairs; missing: items asked about without a verdict, out of every rate"
)
MATRIX = "Win rate of the row's model against the column's by the ratings, and the items that the two were judged on"
PAIRS = (
    "Win rate of the first model as judged; W, L: items that both orders give to it, to the other; T: both orders tie; "
    "split: the orders disagree; expected: win rate by the ratings; z: standard errors between the two"
)

HELD = (
    "A rating is infinite by the verdicts alone: half a win and half a loss against the average model hold the ratings"
)


def fit_words(found: CriterionRanking) -> str:
    """Say how far one strength a model explains the pairs, and how the judge leans to the first slot."""
    fit, texts = found.fit, []
    if fit.p_value is not None:
        texts.append(f"largest deviation of a pair from the ratings: {words.p_text(fit.p_value)}")
    if fit.n_triads:
        texts.append(f"{fit.n_circular} of {fit.n_triads} triads run in a circle")
    texts += [
        f"beyond the ratings {one} beats {two}, {two} {three}, and {three} {one} ({words.p_text(triad.p_adjusted)})"
        for triad in fit.triads
        for one, two, three in (triad.models,)
        if triad.p_adjusted is not None and triad.p_adjusted < HALF / 10
    ]
    if found.slot and found.slot.estimate is not None:
        share = 100 * float(expit(found.slot.estimate))
        texts.append(f"position bias: the first of two equal traces has {share:.1f} % of the decisive verdicts")
    told = "; ".join(texts)
    return told[:1].upper() + told[1:]


def conclusion(report: RankingReport) -> str:
    """Return the ranking on the last criterion in a sentence."""
    name, found = list(report.criteria.items())[-1]
    places = [
        f"{one.rank}. {one.model}" + ("" if one.rank_low == one.rank_high else f" ({one.rank_low} to {one.rank_high})")
        for one in found.models
    ]
    open_ = any(one.rank_low != one.rank_high for one in found.models)
    told = "in brackets the ranks not excluded at 95 %" if open_ else "no other ranks at 95 %"
    return f"On {name}, by {', '.join(report.judges)}: {', '.join(places)}; {told}."


def basis(report: RankingReport) -> str:
    """Return what a ranking rests on, in sentences."""
    made = f"with prompt {report.prompt} and rubric {report.rubric}" if report.prompt else "elsewhere, and imported"
    clusters = f" in {report.clusters.n} clusters by {report.clusters.field}" if report.clusters.field else ""
    errors = "in closed form (sandwich)"
    if report.errors.method == "bootstrap":
        errors = f"by fitting again with multinomial weights ({report.errors.n_resamples:,} resamples)"
    units = f"clusters ({report.clusters.field})" if report.clusters.field else "items"
    judged = words.count(report.n_judgments, "judgment")
    items = f"{words.count(report.n_items, 'item')}{clusters}"
    counts = f"{judged}, {report.n_failed} failed, {report.n_not_asked} not asked"
    design = f" {report.design}" if report.design else ""
    return (
        f"Davidson's model of {len(report.models)} models in {words.count(len(report.runs), 'run')}, judged by "
        f"{', '.join(report.judges)}, {made}: {items}, {counts}.{design} Rates are in "
        f"percent, with 95 % intervals over {units}, {errors}, seed {report.errors.seed}; ranks by the largest "
        "difference of all (max-T)."
    )
