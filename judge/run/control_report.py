"""Read what the controls of a run show."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from judge.core.controls.kinds import ControlKind
from judge.core.controls.moving import Heard, Trial, compare_judge
from judge.core.controls.preferring import compare_with_itself
from judge.core.controls.report import ControlReport, control_warnings
from judge.core.costs import Spending, total
from judge.io.journal_columns import read_settled
from judge.run.controls import controls_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge.core.columns import Settled
    from judge.core.controls.report import Moved, SelfComparison
    from judge.core.counted import Subject
    from judge.core.estimates import Basis
    from judge.core.report import Report
    from judge.io.journal import RunFolder
    from judge.io.manifest import Manifest


class _Read(NamedTuple):
    """A control's folder, read."""

    folder: RunFolder
    manifest: Manifest
    settled: Settled
    spending: Spending
    heard: Heard


def read_controls(run: RunFolder, settled: Settled, subject: Subject, basis: Basis) -> dict[str, ControlReport] | None:
    """Hold each control of a run against it; None where it has none.

    Args:
        run: the run.
        settled: its judgments.
        subject: what it planned.
        basis: how intervals are made.

    Raises:
        RunError: a control's folder is damaged.
    """
    read = {folder.name: _read(folder) for folder in controls_of(run)}
    if not read:
        return None
    heard = Heard(settled, subject.orders, subject.identical)
    repeat = read.get(ControlKind.REPEAT)
    return {kind: _report(one, heard, repeat, subject, basis) for kind, one in read.items()}


def with_controls(report: Report, controls: Mapping[str, ControlReport] | None) -> Report:
    """Add what the controls show to a report, which else stays as it is."""
    if controls is None:
        return report
    warnings = (*report.warnings, *control_warnings(controls))
    return report.model_copy(update={"controls": controls, "warnings": warnings})


def _read(folder: RunFolder) -> _Read:
    manifest = folder.manifest()
    spending = Spending(manifest.prices)
    settled = read_settled(folder, spending)
    heard = Heard(settled, manifest.orders, manifest.identical)
    return _Read(folder, manifest, settled, spending, heard)


def _report(own: _Read, run: Heard, repeat: _Read | None, subject: Subject, basis: Basis) -> ControlReport:
    """Report one control; `repeat` itself is held against the run alone."""
    costs = {judge: own.spending.of(judge) for judge in subject.judges}
    n_judgments = len(own.settled)
    is_identical = own.folder.name == ControlKind.IDENTICAL
    return ControlReport(
        n_items=own.manifest.n_items,
        n_judgments=n_judgments,
        n_failed=sum(own.settled.failures.values()),
        n_not_asked=own.manifest.n_requests - n_judgments,
        costs=costs,
        usd=total(cost.usd for cost in costs.values()),
        moved={} if is_identical else _moved(own, run, None if repeat is own else repeat, subject, basis),
        false_preference=_preferred(own, subject, basis) if is_identical else {},
    )


def _moved(own: _Read, run: Heard, repeat: _Read | None, subject: Subject, basis: Basis) -> dict[str, dict[str, Moved]]:
    trial = Trial(
        run=run.on({pair.item.id for pair in own.folder.pairs()}),
        control=own.heard,
        repeat=None if repeat is None else repeat.heard,
    )
    return {judge: compare_judge(trial.of(judge), subject.criteria, subject.facts, basis) for judge in subject.judges}


def _preferred(own: _Read, subject: Subject, basis: Basis) -> dict[str, dict[str, SelfComparison]]:
    exact = {pair.item.id for pair in own.folder.pairs() if pair.a.text == pair.b.text}
    return {
        judge: {
            name: compare_with_itself(own.heard.of(judge), name, exact, subject.facts, basis)
            for name in subject.criteria
        }
        for judge in subject.judges
    }
