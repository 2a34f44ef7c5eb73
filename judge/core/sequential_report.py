"""Report a run that may stop early: what its looks show, and no interval that holds only for a fixed size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from judge.core.estimates import Estimate, Figure, rounded_p
from judge.core.looks import Panel, Stopping, follow
from judge.core.stats.sequential import confidence_sequence, is_decided, log_e_value
from judge.core.stats.sign_flip import Distribution
from judge.core.stats.significance import Conclusion
from judge.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.core.columns import Settled
    from judge.core.counted import Subject
    from judge.core.criteria import CriterionReport
    from judge.core.report import Report
    from judge.core.table import Table

DIGITS = 6
OF_THE_EFFECT = ("win_rate", "consistent_only", "shares", "by_order", "strata")
"""what a criterion says of the models, as against of its judge"""


class Sequential(Frozen):
    """What the looks of a run that may stop early show on the overall criterion."""

    decided: bool
    """whether the evidence decides for a model"""
    winner: Literal["a", "b"] | None
    """null where undecided"""
    n_looks: int
    """looks whose items all have their verdicts or failed; the evidence is theirs"""
    n_looks_planned: int
    """looks that the run would have without stopping"""
    items_asked: int
    """items of those looks"""
    items_planned: int
    """items of the whole run"""
    items_missing: int
    """among the asked: they have no credit, and count for neither model"""
    wins: int
    """units (clusters, or items) that lean to a"""
    losses: int
    """units that lean to b"""
    log10_e: float
    """of the evidence against equal chances at the last look"""
    p_value: float
    """valid at any look: one over the greatest evidence that any look showed"""
    low: float
    """lower end of the confidence sequence of wins / (wins + losses), of level 1 - alpha over all looks together"""
    high: float
    """its upper end"""
    alpha: float
    """the chance of calling equal models different, over all looks"""
    look_every: int
    """items from one look to the next"""
    cluster: str | None
    """the field whose values make units; null: items that share an image"""


class Looks(NamedTuple):
    """A run's rule with its planned looks, rows of `plan_looks`."""

    rule: Stopping
    planned: Table
    samples: int


class Stopped(NamedTuple):
    """What the looks show of the panel, and of each judge alone."""

    together: Sequential
    alone: dict[str, Sequential]


def follow_all(looks: Looks, settled: Settled, subject: Subject) -> Stopped:
    """Follow the looks of a run, for the whole panel and for each judge."""
    overall = subject.criteria[-1]
    said = settled.on(overall)

    def of(judges: Sequence[str]) -> Sequential:
        panel = Panel(judges, subject.orders, looks.samples, overall)
        return read_looks(follow(looks.planned, said, panel), looks.rule)

    return Stopped(of(subject.judges), {judge: of([judge]) for judge in subject.judges})


def read_looks(by_look: Table, rule: Stopping) -> Sequential:
    """Read the evidence of the complete looks before the first that is not.

    Args:
        by_look: rows of `looks.follow`, of every planned look.
        rule: of the run.
    """
    whole = by_look.take(np.logical_and.accumulate(by_look["complete"]))
    steps = list(zip(np.cumsum(whole["wins"]).tolist(), np.cumsum(whole["losses"]).tolist(), strict=True))
    crossing = [(wins, losses) for wins, losses in steps if is_decided(wins, losses, alpha=rule.alpha)]
    wins, losses = steps[-1] if steps else (0, 0)
    evidence = max([0.0, *(log_e_value(*step) for step in steps)])
    sequence = confidence_sequence(wins, losses, alpha=rule.alpha)
    return Sequential(
        decided=bool(crossing),
        winner=("a" if crossing[0][0] > crossing[0][1] else "b") if crossing else None,
        n_looks=len(whole),
        n_looks_planned=len(by_look),
        items_asked=int(whole["n_items"].sum()),
        items_planned=int(by_look["n_items"].sum()),
        items_missing=int(whole["missing"].sum()),
        wins=wins,
        losses=losses,
        log10_e=round(log_e_value(wins, losses) / math.log(10), DIGITS) + 0.0,
        p_value=rounded_p(math.exp(-evidence)),
        low=round(sequence.low, DIGITS),
        high=round(sequence.high, DIGITS),
        alpha=rule.alpha,
        look_every=rule.look_every,
        cluster=rule.cluster,
    )


def asked_part(looks: Looks, found: Sequential, settled: Settled, subject: Subject) -> tuple[Settled, Subject]:
    """Return the judgments and the subject without the items that a decided run did not ask, by its own decision."""
    if not found.decided:
        return settled, subject
    asked = set(looks.planned["item"][looks.planned["look"] < found.n_looks].tolist())
    identical = [item for item in subject.identical if item in asked]
    facts = subject.facts
    if facts is not None:
        facts = facts._replace(table=facts.table.take(np.array([item in asked for item in facts.table["item"]])))
    part = subject._replace(n_items=len(asked), n_identical=len(identical), identical=identical, facts=facts)
    return settled.about(asked), part


def as_stopped(report: Report, stopped: Stopped) -> Report:
    """Take from the overall criterion what holds only where the number of items was fixed beforehand."""
    overall = list(report.criteria)[-1]
    position = report.position[overall]
    subgroups = {
        field: {
            value: group.model_copy(update={"win_rate": _bare(group.win_rate, [overall])})
            for value, group in values.items()
        }
        for field, values in report.subgroups.items()
    }
    return report.model_copy(
        update={
            "sequential": stopped.together,
            "criteria": _conclude(report.criteria, stopped.together),
            "by_judge": {judge: _conclude(rows, stopped.alone[judge]) for judge, rows in report.by_judge.items()},
            "position": {**report.position, overall: _bare_model(position, ["preference", "win_rate"])},
            "length": _bare(report.length, [overall]),
            "subgroups": subgroups,
            "warnings": (*report.warnings, *_warnings(report, stopped.together, overall)),
        }
    )


def _conclude(criteria: dict[str, CriterionReport], found: Sequential) -> dict[str, CriterionReport]:
    overall = list(criteria)[-1]
    verdict = Conclusion.INCONCLUSIVE
    if found.decided:
        verdict = Conclusion.BETTER if found.winner == "a" else Conclusion.WORSE
    tested = {"p_value": found.p_value, "p_adjusted": found.p_value, "sign_test_p": found.p_value}
    row = _bare_model(criteria[overall], OF_THE_EFFECT).model_copy(
        update={**tested, "p_method": Distribution.SEQUENTIAL, "verdict": verdict}
    )
    return {**criteria, overall: row}


def _bare(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: _without_ends(value) if name in names else value for name, value in values.items()}


def _bare_model(model: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - the same model, with fields of any kind
    return model.model_copy(update=_bare({name: getattr(model, name) for name in names}, names))


def _without_ends(value: Any) -> Any:  # noqa: ANN401 - walks models of any kind
    """Take the ends of intervals away, at any depth."""
    if isinstance(value, Estimate | Figure):
        return value.model_copy(update={"low": None, "high": None})
    if isinstance(value, Frozen):
        return _bare_model(value, list(type(value).model_fields))
    return value


def _warnings(report: Report, found: Sequential, overall: str) -> list[str]:
    texts = []
    if found.decided:
        texts.append(
            f"This run stopped when {overall} was decided: its win rate is biased away from 50 %, and the rates, "
            "intervals and tests of other criteria and of subgroups are of a sample that was stopped: descriptive only."
        )
    if report.equivalence is not None:
        texts.append(f"Equivalence on {overall} is not tested in a run that may stop early.")
    return texts
