"""Read the checklist that a judge wrote: strictly, or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from judge.prompting.checklist_writing_prompt import IMPORTANCE, PREMISES, TEXTS, UNIT_FIELDS
from judge.prompting.pairwise_reply import UnparsedError, is_text, read_object
from judge.schema import Group, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LEAST_UNITS, MOST_UNITS = 5, 15
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}")
_SPEAKS_OF_UNITS = re.compile(rf"\b(?:{'|'.join((*UNIT_FIELDS, PREMISES))})\b")


def parse_checklist(text: str, groups: Sequence[Group]) -> dict[Group, tuple[Unit, ...]]:
    """Return the units of each group asked for, in the order written.

    Accepted is one JSON object in the schema's form with 5 to 15 units, at least one in each group, whose ids and
    claims differ and whose premises are perception and knowledge units. Nothing is mended.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    reply = read_object(text, again=_SPEAKS_OF_UNITS)
    if set(reply) != set(groups):
        raise UnparsedError(f"groups are {sorted(reply)}, asked were {sorted(groups)}")
    units = {group: _units(group, reply[group]) for group in groups}
    _check_number(units)
    every = [unit for written in units.values() for unit in written]
    _refuse_twice("unit_id", (unit.id for unit in every))
    _refuse_twice("claim", (" ".join(unit.claim.casefold().split()) for unit in every))
    _check_premises(units)
    return units


def _units(group: Group, given: object) -> tuple[Unit, ...]:
    if not isinstance(given, list) or not given:
        raise UnparsedError(f"{group}: expected a list of one unit or more")
    return tuple(_unit(f"{group} unit {place}", group, unit) for place, unit in enumerate(given, start=1))


def _unit(where: str, group: Group, given: object) -> Unit:
    fields = {*UNIT_FIELDS, PREMISES} if group is Group.RATIONALE else {*UNIT_FIELDS}
    if not isinstance(given, dict) or set(given) != fields:
        raise UnparsedError(f"{where}: expected an object with {', '.join(sorted(fields))}")
    for name in TEXTS:
        if not isinstance(given[name], str) or not given[name].strip() or not is_text(given[name]):
            raise UnparsedError(f"{where}: {name} must be text")
    if not isinstance(given["unit_id"], str) or not _ID.fullmatch(given["unit_id"]):
        raise UnparsedError(f"{where}: unit_id must be a letter and at most 19 more letters, digits, _ or -")
    if given["importance"] not in IMPORTANCE:
        raise UnparsedError(f"{where}: importance must be one of {', '.join(IMPORTANCE)}")
    premises = given.get(PREMISES, [])
    if not isinstance(premises, list) or not all(isinstance(id_, str) for id_ in premises):
        raise UnparsedError(f"{where}: {PREMISES} must be a list of unit_ids")
    texts = {name: given[name].strip() for name in TEXTS}
    return Unit(id=given["unit_id"], importance=given["importance"], premises=tuple(premises), **texts)


def _check_number(units: Mapping[Group, Sequence[Unit]]) -> None:
    count = sum(map(len, units.values()))
    if not LEAST_UNITS <= count <= MOST_UNITS:
        raise UnparsedError(f"the reply holds {count} units: {LEAST_UNITS} to {MOST_UNITS} are asked for")


def _check_premises(units: Mapping[Group, Sequence[Unit]]) -> None:
    known = {unit.id for group, written in units.items() if group is not Group.RATIONALE for unit in written}
    for unit in units[Group.RATIONALE]:
        _refuse_twice(f"{PREMISES} of {unit.id}", unit.premises)
        if unknown := sorted({*unit.premises} - known):
            raise UnparsedError(f"{PREMISES} of {unit.id}: {unknown[0][:40]!r} is no perception or knowledge unit")


def _refuse_twice(what: str, values: Iterable[str]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise UnparsedError(f"{what}: {value[:40]!r} is there twice")
