"""Read a judge's reply about units of a checklist: strictly, or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from judge.prompting.checklist_score_prompt import GROUNDING, PREMISES, SCALES, PremiseVerdict
from judge.prompting.pairwise_reply import UnparsedError, is_text, read_object
from judge.schema import Group, UnitVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence


_FIELDS = {"evidence", *SCALES}
_NAMES_SCALE = re.compile(rf"\b(?:{'|'.join(SCALES)}|{GROUNDING})\b", re.IGNORECASE)


def parse_units(text: str, units: Sequence[str], *, group: Group | None) -> dict[str, UnitVerdict]:
    """Return the verdict on each unit, in the order expected.

    Accepted is one JSON object in the schema's form: alone, in one fence, or bare in prose. Missing, unknown and
    repeated units and fields, values off their scale, and prose that speaks of verdicts after the object are refused:
    a verdict is never guessed, and a unit that the reply does not speak of is never taken for an absence.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    reply = read_object(text, again=_NAMES_SCALE)
    if set(reply) != set(units):
        raise UnparsedError(f"units are {sorted(reply)}, asked were {sorted(units)}")
    return {unit: _verdict(unit, reply[unit], group) for unit in units}


def parse_evidence(text: str, units: Sequence[str], *, group: Group | None) -> dict[str, str]:
    """Return the quotation on each unit of a reply that parses."""
    parse_units(text, units, group=group)
    reply = read_object(text, again=_NAMES_SCALE)
    return {unit: reply[unit]["evidence"] for unit in units}


def _verdict(unit: str, given: object, group: Group | None) -> UnitVerdict:
    fields = _FIELDS | {GROUNDING} if group is Group.RATIONALE else _FIELDS
    if not isinstance(given, dict) or set(given) != fields:
        raise UnparsedError(f"{unit}: expected an object with {', '.join(sorted(fields))}")
    if not isinstance(given["evidence"], str) or not is_text(given["evidence"]):
        raise UnparsedError(f"{unit}: evidence must be text")
    for name, values in SCALES.items():
        if type(given[name]) is not int or given[name] not in values:  # True is no 1 here
            raise UnparsedError(f"{unit}: {name} must be one of {', '.join(map(str, values))}")
    grounded = _grounded(unit, given[GROUNDING]) if GROUNDING in fields else None
    return UnitVerdict(**{name: given[name] for name in SCALES}, grounded=grounded)


def _grounded(unit: str, given: Any) -> bool | None:  # noqa: ANN401 - JSON can be anything
    """Return whether the premises that a unit needs are present and right; None where it needs none."""
    if not isinstance(given, dict) or set(given) != set(PREMISES):
        raise UnparsedError(f"{unit}: {GROUNDING} must be an object with {', '.join(PREMISES)}")
    if not all(isinstance(value, str) and value in set(PremiseVerdict) for value in given.values()):
        raise UnparsedError(f"{unit}: a premise must be one of {', '.join(PremiseVerdict)}")
    *present, correct = (PremiseVerdict(given[name]) for name in PREMISES)
    if PremiseVerdict.NO in present:
        return False
    needed = PremiseVerdict.YES in present
    if needed and correct is PremiseVerdict.NOT_NEEDED:
        raise UnparsedError(f"{unit}: premises are present, but {PREMISES[-1]} says that none is needed")
    if not needed and correct is PremiseVerdict.NO:
        raise UnparsedError(f"{unit}: no premise is needed, but {PREMISES[-1]} says that one is wrong")
    return correct is PremiseVerdict.YES if needed else None
