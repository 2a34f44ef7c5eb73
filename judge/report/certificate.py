"""The certificate of a judge, and how it stands with the judges of a run: the one owner of its words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from judge.outcomes.rates import Estimate, Figure
from judge.schema import Frozen


class CertificateWord(StrEnum):
    """How it stands with a judge, or with the judges of a run together: the worst of them."""

    CERTIFIED = "certified"
    """every criterion's catch rate is shown to be above the floor, and the rate of false alarms below its limit"""
    TOO_FEW = "too few"
    """one of them is neither shown nor, with as many edits as it takes, missed"""
    NOT_CERTIFIED = "not certified"
    """one of them is missed, or one error moves all criteria"""
    OTHER_JUDGE = "other judge"
    """the certificate is of another model, prompt, rubric, setting or image policy than the run's"""


class Finding(StrEnum):
    """What the matrix says of a judge beside the word."""

    SLOT = "picks one slot"
    LONGER = "prefers the longer trace"
    SHORTER = "prefers the shorter trace"
    HALO = "one error moves all criteria"
    TEXT_ONLY = "catches perception errors without the image: from the text"
    BLIND = "misses"
    """with the operators, or the criterion, that it misses"""


class PlantedRow(Frozen):
    """The edits of one kind, and what the judge made of them."""

    n: int
    """pairs with verdicts in both orders on the criterion that the edits are of"""
    missing: int
    """pairs without them: in no rate"""
    criterion: str
    """the criterion of the run's rubric that the edits are of; `overall` where it has no criterion of that name"""
    moved: dict[str, Estimate]
    """by criterion: pairs in which both orders prefer the original; of placebos: in which both prefer the same trace"""
    reversed: Estimate
    """pairs in which both orders prefer the edited trace, on the edits' own criterion"""
    low: float
    """one-sided exact lower bound of the rate on its own criterion, of level 95 %"""
    high: float
    """its upper bound"""
    word: CertificateWord | None
    """whether that rate passes; null where none is asked of it"""


class OperatorRow(Frozen):
    """The edits of one operator."""

    n: int
    """pairs with verdicts on its criterion"""
    caught: int
    """pairs in which both orders prefer the original"""


class JudgeCertificate(Frozen):
    """What the planted errors show of one judge."""

    key: str
    """SHA-256 of what its verdicts depend on: model, settings, prompt, rubric, and what of an item it is shown"""
    served: tuple[str, ...]
    """the models that its replies name"""
    word: CertificateWord
    """certified, too few, or not certified"""
    rows: dict[str, PlantedRow]
    """by kind of edit: perception, knowledge, rationale, omission, and placebo"""
    operators: dict[str, OperatorRow]
    """by the criterion and name of an operator, with a dot between"""
    halo: Figure | None
    """the mean rate at which criteria move that the error is not of, over the rate at which its own does, over items;
    null where the rubric has one criterion, or none is caught"""
    parts: dict[str, PlantedRow]
    """perception errors asked again without the image, and with another item's, by the control's name"""
    findings: tuple[str, ...]
    """what the matrix says of the judge, each beginning with a `Finding`"""


class Certificate(Frozen):
    """A certificate, bound to its judges by their keys; `certificate.json` of a run folder."""

    format_version: Literal[1] = 1
    run: str
    """name of the run that asked about the planted errors"""
    date: str
    """UTC, ISO 8601: when that run was made"""
    floor: float
    """the catch rate that is to be shown; false alarms are to stay below 1 - floor"""
    items_sha256: str
    """hash of the pairs that were asked about"""
    operators_sha256: str
    """hash of the operators' files"""
    n_items: int
    """pairs that were asked about"""
    people: str = ""
    """what people who read the planted pairs said of them; empty where nobody did"""
    judges: dict[str, JudgeCertificate]
    """by name"""


class CertificateStanding(Frozen):
    """How a certificate stands with the judges of a run."""

    word: CertificateWord
    """of all judges of the run together: the worst"""
    run: str
    """name of the run that asked about the planted errors"""
    date: str
    """when it was made, UTC"""
    detail: str
    """in words: the rates, what the matrix says, or what differs"""


class AskedJudge(Frozen):
    """A judge as a run asked it."""

    key: str
    """as of `JudgeCertificate`"""
    served: tuple[str, ...]
    """the models that its replies name"""


_WORST_LAST = list(CertificateWord)


def standing(certificate: Certificate, asked: Mapping[str, AskedJudge]) -> CertificateStanding:
    """Hold a certificate against the judges of a run; a judge is another where its replies name another model, too.

    Args:
        certificate: of any run.
        asked: the judges of this one, by name.
    """
    words, details = [], []
    for name, judge in asked.items():
        known = next((one for one in certificate.judges.values() if one.key == judge.key), None)
        if known is None or not set(judge.served) <= set(known.served):
            words.append(CertificateWord.OTHER_JUDGE)
            of = ", ".join(certificate.judges)
            details.append(f"{name} is asked otherwise, or answers as another model, than the judge of it ({of})")
        else:
            words.append(known.word)
            details.append(f"{name}: {judge_words(known)}{certificate.people and f'; {certificate.people}'}")
    word = max(words, key=_WORST_LAST.index, default=CertificateWord.OTHER_JUDGE)
    return CertificateStanding(
        word=word, run=certificate.run, date=certificate.date[:10], detail="; ".join(details) or "no judge is known"
    )


def judge_words(judge: JudgeCertificate) -> str:
    """Return what a certificate says of a judge: its rates of planted edits, and what the matrix says."""
    rates = [f"{kind} {_count(row)}" for kind, row in judge.rows.items() if kind != "placebo"]
    placebo = judge.rows.get("placebo")
    alarms = "" if placebo is None else f"; false alarms {_count(placebo)}"
    return "; ".join([f"of planted edits it catches {', '.join(rates) or 'none'}{alarms}", *judge.findings])


def _count(row: PlantedRow) -> str:
    moved = row.moved[row.criterion].numerator or 0
    return f"{moved:.0f} of {row.n}"


def certificate_line(found: CertificateStanding) -> str:
    """Return the one line that a report prints of a certificate beside its win rate."""
    return f"Certificate: {found.word} ({found.run}, {found.date}): {found.detail}."
