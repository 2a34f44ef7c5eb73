"""Turn a case and one group of its checklist into the exact text that a judge sees, and the form of its reply."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from judge.prompting.pairwise_prompt import (
    PromptForm,
    PromptTemplate,
    closed_object,
    fence_tag,
    fill,
    shown_text,
    text_field,
)
from judge.schema import Group, Prompt, UnitVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.schema import Case, Item, JudgeSpec, Unit

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
    about = {
        "question": item.question,
        "options": item.options,
        "images_shown": len(images),
        "images_hidden": len(item.images) + len(item.missing_images) - len(images),
    }
    asked = {
        "trace": trace,
        "tag": fence_tag((trace,), seed=seed, item=item.id),
        "units": [_shown_unit(unit, item) for unit in units],
        "reply_form": reply_form(group, units),
    }
    return Prompt(
        system=fill(template, "System", {}),
        shared=fill(template, "Item", about),
        traces=fill(template, "Traces", about | asked),
        images=images,
    )


def _shown_unit(unit: Unit, item: Item) -> dict[str, Any]:
    """Return what a prompt says of a unit: what it asks, and the claims of its premises by their group."""
    known = {other.id: (group, other) for group, units in item.checklist.items() for other in units}
    premises = [known[premise] for premise in unit.premises if premise in known]
    return {
        **{name: getattr(unit, name) for name in _SHOWN},
        "premises": [{"group": group.value, "claim": premise.claim} for group, premise in premises],
    }


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
