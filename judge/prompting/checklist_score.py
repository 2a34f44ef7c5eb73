"""Ask about the units of a checklist in one trace: requests, prompts, the form of a reply, and its reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from judge.prompting.final_text import UnparsedError
from judge.prompting.pairwise_plan import Ask, ExpectedReply, Plan
from judge.prompting.pairwise_prompt import (
    PromptForm,
    PromptTemplate,
    closed_object,
    fence_tag,
    fill,
    shown_text,
    text_field,
)
from judge.prompting.pairwise_reply import is_text, read_object, read_reply
from judge.schema import Case, Group, Item, JudgeSpec, Prompt, Reply, Result, Scored, Unit, UnitVerdict

_ITEM_NAMES = ("images_hidden", "images_shown", "options", "question")
CHECKLIST = PromptForm(
    {"System": (), "Item": _ITEM_NAMES, "Traces": (*_ITEM_NAMES, "reply_form", "tag", "trace", "units")},
    ("trace", "tag", "units"),
)
"""what the prompt file of a group may and must show; its rules are the same for all items"""
_SHOWN = ("id", "topic", "claim", "presence_question", "correctness_question")
"""what a prompt says of a unit, beside its premises"""
_VERDICTS = ("presence", "correctness", "consistency")
SCALES = {name: list(get_args(get_type_hints(UnitVerdict)[name])) for name in _VERDICTS}
"""what a judge says of a unit, and the values that it may take"""
GROUNDING = "chain_grounding"
PREMISES = ("perception_premise", "knowledge_premise", "premises_correct")
"""what a judge says of the premises of a rationale unit, within `chain_grounding`"""


class PremiseVerdict(StrEnum):
    """What a judge says of a premise."""

    YES = "yes"
    NO = "no"
    NOT_NEEDED = "not_needed"


def askable(item: Item, judge: JudgeSpec) -> tuple[Group, ...]:
    """Return the groups of an item's checklist that a judge is asked about, in their order.

    Perception is judged against the image: where the judge cannot be shown all of an item's images, it is not asked.
    """
    sees = judge.sees_images and bool(item.images) and not item.missing_images
    return tuple(group for group in Group if item.checklist.get(group) and (sees or group is not Group.PERCEPTION))


def render_group(template: PromptTemplate, group: Group, case: Case, *, seed: int) -> Prompt:
    """Render the prompt about a group of a case; the model's name, the right answer and the reference are not in it.

    Raises:
        InputError: a section cannot be rendered.
    """
    item, trace = case.item, shown_text(case.trace, answers=True)
    images = item.images if group is Group.PERCEPTION else ()
    units = item.checklist[group]
    known = {
        unit.id: {"group": of.value, "claim": unit.claim} for of, others in item.checklist.items() for unit in others
    }
    about = {
        "question": item.question,
        "options": item.options,
        "images_shown": len(images),
        "images_hidden": len(item.images) + len(item.missing_images) - len(images),
    }
    asked = {
        "trace": trace,
        "tag": fence_tag((trace,), seed=seed, item=item.id),
        "units": [
            {name: getattr(unit, name) for name in _SHOWN}
            | {"premises": [known[id_] for id_ in unit.premises if id_ in known]}
            for unit in units
        ],
        "reply_form": reply_form(group, units),
    }
    return Prompt(
        system=fill(template, "System", {}),
        shared=fill(template, "Item", about),
        traces=fill(template, "Traces", about | asked),
        images=images,
    )


def reply_schema(group: Group, units: Iterable[Unit], *, evidence_chars: int | None = None) -> dict[str, Any]:
    """Return the JSON schema of a reply: per unit the evidence first and the verdicts after it.

    Args:
        group: what the units ask about.
        units: the units asked for.
        evidence_chars: longest quotation allowed; None sets no limit in the schema (some providers accept none).
    """
    fields = {
        "evidence": text_field(evidence_chars),
        **{name: {"type": "integer", "enum": values} for name, values in SCALES.items()},
    }
    if group is Group.RATIONALE:
        ground = {"type": "string", "enum": [ground.value for ground in PremiseVerdict]}
        fields[GROUNDING] = closed_object(dict.fromkeys(PREMISES, ground))
    verdict = closed_object(fields)
    return closed_object({unit.id: verdict for unit in units})


def reply_form(group: Group, units: Iterable[Unit]) -> str:
    """Return the reply's form in words, for servers that know no schema."""
    said = ['"evidence": "..."', *(f'"{name}": {"|".join(map(str, values))}' for name, values in SCALES.items())]
    if group is Group.RATIONALE:
        values = "|".join(PremiseVerdict)
        grounds = ", ".join(f'"{name}": "{values}"' for name in PREMISES)
        said.append(f'"{GROUNDING}": {{{grounds}}}')
    one = "{" + ", ".join(said) + "}"
    return "{" + ", ".join(f'"{unit.id}": {one}' for unit in units) + "}"


_FIELDS = {"evidence", *SCALES}


def parse_units(text: str, units: Sequence[str], *, group: Group | None) -> dict[str, UnitVerdict]:
    """Return the verdict on each unit, in the order expected.

    Accepted is one JSON object in the schema's form, as of a comparison. Missing, unknown and repeated units and
    fields, and values off their scale are refused: a verdict is never guessed, and a unit that the reply does not
    speak of is never taken for an absence.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    return _check(read_object(text), units, group)


def _check(reply: dict[str, Any], units: Sequence[str], group: Group | None) -> dict[str, UnitVerdict]:
    if set(reply) != set(units):
        raise UnparsedError(f"units are {sorted(reply)}, asked were {sorted(units)}")
    return {unit: _verdict(unit, reply[unit], group) for unit in units}


def parse_evidence(text: str, units: Sequence[str], *, group: Group | None) -> dict[str, str]:
    """Return the quotation on each unit of a reply that parses."""
    reply = read_object(text, prose_after=True)
    _check(reply, units, group)
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


@dataclass(frozen=True)
class ScorePlan(Plan[Case]):
    """What is asked about every case of a run, whatever the judge."""

    templates: Mapping[Group, PromptTemplate]
    """one of each group, parsed with the form `CHECKLIST`"""
    samples: int = 1
    seed: int = 0

    def asks(self, case: Case, judge: JudgeSpec) -> Iterator[list[Ask]]:
        """Yield a call for each group of a case's checklist that the judge can be asked about."""
        for group in askable(case.item, judge):
            units = case.item.checklist[group]
            prompt = render_group(self.templates[group], group, case, seed=self.seed)
            schema = reply_schema(group, units, evidence_chars=judge.settings.evidence_chars)
            yield [Ask(case.item.id, prompt, schema, tuple(unit.id for unit in units), group=group)]

    def key_parts(self, ask: Ask, judge: Sequence[object], sample: int) -> Iterator[object]:
        """Yield what decides the answer."""
        prompt = ask.prompt
        images = [image.sha256 for image in prompt.images]
        yield judge
        yield [ask.group, ask.schema, prompt.system, prompt.shared, prompt.traces, images]
        yield sample

    def interpret(self, reply: Reply, expected: ExpectedReply) -> Result:
        """Return the verdicts of a reply, or why there are none."""
        return read_reply(reply, lambda text: Scored(units=parse_units(text, expected.asks, group=expected.group)))
