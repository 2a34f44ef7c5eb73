"""Derive the reports of a run's controls from their folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from judge.costs.spending import Spending, total
from judge.outcomes.latest_judgments import latest_judgments
from judge.report.control_effect import JudgeVerdicts, Trial, compare_judge, compare_with_itself
from judge.report.control_report import ControlReport
from judge.runs.control_kinds import ControlKind
from judge.runs.controls import controls_of

if TYPE_CHECKING:
    from judge.outcomes.counted_items import Subject
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.outcomes.rates import Basis
    from judge.report.control_report import ControlEffect, SelfComparison
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder


class _Read(NamedTuple):
    """A control's folder, read."""

    folder: RunFolder
    manifest: Manifest
    latest: LatestJudgments
    spending: Spending
    verdicts: JudgeVerdicts


def read_controls(
    run: RunFolder, latest: LatestJudgments, subject: Subject, basis: Basis
) -> dict[str, ControlReport] | None:
    """Hold each control of a run against it; None where it has none.

    Args:
        run: the run.
        latest: its judgments.
        subject: what it planned.
        basis: how intervals are made.

    Raises:
        RunError: a control's folder is damaged.
    """
    read = {folder.name: _read(folder) for folder in controls_of(run)}
    if not read:
        return None
    verdicts = JudgeVerdicts(latest, subject.orders, subject.identical)
    repeat = read.get(ControlKind.REPEAT)
    return {kind: _report(one, verdicts, repeat, subject, basis) for kind, one in read.items()}


def _read(folder: RunFolder) -> _Read:
    manifest = folder.manifest()
    spending = Spending(manifest.prices)
    latest = latest_judgments(folder.judgments(), spending)
    verdicts = JudgeVerdicts(latest, manifest.orders, manifest.identical)
    return _Read(folder, manifest, latest, spending, verdicts)


def _report(own: _Read, run: JudgeVerdicts, repeat: _Read | None, subject: Subject, basis: Basis) -> ControlReport:
    """Report one control; `repeat` itself is held against the run alone."""
    costs = {judge: own.spending.of(judge) for judge in subject.judges}
    n_judgments = len(own.latest)
    is_identical = own.folder.name == ControlKind.IDENTICAL
    return ControlReport(
        n_items=own.manifest.n_items,
        n_judgments=n_judgments,
        n_failed=sum(own.latest.failures.values()),
        n_not_asked=own.manifest.n_requests - n_judgments,
        costs=costs,
        usd=total(cost.usd for cost in costs.values()),
        moved={} if is_identical else _effects(own, run, None if repeat is own else repeat, subject, basis),
        false_preference=_preferred(own, subject, basis) if is_identical else {},
    )


def _effects(
    own: _Read, run: JudgeVerdicts, repeat: _Read | None, subject: Subject, basis: Basis
) -> dict[str, dict[str, ControlEffect]]:
    trial = Trial(
        run=run.about({pair.item.id for pair in own.folder.pairs()}),
        control=own.verdicts,
        repeat=None if repeat is None else repeat.verdicts,
    )
    return {
        judge: compare_judge(trial.of(judge), subject.criteria, subject.features, basis) for judge in subject.judges
    }


def _preferred(own: _Read, subject: Subject, basis: Basis) -> dict[str, dict[str, SelfComparison]]:
    exact = {pair.item.id for pair in own.folder.pairs() if pair.a.text == pair.b.text}
    return {
        judge: {
            name: compare_with_itself(own.verdicts.of(judge), name, exact, subject.features, basis)
            for name in subject.criteria
        }
        for judge in subject.judges
    }
