"""The report of people's labels of a run, as data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from judge.outcomes.rates import Estimate
from judge.report.judge_agreement import AgreementReport
from judge.schema import Frozen

SideCounts = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]


class Sides(Frozen):
    """Agreement of two raters on the same items, and counts by side (a, neither, b): rows are the first's."""

    agreement: AgreementReport
    table: SideCounts | None
    """people's side by the judge's; null for more than two readers"""
    decisive: Estimate | None = None
    """of the items that people give to a model, the share that the judge gives to the same one"""


class CalibrationBin(Frozen):
    """Labelled items whose credit by the judge lies in one fifth of [0, 1]."""

    n: int
    """items"""
    credit: float
    """mean credit of a by the judge"""
    label: float
    """mean credit of a by people: the same, were the judge's probabilities true"""


class Calibration(Frozen):
    """How far a judge's probabilities are those of people's labels."""

    brier: Estimate
    """mean squared difference of the judge's credit and people's: 0 is perfect, 0.25 what 1/2 for every item gives"""
    bins: tuple[CalibrationBin, ...]
    """by rising credit; a fifth without items is left out"""


class CorrectedRate(Frozen):
    """The win rate of a, by the judge, by people's labels, and by both."""

    judge: Estimate
    people: Estimate
    corrected: Estimate
    """prediction-powered (PPI++): `n` is the number of labelled items"""
    slope: float
    """coefficient of the judge's deviation on the sample, which is subtracted (see `correct`)"""
    informed: float | None
    """true positive plus true negative rate less 1; null where people give a model fewer than five items"""
    n_equivalent: float
    """how many labels alone would be as precise"""
    width: float
    """of the interval that was asked for"""
    n_needed: int | None
    """labels in all for an interval of that width; null where all items would not do"""


class PeopleOnCriterion(Frozen):
    """Labels on one criterion, their agreement, and the corrected win rate."""

    readers: dict[str, int]
    """labels that count, by reader"""
    cannot_judge: int
    n_unjudged: int
    """labelled items that have no outcome by the judge"""
    judge: Sides | None
    """people's mean label and the judge's outcome; null where no item has both"""
    calibration: Annotated[Calibration | None, Field(exclude_if=lambda found: found is None)] = None
    """of soft verdicts, on the items that judge and people are compared on; absent where all are hard"""
    people: Sides | None
    """readers among themselves; null where no item has two"""
    corrected: CorrectedRate | None
    refused: str | None
    """why there is no corrected win rate"""


class PeopleReport(Frozen):
    """Report of people's labels of a run; derived from its folder alone."""

    schema_version: int
    judges: tuple[str, ...]
    draw: str | None
    """the random sample that judge and people are compared on; null: on all labelled items, which readers chose"""
    other_draws: tuple[str, ...]
    n_items: int
    """that were judged or could be: without those with identical traces"""
    unrecorded_draws: Annotated[tuple[str, ...], Field(exclude_if=lambda draws: not draws)] = ()
    """draws of earlier versions, which kept no record: that they were made before their labels cannot be checked"""
    criteria: dict[str, PeopleOnCriterion]
    fingerprint: Annotated[str | None, Field(exclude_if=lambda found: found is None)] = None
    """hash of what decides the run, of all verdicts and of all labels that count, for `omr-judge verify --against`;
    absent for runs whose lines have no checksums"""
