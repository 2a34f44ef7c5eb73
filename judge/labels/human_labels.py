"""Report agreement of judge and people, and among people, and the win rate corrected by labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.comparison.derive_report import read_verdicts
from judge.errors import InputError, RunError
from judge.labels.check_labels import LabelCheck, checked_labels
from judge.labels.labels import labels_fingerprint, latest_labels
from judge.labels.people_report import (
    Calibration,
    CalibrationBin,
    CorrectedRate,
    PeopleOnCriterion,
    PeopleReport,
    SideCounts,
    Sides,
)
from judge.outcomes.counted_items import fold_panel
from judge.outcomes.item_features import WantedFields
from judge.outcomes.rates import DIGITS, Basis, Estimate, Ratio, estimate_rate, rounded
from judge.outcomes.tally import CREDITS, HALF, SIDED
from judge.report.judge_agreement import AgreementReport, compare_raters
from judge.report.position_length import SIDES, sides
from judge.runs.evidence import fingerprint_of
from judge.stats.clusters import FEW_UNITS
from judge.stats.prediction_powered import LabelCorrection, Sample, WinRate, correct, labels_needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from judge.labels.draws import Draw
    from judge.outcomes.counted_items import CriterionItems
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Label
    from judge.stats.intervals import Floats

MIN_LABELS = 50
MIN_INFORMED = 0.2
MIN_SIDE = 5
"""least items that people give to each model, for a rate of the judge on them"""
PAIR = 2
FIFTHS = (0.1, 0.3)
"""how far from 1/2 the fifths of [0, 1] end"""


class PeopleReportOptions(NamedTuple):
    """Options of the report."""

    draw: str | None = None
    width: float = 0.1


class _Labels(NamedTuple):
    """The labels on one criterion that count, by item and reader, and the weights of the items of the draw."""

    by_item: dict[str, dict[str, float]]
    weights: dict[str, float]
    readers: tuple[str, ...]


def _draws_by_size(labels: Sequence[Label]) -> list[str]:
    """Return the draws that labels belong to, the one with most labelled items first."""
    items: dict[str, set[str]] = {}
    for label in labels:
        if label.draw is not None:
            items.setdefault(label.draw, set()).add(label.item)
    return sorted(items, key=lambda name: (-len(items[name]), name))


def _on_criterion(
    labels: Sequence[Label], counted: CriterionItems, drawn: Draw | None, asked: PeopleReportOptions
) -> PeopleOnCriterion:
    settled = latest_labels(labels)
    said = _by_item(labels, settled, drawn)
    judged = counted.judged
    items = judged.items["item"].to_list()
    means = np.array([fmean(said.by_item.get(item, {"": np.nan}).values()) for item in items])
    weights = np.array([said.weights.get(item, 0.0) for item in items])
    compared = ~np.isnan(means) & ((weights > 0) | (asked.draw is None))
    known = set(items)
    readers = {reader: sum(label.reader == reader for label in settled) for reader in said.readers}
    calibration = None
    if compared.any() and not np.allclose(_sided(judged), judged.column("credit")):
        calibration = _calibrate(judged, means, weights, compared, drawn=asked.draw is not None)
    corrected, refused = _correction(judged, np.where(compared, means, np.nan), weights, asked)
    return PeopleOnCriterion(
        readers=readers,
        cannot_judge=sum(CREDITS[label.winner] is None for label in settled),
        n_unjudged=len(said.by_item.keys() - known),
        judge=_against_judge(judged, means, weights, compared, drawn=asked.draw is not None),
        calibration=calibration,
        people=_among_people(said, seed=counted.basis.seed),
        corrected=corrected,
        refused=refused,
    )


def _by_item(labels: Sequence[Label], settled: Sequence[Label], drawn: Draw | None) -> _Labels:
    """Gather credits by item; an item is in the draw if any label of it is, whoever labelled it besides."""
    by_item: dict[str, dict[str, float]] = {}
    for label in settled:
        value = CREDITS[label.winner]
        if value is not None:
            by_item.setdefault(label.item, {})[label.reader] = value
    weights = {label.item: drawn.weights[label.item] for label in labels if drawn and label.draw == drawn.name}
    return _Labels(by_item, weights, tuple(sorted({label.reader for label in settled})))


def _against_judge(
    judged: CriterionItems, means: Floats, weights: Floats, compared: NDArray[np.bool_], *, drawn: bool
) -> Sides | None:
    if not compared.any():
        return None
    codes = None if judged.codes is None else judged.codes[compared]
    ratings = np.column_stack([means, _sided(judged)])[compared]
    share = _shares(weights[compared], drawn=drawn)
    unequal = weights[compared] if np.ptp(share) > 0 else None
    on = sides(ratings)
    decided = (on[:, 0] != 1) * share
    same = Ratio((on[:, 0] == on[:, 1]) * decided, decided)
    return Sides(
        agreement=_agreement(compare_raters(ratings, codes, seed=judged.basis.seed, weights=unequal)),
        table=_table(ratings),
        decisive=estimate_rate(same, codes, judged.basis).model_copy(
            update={"n": int((on[:, 0] != 1).sum()), **({} if unequal is None else {"numerator": None})}
        ),
    )


def _sided(judged: CriterionItems) -> Floats:
    """Return a's credits by the most probable verdicts, which tell sides."""
    return judged.items.select(pl.mean_horizontal(SIDED)).to_series().to_numpy()


def _shares(weights: Floats, *, drawn: bool) -> Floats:
    """Return how many items each stands for: one where all weights of the draw are the same, or there is no draw."""
    return weights / weights.mean() if drawn and np.ptp(weights) > 0 else np.ones(len(weights))


def _calibrate(
    judged: CriterionItems, means: Floats, weights: Floats, compared: NDArray[np.bool_], *, drawn: bool
) -> Calibration:
    credit, label, share = judged.column("credit")[compared], means[compared], _shares(weights[compared], drawn=drawn)
    codes = None if judged.codes is None else judged.codes[compared]
    distance = credit - HALF
    fifth = np.sign(distance) * np.searchsorted(FIFTHS, np.abs(distance).round(9))  # the same with the models exchanged
    bins = [
        CalibrationBin(
            n=int(own.sum()),
            credit=round(float(np.average(credit[own], weights=share[own])), DIGITS),
            label=round(float(np.average(label[own], weights=share[own])), DIGITS),
        )
        for own in (fifth == which for which in np.unique(fifth))
    ]
    brier = estimate_rate(Ratio((credit - label) ** 2 * share, share), codes, judged.basis)
    return Calibration(brier=brier, bins=tuple(bins))


def _among_people(said: _Labels, *, seed: int) -> Sides | None:
    items = sorted(item for item, labels in said.by_item.items() if len(labels) >= PAIR)
    if not items:
        return None
    nothing = float("nan")
    ratings = np.array([[said.by_item[item].get(reader, nothing) for reader in said.readers] for item in items])
    ratings = ratings[:, ~np.isnan(ratings).all(axis=0)]
    return Sides(
        agreement=_agreement(compare_raters(ratings, None, seed=seed)),
        table=_table(ratings) if ratings.shape[1] == PAIR else None,
    )


def _agreement(found: Mapping[str, object]) -> AgreementReport:
    return AgreementReport.model_validate({**dict.fromkeys(AgreementReport.model_fields), **found})


def _table(ratings: Floats) -> SideCounts:
    on = sides(ratings)
    counts = np.bincount(on[:, 0] * SIDES + on[:, 1], minlength=SIDES * SIDES).reshape(SIDES, SIDES)
    first, second, third = ((int(row[0]), int(row[1]), int(row[2])) for row in counts)
    return first, second, third


def _correction(
    judged: CriterionItems, labels: Floats, weights: Floats, asked: PeopleReportOptions
) -> tuple[CorrectedRate | None, str | None]:
    """Return the corrected win rate, or why there is none."""
    labelled = ~np.isnan(labels)
    n = int(labelled.sum())
    if asked.draw is None:
        return None, (
            "no item was drawn at random: labels of items that readers chose cannot correct a rate; "
            "draw with `omr-judge packet`, or label with --random"
        )
    if n < MIN_LABELS:
        return None, f"{n} items of draw {asked.draw} have a label and an outcome: it takes {MIN_LABELS}"
    if judged.codes is not None and (units := len(np.unique(judged.codes[labelled]))) < FEW_UNITS:
        return None, f"the labelled items are in {units} clusters: it takes {FEW_UNITS}"
    credits_ = judged.column("credit")
    informed = _informed(credits_[labelled], labels[labelled], weights[labelled])
    if informed is not None and informed < MIN_INFORMED:
        return None, (
            "the judge hardly tells what people prefer: true positive plus true negative rate less 1 is "
            f"{informed:.2f}, below {MIN_INFORMED}; labels alone say more"
        )
    # Strata of a draw have weights of their own; those that share one are sampled alike, and count as one.
    strata = np.unique(weights, return_inverse=True)[1] if np.ptp(weights[labelled]) > 0 else None
    found = correct(Sample(credits_, labels, weights, judged.codes, strata), seed=judged.basis.seed)
    return CorrectedRate(
        judge=judged.mean("credit", complement=True),
        people=_estimate(found.people, found),
        corrected=_estimate(found.corrected, found),
        slope=round(found.slope, 6),
        informed=None if informed is None else rounded(informed),
        n_equivalent=round(found.n_equivalent, 1),
        width=asked.width,
        n_needed=labels_needed(found, width=asked.width, n_items=len(credits_)),
    ), None


def _informed(credits_: Floats, labels: Floats, weights: Floats) -> float | None:
    """Return the judge's mean credit on items that people give to a, less that on items they give to b.

    For an outcome of 0 or 1 it is the true positive rate plus the true negative rate less 1.
    """
    for_a, for_b = labels > HALF, labels < HALF
    if min(for_a.sum(), for_b.sum()) < MIN_SIDE:
        return None
    to_a, to_b = (float(np.average(credits_[side], weights=weights[side])) for side in (for_a, for_b))
    return to_a - to_b


def _estimate(rate: WinRate, found: LabelCorrection) -> Estimate:
    ends = {end: rounded(getattr(rate, end)) for end in ("estimate", "low", "high")}
    return Estimate(**ends, n=found.n_labels, se=rounded(rate.variance**0.5))


def make_people_report(folder: RunFolder, asked: PeopleReportOptions, *, cluster: str | None = None) -> PeopleReport:
    """Compare the labels of a run with its judgments; the same folder gives the same report.

    Args:
        folder: the run.
        asked: which draw, and the width of the interval to plan for.
        cluster: the field whose values make clusters; None: items that share images.

    Raises:
        InputError: no item has that field, or no label that draw.
        RunError: there are no labels, one does not fit the run, or the folder is damaged.
    """
    manifest = folder.manifest()
    check = LabelCheck(folder, manifest)
    labels = list(checked_labels(folder, check))
    if not labels:
        raise RunError(f"{folder.path}: no labels yet; `omr-judge label` and `omr-judge packet` gather them")
    draws = _draws_by_size(labels)
    if asked.draw is not None and asked.draw not in draws:
        raise InputError(f"--draw {asked.draw}", "no label belongs to it", f"draws with labels: {', '.join(draws)}")
    chosen = asked.draw or next(iter(draws), None)
    drawn = None if chosen is None else check.draw(chosen, stored=True)
    latest, subject = read_verdicts(folder, manifest, WantedFields(cluster))
    basis = Basis(manifest.method, manifest.seed)
    found = {
        name: _on_criterion(own, counted, drawn, asked._replace(draw=chosen))
        for name, counted in fold_panel(latest, subject, basis).together.items()
        if (own := [label for label in labels if label.criterion == name])
    }
    return PeopleReport(
        schema_version=1,
        judges=tuple(subject.judges),
        draw=chosen,
        other_draws=tuple(name for name in draws if name != chosen),
        n_items=manifest.n_items - len(manifest.identical),
        unrecorded_draws=tuple(name for name in draws if (one := check.draw(name, stored=True)) and not one.recorded),
        criteria=found,
        fingerprint=labels_fingerprint(labels, run) if (run := fingerprint_of(folder, manifest)) else None,
    )


def counted_items(folder: RunFolder, manifest: Manifest, cluster: str | None = None) -> Mapping[str, CriterionItems]:
    """Fold a run's judgments by criterion as its report does, in the clusters of a field or of shared images."""
    latest, subject = read_verdicts(folder, manifest, WantedFields(cluster))
    return fold_panel(latest, subject, Basis(manifest.method, manifest.seed)).together
