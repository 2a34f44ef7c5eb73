"""What became of a judge since some pairs were frozen: flips, a changed win rate, and a change parted in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from judge.comparison.certificates import judge_key
from judge.comparison.derive_report import item_features, read_verdicts
from judge.errors import InputError
from judge.outcomes.counted_items import CriterionItems, fold_panel
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import LatestJudgments, latest_judgments
from judge.outcomes.rates import Basis, Estimate, Figure, rounded_p
from judge.report.control_effect import JudgeVerdicts, difference, item_states
from judge.schema import Frozen
from judge.stats.significance import ALPHA, fair_tail, signs

if TYPE_CHECKING:
    from judge.outcomes.item_features import ItemFeatures
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder

SAMPLES = 2
"""replies for each anchor and order: the second tells how often the judge contradicts itself"""
N_TESTS = 2
"""of drift: flips, and the win rate; each at 5 % over their number"""


class DriftWord(StrEnum):
    """Whether a judge is shown to have changed."""

    DRIFTED = "drifted"
    NO_DRIFT = "no drift shown"


class CriterionDrift(Frozen):
    """What the anchors show of a judge on one criterion, over the items with verdicts of both times."""

    n: int
    """anchors compared"""
    flips: Estimate
    """share of them with another outcome than then"""
    repeats: Estimate
    """share of them with another outcome when asked once more now: the judge's own noise"""
    beyond: Figure
    """flips less repeats"""
    beyond_p: float
    """one-sided, of the exact sign test over units that there are no more flips than repeats"""
    shift: Figure
    """the win rate of a now, less that of then"""
    shift_p: float
    """two-sided, of the sign-flip test over units that it has not changed"""
    word: DriftWord
    """whether either test shows a change at 5 % over both"""


class PartedChange(Frozen):
    """The change of a win rate from the anchors to a later run, over the items of both, parted in two."""

    n: int
    """items of both"""
    total: Figure
    """the later run's win rate of a, less the anchors' of then"""
    judge: Figure
    """of it, the judge's part: the anchors' win rate now, less that of then"""
    models: Figure
    """of it, the models' part: the later run's win rate, less the anchors' now"""


class DriftReport(Frozen):
    """What became of a judge since some pairs were frozen."""

    anchor: str
    """the run of the frozen pairs"""
    run: str
    """the run that asked again"""
    model: str
    """the model whose win rate it is: a of the anchors"""
    judges: dict[str, str]
    """the judge of now, by that of then"""
    criteria: dict[str, dict[str, CriterionDrift]]
    """by judge of now, and criterion"""
    parted: dict[str, PartedChange] | None
    """by judge of now, on the overall criterion; null without a later run"""
    notes: tuple[str, ...]
    """what a reader must know"""


def judges_of_then(base: Manifest, now: Sequence[str]) -> dict[str, str]:
    """Return which judge of the anchors each judge of now is held against; InputError where that cannot be told."""
    then = [judge.name for judge in base.judges]
    if not all(name in then for name in now) and len(then) > 1:
        hint = f"leave --judge out for {', '.join(then)}, or anchor a run of one judge"
        raise InputError("--judge", "the anchors have several judges: none is the one to be replaced", hint)
    return {name: name if name in then else then[0] for name in now}


def report_drift(anchor: RunFolder, again: RunFolder, later: RunFolder | None = None) -> DriftReport:
    """Hold what a judge says now against what was said then.

    Args:
        anchor: the frozen pairs.
        again: the same, asked again, with two replies each.
        later: a run of newer models on the same items.

    Raises:
        InputError: the later run has none of the items, or no such criterion.
    """
    base, manifest = anchor.manifest(), again.manifest()
    features = item_features(again, manifest, WantedFields())
    basis = Basis(manifest.method, manifest.seed)
    old, new = latest_judgments(anchor.judgments()), latest_judgments(again.judgments())
    names = [criterion.name for criterion in manifest.rubric.criteria]
    pairs = judges_of_then(base, [judge.name for judge in manifest.judges])
    criteria = {
        now: {
            name: drift_on(CriterionItems.of(_compared(old.of(then), new.of(now), base, name), features, basis))
            for name in names
        }
        for now, then in pairs.items()
    }
    notes = [
        f"the replies of {now} name {_served(new.of(now))}, and those of then {_served(old.of(then))}"
        for now, then in pairs.items()
        if _served(new.of(now)) != _served(old.of(then))
    ]
    parted = None
    if later is not None:
        parted = {}
        for now, then in pairs.items():
            items = _compared(old.of(then), new.of(now), base, names[-1])
            parted[now] = _part(items, later, names[-1], features, basis)
            if _keys(manifest)[now] not in _keys(later.manifest()).values():
                notes.append(f"{later.name} was not judged by {now} as it is asked here: the models' part holds that")
    return DriftReport(
        anchor=anchor.name,
        run=again.name,
        model=base.model_a,
        judges=pairs,
        criteria=criteria,
        parted=parted,
        notes=tuple(notes),
    )


def _compared(old: LatestJudgments, new: LatestJudgments, base: Manifest, criterion: str) -> pl.DataFrame:
    """Return one row an anchor with verdicts of then and twice now: flips, repeats, beyond, and credits."""
    first, second = (
        replace(new, requests=new.requests.filter(pl.col("sample") == sample)) for sample in range(SAMPLES)
    )
    then, now, again = (item_states(JudgeVerdicts(latest, base.orders), criterion) for latest in (old, first, second))
    flips, repeats = (pl.col("state") != pl.col(f"state_{other}") for other in ("then", "again"))
    return (
        now.join(then, on="item", suffix="_then", maintain_order="left")
        .join(again, on="item", suffix="_again", maintain_order="left")
        .select(
            "item", flips=flips.cast(pl.Float64), repeats=repeats.cast(pl.Float64), now="credit", then="credit_then"
        )
        .with_columns(beyond=pl.col("flips") - pl.col("repeats"), shift=pl.col("now") - pl.col("then"))
    )


def drift_on(counted: CriterionItems) -> CriterionDrift:
    """Test whether a judge has changed: columns flips, repeats, beyond and shift of `counted`."""
    more, fewer = signs(counted.unit_sums(counted.column("beyond"))[0])
    beyond_p = float(fair_tail(np.array(more), more + fewer)) if more + fewer else 1.0
    shift_p = counted.sign_flip(np.nan_to_num(counted.column("shift"))).p_value if len(counted.items) else 1.0
    return CriterionDrift(
        n=len(counted.items),
        flips=counted.mean("flips"),
        repeats=counted.mean("repeats"),
        beyond=difference(counted, "beyond"),
        beyond_p=rounded_p(beyond_p),
        shift=difference(counted, "shift", of_a=True),
        shift_p=rounded_p(shift_p),
        word=DriftWord.DRIFTED if min(beyond_p, shift_p) <= ALPHA / N_TESTS else DriftWord.NO_DRIFT,
    )


def _part(
    items: pl.DataFrame, later: RunFolder, criterion: str, features: ItemFeatures | None, basis: Basis
) -> PartedChange:
    manifest = later.manifest()
    latest, subject, *_ = read_verdicts(later, manifest)
    if criterion not in subject.criteria:
        raise InputError("--against", f"{later.name} has no criterion {criterion}", "name a run of the same rubric")
    other = fold_panel(latest, subject, basis).together[criterion].items.select("item", later="credit")
    both = items.join(other, on="item", maintain_order="left").with_columns(
        total=pl.col("later") - pl.col("then"), models=pl.col("later") - pl.col("now")
    )
    if both.is_empty():
        raise InputError("--against", f"{later.name} has none of the anchors' items", "name a run on the same items")
    counted = CriterionItems.of(both, features, basis)
    figures = {name: difference(counted, column, of_a=True) for name, column in _PARTS.items()}
    return PartedChange(n=len(both), **figures)


_PARTS = {"total": "total", "judge": "shift", "models": "models"}


def _served(latest: LatestJudgments) -> str:
    return ", ".join(sorted(map(str, latest.requests["model"].drop_nulls().unique()))) or "none"


def _keys(manifest: Manifest) -> dict[str, str]:
    """Return the key of each judge of a run, by name; none of judgments that were made elsewhere."""
    return {judge.name: judge_key(manifest, judge) for judge in manifest.judges} if manifest.prompt else {}


def drift_lines(found: DriftReport) -> Iterator[str]:
    """Yield what a drift report says, a line each; the word on the overall criterion last."""
    for now, criteria in found.criteria.items():
        for name, own in criteria.items():
            flips = f"flips {_percent(own.flips)} %, its own repeats {_percent(own.repeats)} %"
            shift = f"win rate of {found.model} changed by {_points(own.shift)} (p = {own.shift_p:.2g})"
            yield f"{name}: {flips}, beyond them {_points(own.beyond)} (p = {own.beyond_p:.2g}); {shift}"
        if found.parted:
            part = found.parted[now]
            yield (
                f"Change of the win rate to the later run, {part.n} items: {_points(part.total)}; "
                f"of it the judge {_points(part.judge)}, the models {_points(part.models)}"
            )
        then = found.judges[now]
        overall = list(criteria.values())[-1]
        by = now if now == then else f"{now} in place of {then}"
        yield f"{by}: {overall.word} on {list(criteria)[-1]}, over {overall.n} anchors of {found.anchor}"
    yield from (f"Note: {note}" for note in found.notes)


def _percent(rate: Estimate) -> str:
    return "-" if rate.estimate is None else f"{100 * rate.estimate:.1f}"


def _points(figure: Figure) -> str:
    if figure.estimate is None:
        return "-"
    interval = (
        "" if figure.low is None or figure.high is None else f" [{100 * figure.low:+.1f}, {100 * figure.high:+.1f}]"
    )
    return f"{100 * figure.estimate:+.1f}{interval} points"
