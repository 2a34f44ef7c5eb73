"""A scored trace as JSON values for display: its checklist, each unit's verdict and evidence, its requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from msgspec import to_builtins

from judge.audit.audited_item import describe_item, describe_request, describe_trace
from judge.enums import AnswerStanding, FailureMode
from judge.prompting.correctness import final_answer
from judge.schema import Group, Scored
from judge.scoring.scores import PARTS, quoted

if TYPE_CHECKING:
    from judge.audit.audited_item import Journey
    from judge.schema import Case
    from judge.scoring.scores import Scores

TRACE = "trace"
"""the name under which evidence stands, as `a` and `b` do in a comparison"""
Reading = tuple[str, str, int]
"""group, judge, sample"""
Modes = dict[Reading, dict[str, str]]
"""of a case: what is wrong with each unit, by reading"""


class ScoreFindings(NamedTuple):
    """Figures and failure modes of a score, by item."""

    figures: Mapping[str, dict[str, Any]]
    """rows of `Scores.items`"""
    modes: Mapping[str, Modes]

    @classmethod
    def of(cls, scores: Scores) -> ScoreFindings:
        """Group the rows of a score by item."""
        modes: defaultdict[str, Modes] = defaultdict(lambda: defaultdict(dict))
        columns = [pl.col(name).cast(pl.String) for name in ("item", "group", "judge")]
        for item, group, judge, sample, unit, mode in scores.units.select(
            *columns, "sample", "unit", "mode"
        ).iter_rows():
            modes[item][group, judge, sample][unit] = mode
        return cls({row["item"]: row for row in scores.items.iter_rows(named=True)}, modes)


def describe_case(case: Case, found: ScoreFindings) -> dict[str, Any]:
    """Return what a reader is shown of a case and its figures, as JSON values: all texts byte for byte as they came."""
    own = found.figures[case.item.id]
    return describe_item(case.item) | {
        TRACE: describe_trace(case.trace, final_answer(case.trace, case.item)),
        "trace_score": own["trace_score"],
        "groups": {
            group.value: {
                "standing": own[f"{group}_standing"],
                **{part: own[f"{group}_{part}"] for part in PARTS},
                "units": [
                    {name: getattr(unit, name) for name in ("id", "topic", "claim", "importance")}
                    for unit in case.item.checklist.get(group, ())
                ],
            }
            for group in Group
        },
    }


def describe_reading(journey: Journey, found: ScoreFindings, repair: str | None = None) -> dict[str, Any]:
    """Return what a reader is shown of one request: each unit's verdict, mode and evidence, the raw reply."""
    told, judgment = describe_request(journey, repair), journey.judgment
    if isinstance(judgment.result, Scored):
        modes = found.modes[judgment.item][str(judgment.group), judgment.judge, judgment.sample]
        told["units"] = {
            unit: to_builtins(verdict) | {"mode": modes[unit]} for unit, verdict in judgment.result.units.items()
        }
        told["evidence"] = {unit: {TRACE: quote} for unit, quote in quoted(judgment).items()}
    return told


def modes_of(found: ScoreFindings, item: str) -> dict[str, list[str]]:
    """Return by group the failure modes that some unit of an item has in some reading, the first that apply first."""
    own: dict[str, set[str]] = {group.value: set() for group in Group}
    for (group, _, _), units in found.modes.get(item, {}).items():
        own[group] |= {*units.values()}
    return {group: [mode.value for mode in FailureMode if mode.value in modes] for group, modes in own.items()}


def answer_standing(figures: Mapping[str, Any]) -> AnswerStanding:
    """Return whether the final answer of a row of `Scores.items` is right, wrong, unread or unknown."""
    if figures["answer_accuracy"] is None:
        return AnswerStanding.UNKNOWN
    if figures["unread"]:
        return AnswerStanding.UNREAD
    return AnswerStanding.RIGHT if figures["answer_accuracy"] else AnswerStanding.WRONG
