"""Read the checklist of an item: three groups of units, or one flat list that names each unit's group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from judge.files.fields import RecordFields, RecordProblem, as_id, as_text, show, wrong_type
from judge.schema import Group, Unit

AXES = {
    **{group.value: group for group in Group},
    "observation": Group.PERCEPTION,
    "inference": Group.RATIONALE,
    "reasoning": Group.RATIONALE,
}
"""the words for a unit's group in flat lists"""

Grouped = list[tuple[Group, str, Any]]
"""group, place and record of each unit"""


def read_checklist(fields: RecordFields, *, in_groups: bool) -> dict[Group, tuple[Unit, ...]]:
    """Read a record's checklist; every problem is noted in its fields.

    Args:
        fields: of the record.
        in_groups: whether the three groups may also be fields of their own.
    """
    grouped: Grouped = fields.read("checklist", _grouped) or []
    if in_groups:
        for group in Group:
            column = fields.read(group.value, _as_list) or []
            grouped += [(group, f"{group}[{place}]", unit) for place, unit in enumerate(column)]
    if not grouped:
        return {}
    units: dict[Group, list[Unit]] = {group: [] for group in Group}
    for group, place, record in grouped:
        try:
            units[group].append(_as_unit(record))
        except RecordProblem as problem:
            fields.problems.append(RecordProblem(f"{place}: {problem.problem}", problem.hint))
    fields.problems += _contradictions(units)
    return {group: tuple(own) for group, own in units.items() if own}


def _grouped(value: object) -> Grouped:
    """Part a checklist, an object of groups or a flat list, into its units."""
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - {group.value for group in Group})
        if unknown:
            raise RecordProblem(f"unknown group {show(unknown[0])}", f"groups: {', '.join(Group)}")
        return [
            (group, f"checklist.{group}[{place}]", unit)
            for group in Group
            for place, unit in enumerate(_as_list(value.get(group.value) or []))
        ]
    return [(_group_of(unit, place), f"checklist[{place}]", unit) for place, unit in enumerate(_as_list(value))]


def _as_list(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise wrong_type("a list of units", value)
    return value


def _group_of(unit: object, place: int) -> Group:
    axis = unit.get("axis") if isinstance(unit, Mapping) else None
    if not isinstance(axis, str) or axis not in AXES:
        found = "no axis" if axis is None else f"axis {show(str(axis))}"
        raise RecordProblem(f"unit {place} has {found}", f"in a flat list each unit has one of: {', '.join(AXES)}")
    return AXES[axis]


def _as_unit(record: object) -> Unit:
    """Read one unit; fields that are not known are left out."""
    if not isinstance(record, Mapping):
        raise wrong_type("a unit", record)
    id_ = record.get("unit_id") if record.get("unit_id") is not None else record.get("id")
    if id_ is None:
        raise RecordProblem("missing unit_id", "every unit of an item needs its own")
    claim = _text(record, "claim")
    if not claim.strip():
        raise RecordProblem("missing claim", "a unit is judged by its claim")
    return Unit(
        id=as_id(id_),
        topic=_text(record, "topic"),
        claim=claim,
        presence_question=_text(record, "presence_question"),
        correctness_question=_text(record, "correctness_question"),
        source_quote=_text(record, "source_quote"),
        importance=_importance(record.get("importance")),
        premises=_premises(record),
    )


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    try:
        return "" if value is None else as_text(value)
    except RecordProblem as problem:
        raise RecordProblem(f"{name}: {problem.problem}", problem.hint) from problem


def _importance(value: object) -> Literal["core", "supporting"]:
    match value:
        case None | "core":
            return "core"
        case "supporting":
            return "supporting"
        case _:
            raise RecordProblem(f"importance {show(str(value))}", "it is core or supporting; null counts as core")


def _premises(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the units that a unit rests on, however they are listed, each once."""
    names = ("premises", "premise_perception_ids", "premise_knowledge_ids")
    lists = [_as_list(record[name]) for name in names if record.get(name) is not None]
    return tuple(dict.fromkeys(as_id(id_) for ids in lists for id_ in ids))


def _contradictions(checklist: Mapping[Group, Sequence[Unit]]) -> list[RecordProblem]:
    """Name unit ids that occur twice, and premises that are no perception or knowledge unit of the item."""
    found = []
    seen: dict[str, Group] = {}
    for group, units in checklist.items():
        for unit in units:
            if unit.id in seen:
                where = f"{seen[unit.id]} and {group}" if seen[unit.id] is not group else group
                found.append(RecordProblem(f"{where}: unit id {show(unit.id)} occurs twice", "give one another id"))
            seen.setdefault(unit.id, group)
    grounds = {id_ for id_, group in seen.items() if group is not Group.RATIONALE}
    for group, units in checklist.items():
        for unit in units:
            found += [
                RecordProblem(
                    f"{group}: unit {show(unit.id)} rests on {show(premise)}, which the item does not have",
                    "premises are ids of its perception and knowledge units",
                )
                for premise in unit.premises
                if premise not in grounds
            ]
    return found
