"""A gate on a comparison: pass, fail, or not enough evidence, by tests that hold however often one looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.comparison.derive_report import make_report, read_verdicts
from judge.enums import Orders
from judge.outcomes.counted_items import Subject, fold_panel
from judge.outcomes.item_features import WantedFields
from judge.outcomes.rates import Basis
from judge.report.certificate import CertificateWord, certificate_line
from judge.report.judge_signal import Signal
from judge.runs.manifest import chosen_criteria
from judge.schema import Frozen
from judge.stats.clusters import HALF
from judge.stats.sequential import ALPHA, UnitCredits, confidence_sequence, is_decided, log_wealth, units_needed

if TYPE_CHECKING:
    from judge.report.certificate import Certificate, CertificateStanding
    from judge.report.criterion import CriterionReport
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder


class GateWord(StrEnum):
    """The outcome of a gate, or of one of its conditions; a gate's is the worst of its conditions', in this order."""

    FAIL = "fail"
    UNKNOWN = "not enough evidence"
    PASS = "pass"  # noqa: S105 - no password


class GateOptions(NamedTuple):
    """What a run must show."""

    not_worse_than: float | None = None
    """the win rate of a is above one half less this margin"""
    better: bool = False
    """the win rate of a is above one half"""
    criteria: tuple[str, ...] = ()
    """on which criteria, each of them; empty: the overall one"""
    require_certificate: bool = False
    max_missing: float = 0.02
    """the largest share of the asked items that may have no verdict"""
    cluster: str | None = None
    """field whose values make units, as in `report`"""


class GateCondition(Frozen):
    """One condition of a gate."""

    name: str
    """what is to be shown"""
    word: GateWord
    """whether it is"""
    detail: str
    """by which numbers"""
    items_needed: int | None = None
    """how many more items like those judged so far would decide; null where it is decided, or none would"""


class GateReport(Frozen):
    """The outcome of a gate with each of its conditions."""

    run: str
    """the run's name"""
    model: str
    """the model that is held to the conditions: a of the run"""
    against: str
    """the model that it is compared with: b"""
    word: GateWord
    """the worst of the conditions'"""
    conditions: tuple[GateCondition, ...]
    """each of them"""
    items_needed: int | None
    """how many more items the slowest condition needs; null where none is waited for, or none would decide"""


def check_gate(folder: RunFolder, options: GateOptions, certificate: Certificate | None = None) -> GateReport:
    """Hold a run against the conditions of a gate; the same folder gives the same outcome.

    Args:
        folder: a comparison, judged in part or whole.
        options: the conditions.
        certificate: of the judge; None: the run's own, where it has one.

    Raises:
        InputError: the run has no such criterion or field.
        RunError: the folder is damaged, or no comparison.
    """
    manifest = folder.manifest()
    criteria = [criterion.name for criterion in chosen_criteria(manifest, options.criteria)]
    wanted = WantedFields(options.cluster)
    made = make_report(folder, wanted=wanted, certificate=certificate)
    latest, subject, *_ = read_verdicts(folder, manifest, wanted)
    counted = fold_panel(latest, subject, Basis(manifest.method, manifest.seed)).together
    conditions: list[GateCondition] = []
    for name in criteria:
        sums, sizes = counted[name].unit_sums(counted[name].column("credit"))
        units = UnitCredits(sums, sizes, _largest_unit(subject))
        conditions += _win_rate_conditions(name, units, made.criteria[name], options)
        asked = n_asked(latest.on(name), manifest) + subject.n_identical
        missing = max(0, asked - len(counted[name].items))
        conditions.append(_missing_condition(name, missing, asked, options.max_missing))
    if options.require_certificate:
        conditions.append(certificate_condition(made.certificate))
    waited = [one.items_needed for one in conditions if one.word is GateWord.UNKNOWN]
    needed = None if not waited or None in waited else max(n for n in waited if n is not None)
    return GateReport(
        run=folder.name,
        model=manifest.model_a,
        against=manifest.model_b,
        word=min((one.word for one in conditions), key=list(GateWord).index),
        conditions=tuple(conditions),
        items_needed=needed,
    )


def _largest_unit(subject: Subject) -> float:
    """Return the number of items of the largest cluster that is planned: it does not depend on what is judged yet."""
    clusters = subject.features.items["cluster"].drop_nulls() if subject.features else pl.Series(dtype=pl.String)
    return float(max(Counter(clusters).values(), default=1))


def n_asked(said: pl.DataFrame, manifest: Manifest) -> int:
    """Return how many items have been asked about wholly: each request has an answer, or failed.

    Args:
        said: rows of `LatestJudgments.on`.
        manifest: of the run; of judgments made elsewhere every item that has one counts.
    """
    per_item = len(manifest.judges) * manifest.samples * (2 if manifest.orders is Orders.BOTH else 1)
    requests = said.group_by("item").agg(n=pl.struct("judge", "sample", "order").n_unique())
    return int((requests["n"] >= max(1, per_item)).sum())


def _win_rate_conditions(
    name: str, units: UnitCredits, row: CriterionReport, options: GateOptions
) -> Iterator[GateCondition]:
    floors = {}
    if options.not_worse_than is not None:
        floors = {f"not worse by more than {options.not_worse_than:g}": HALF - options.not_worse_than}
    if options.better:
        floors["better"] = HALF
    for what, floor in floors.items():
        found = decide(units, floor)
        if row.signal is Signal.NO_SIGNAL:
            silent = "the judge shows no signal: its verdicts say nothing of the models, however many there are"
            found = found._replace(word=GateWord.UNKNOWN, detail=f"{silent}; {found.detail}", items_needed=None)
        yield GateCondition(name=f"{name}: {what}", **found._asdict())


class Decision(NamedTuple):
    """Whether a win rate is shown to be above a floor."""

    word: GateWord
    detail: str
    items_needed: int | None = None


def decide(units: UnitCredits, floor: float, *, alpha: float = ALPHA) -> Decision:
    """Decide whether the win rate of a is above a floor, at a level that holds over all looks at a growing run.

    Where the e-value against the floor reaches 1 / alpha, the win rate lies on the side of the mean credit. A rate at
    or below the floor passes with a chance below alpha over all looks together, one above it fails with no more.

    Args:
        units: judged so far.
        floor: in (0, 1).
        alpha: of either error.
    """
    n = float(units.sizes.sum())
    if not n:
        return Decision(GateWord.UNKNOWN, "no item has the verdicts that its rate needs")
    mean, (low, high) = float(units.sums.sum() / n), confidence_sequence(units, alpha=alpha)
    interval = f"[{100 * low:.1f}, {100 * high:.1f}]"
    detail = f"win rate {100 * mean:.1f} % {interval} over {n:.0f} items, to be above {100 * floor:g} %"
    if is_decided(log_wealth(units, floor), alpha=alpha):
        return Decision(GateWord.PASS if mean > floor else GateWord.FAIL, detail)
    needed = units_needed(units, floor, alpha=alpha)
    if needed is None:
        return Decision(GateWord.UNKNOWN, f"{detail}; no number of items like these would tell")
    more = int(np.ceil(needed * n / len(units.sizes) - n))
    items = "item" if more == 1 else "items"
    return Decision(GateWord.UNKNOWN, f"{detail}; about {more:,} more {items} like these would tell", more)


def _missing_condition(name: str, missing: int, asked: int, most: float) -> GateCondition:
    """Hold the share of asked items without a verdict against its limit; a run that asked nothing has none."""
    share = missing / asked if asked else 0.0
    detail = f"{missing} of {asked} asked items have no verdict ({100 * share:.1f} %)"
    return GateCondition(
        name=f"{name}: at most {100 * most:g} % missing",
        word=GateWord.FAIL if share > most else GateWord.PASS,
        detail=detail,
    )


def certificate_condition(found: CertificateStanding | None) -> GateCondition:
    """Ask for a certificate that certifies this very judge; one over too few edits is not enough evidence."""
    if found is None:
        detail = "the judge has no certificate: `omr-judge certify` makes one"
        return GateCondition(name="judge certified", word=GateWord.FAIL, detail=detail)
    words = {CertificateWord.CERTIFIED: GateWord.PASS, CertificateWord.TOO_FEW: GateWord.UNKNOWN}
    word = words.get(found.word, GateWord.FAIL)
    return GateCondition(name="judge certified", word=word, detail=certificate_line(found))


def gate_lines(found: GateReport) -> Sequence[str]:
    """Return the outcome and each condition, a line each; the outcome's word comes first."""
    lines = [f"{one.word.upper()}: {one.name}: {one.detail}" for one in found.conditions]
    return [f"{found.word.upper()}: {found.model} against {found.against} ({found.run})", *lines]
