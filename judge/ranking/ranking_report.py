"""The report of a ranking: everything that a person is told of many models' comparisons."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from judge.costs.spending import Usd
from judge.outcomes.rates import Estimate, Figure
from judge.report.report import Clusters
from judge.schema import Frozen

SCHEMA_VERSION = 1
Left = Annotated[str | None, Field(exclude_if=lambda text: text is None)]


class RankedModel(Frozen):
    """A model's place on one criterion."""

    model: str
    """its name"""
    rank: int
    """from 1; models whose ratings are the same share the better rank"""
    rank_low: int
    """best rank that is not excluded; these intervals hold for all models together"""
    rank_high: int
    """worst rank that is not excluded"""
    rating: Figure
    """log-odds against the average model: all ratings have the mean 0"""
    win_rate: Estimate
    """expected credit against the mean of all other models, in both orders alike; of two models the comparison's own
    win rate; `n` counts judged items over all its pairs, `numerator` its credits there"""
    missing: int
    """items over all its pairs that were asked about and lack a verdict: out of every rate"""


class RankedPair(Frozen):
    """What was seen of two models, and what their ratings say of them."""

    a: str
    """name of the model whose win rate it is"""
    b: str
    """name of the other"""
    runs: tuple[str, ...]
    """the run folders"""
    win_rate: Estimate
    """of a, as a comparison reports it"""
    wins_a: int
    """items that both orders give to a"""
    wins_b: int
    """items that both orders give to b"""
    ties: int
    """items that are ties"""
    splits: int
    """items whose orders disagree"""
    missing: int
    """items that were asked about and lack a verdict"""
    not_asked: int
    """items that nobody was asked about"""
    expected: Figure
    """win rate of a by the ratings"""
    p_a: float | None
    """probability by the ratings that a verdict names a, both orders alike; null where either has no verdict at all"""
    p_tie: float | None
    """probability by the ratings of a tie; null as `p_a`"""
    z: float | None
    """by how many standard errors the win rate is above what the ratings say; null where they follow it exactly or
    are held by the prior, and without a win rate"""


class Triad(Frozen):
    """Three models of which every two were judged."""

    models: tuple[str, ...]
    """in an order in which each leads the next by more than the ratings say, in a circle"""
    log_odds: float
    """by how much the circle does not close, 0 where strengths explain all three pairs"""
    p_adjusted: float | None
    """two-sided, times the number of triads; null where the ratings follow the pairs exactly"""


class RankingFit(Frozen):
    """How far one strength a model explains the pairs."""

    p_value: float | None
    """of the largest deviation of a pair, over all pairs together; null where the ratings follow every pair"""
    held: bool
    """whether the ratings would be infinite and are held by half a win and half a loss of each model against the
    average one"""
    n_triads: int
    """three models of which every two were judged"""
    n_circular: int
    """among them: each has a win rate above one half over the next, in a circle"""
    triads: tuple[Triad, ...]
    """those that deviate most, at most five"""


class PartRanking(Frozen):
    """The ranking within a part of the items, or by one judge."""

    n: int
    """items, counted once for each pair"""
    models: tuple[RankedModel, ...]
    """by rank; empty where there is a problem"""
    problem: Left = None
    """why there is no ranking; absent where there is one"""
    held: bool = False
    """whether the verdicts alone leave a rating infinite, as in `fit`"""


class Moved(Frozen):
    """How far adding models moved another one."""

    model: str
    """its name"""
    rank_before: int
    """without the added models"""
    rank: int
    """with them, among the models that were there before"""
    before: float
    """rating without the added models, log-odds"""
    after: float
    """rating with them"""
    recentred: float
    """the part of the change that is the new average, the same for all models"""
    indirect: float
    """the rest: what the pairs with the added models tell of this one"""


class CriterionRanking(Frozen):
    """The ranking on one criterion."""

    models: tuple[RankedModel, ...]
    """by rank"""
    pairs: tuple[RankedPair, ...]
    """every pair that was asked about, by name"""
    slot: Figure | None
    """advantage of the trace shown first, log-odds; null where it cannot be told from the models"""
    tie: float
    """v: a tie's weight where two equal models win with weight 1 each, without a slot's advantage"""
    fit: RankingFit
    """how far one strength a model explains the pairs"""
    critical: float | None
    """standard errors by which two ratings must differ for one model to be better"""
    n_units: int
    """items, or clusters of them, over which errors are made"""
    subgroups: dict[str, dict[str, PartRanking]]
    """by field and value"""
    strata: dict[str, PartRanking]
    """by whose final answer is right: `both_right`, `one_right`, `both_wrong`; empty without answers"""
    by_judge: dict[str, PartRanking]
    """of a panel: by each judge alone"""
    moved: tuple[Moved, ...]
    """the models that were there before; empty where none is said to be added"""


class CurveStep(Frozen):
    """A checkpoint on the curve."""

    model: str
    """its name"""
    step: float
    """where it stands"""
    difference: Figure
    """its rating less that of the first step, log-odds; the intervals hold for all steps together"""
    win_rate: Figure
    """expected credit against the first step, with the same band"""
    differs: bool
    """whether the band excludes the first step's rating"""
    mean_chars: float | None
    """mean length of its traces as judged, in characters"""
    flagged: float | None
    """share of its traces that are flagged (`omr-judge flags`)"""


class Curve(Frozen):
    """Checkpoints in the order of their steps, on the last criterion."""

    field: str
    """the field that gives the steps"""
    base: str
    """the model of the first step"""
    first_different: str | None
    """the first model whose band excludes the base; null where there is none"""
    steps: tuple[CurveStep, ...]
    """in order, the base first"""
    left_out: tuple[str, ...]
    """models without a step"""


class ErrorSettings(Frozen):
    """How errors of ratings and ranks were made."""

    method: Literal["sandwich", "bootstrap"]
    """`sandwich`: in closed form over units; `bootstrap`: fitted again with multinomial weights of the units"""
    level: float
    """such as 0.95"""
    n_resamples: int
    """how often it was fitted again; the sandwich draws as many errors for the ranks"""
    seed: int
    """of what is drawn"""


class RankingReport(Frozen):
    """Everything that a person is told of a ranking; derived from the run folders alone."""

    schema_version: int
    """another one where a field is renamed or changes its meaning; a field may be added without"""
    models: tuple[str, ...]
    """names, sorted"""
    judges: tuple[str, ...]
    """names of the judges; several are a panel"""
    prompt: str | None
    """name and version; null for imported runs"""
    rubric: str
    """name and version"""
    runs: tuple[str, ...]
    """the run folders"""
    design: str | None
    """how a tournament chose what to judge, as a sentence; null for runs that were named"""
    n_items: int
    """different items, by their content"""
    n_judgments: int
    """requests that have a judgment"""
    n_failed: int
    """among them: without verdicts"""
    n_not_asked: int
    """requests that have no judgment"""
    failures: dict[str, int]
    """failed judgments by kind"""
    usd: Usd | None
    """what all replies cost; null where a price is unknown, and for imported runs"""
    errors: ErrorSettings
    """how errors of ratings and ranks were made"""
    clusters: Clusters
    """the units of every interval"""
    criteria: dict[str, CriterionRanking]
    """by criterion, in the rubric's order"""
    curve: Curve | None
    """where it was asked for"""
    warnings: tuple[str, ...]
    """what a reader must know, in words"""
