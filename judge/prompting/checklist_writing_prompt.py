"""Turn an item's reference into the exact text that the writer of its checklist sees, and the form of the reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from judge.prompting.pairwise_prompt import PromptForm, PromptTemplate, closed_object, fence_tag, fill, text_field
from judge.schema import Group, Item, Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

_ITEM_NAMES = ("answer", "images", "options", "question")
WRITING = PromptForm(
    {"System": (), "Item": _ITEM_NAMES, "Traces": (*_ITEM_NAMES, "reference_reasoning", "reply_form", "tag")},
    ("reference_reasoning", "reply_form", "tag"),
)
"""what the prompt file of a writer may and must show; its rules are the same for all items"""
TEXTS = ("source_quote", "topic", "claim", "presence_question", "correctness_question")
"""fields of a unit that are text, in the order in which they are written: first the words, then what is made of them"""
IMPORTANCE = ("core", "supporting")
PREMISES = "premises"
UNIT_FIELDS = ("unit_id", *TEXTS, "importance")
SMALL_GROUP = 3
"""units of a group that a small model writes, whose replies are kept short"""


def wanted_groups(item: Item) -> tuple[Group, ...]:
    """Return the groups of which an item's checklist must have units: perception only where there is an image."""
    has_images = bool(item.images or item.missing_images)
    return tuple(group for group in Group if has_images or group is not Group.PERCEPTION)


def is_askable(item: Item) -> bool:
    """Tell whether a checklist is to be written: the item has a reference, and no checklist yet."""
    return bool((item.reference_reasoning or "").strip()) and not item.checklist


def render_reference(template: PromptTemplate, item: Item) -> Prompt:
    """Render what the writer of an item's checklist is shown; images are not, for a unit says what the reference says.

    Raises:
        InputError: a section cannot be rendered.
    """
    reference = item.reference_reasoning or ""
    values = {
        "question": item.question,
        "options": item.options,
        "answer": item.answer,
        "images": len(item.images) + len(item.missing_images),
    }
    shown = {
        "reference_reasoning": reference,
        "reply_form": reply_form(wanted_groups(item)),
        "tag": fence_tag((reference,), seed=0, item=item.id),
    }
    return Prompt(
        system=fill(template, "System", {}),
        shared=fill(template, "Item", values),
        traces=fill(template, "Traces", values | shown),
    )


def reply_schema(groups: Sequence[Group], *, text_chars: int | None = None) -> dict[str, Any]:
    """Return the JSON schema of a reply: a list of units for each group.

    Args:
        groups: those that the checklist must have.
        text_chars: longest text that a small model may write, whose groups are kept small too; None sets no limit in
            the schema (some providers accept none).
    """
    text = text_field(text_chars)
    few = {} if text_chars is None else {"minItems": SMALL_GROUP, "maxItems": SMALL_GROUP}
    fields: dict[str, Any] = dict.fromkeys(("unit_id", *TEXTS), text)
    fields["importance"] = {"type": "string", "enum": list(IMPORTANCE)}
    inference = fields | {PREMISES: {"type": "array", "items": text}}
    of = {group: inference if group is Group.RATIONALE else fields for group in groups}
    return closed_object({group.value: {"type": "array", "items": closed_object(of[group]), **few} for group in groups})


def reply_form(groups: Sequence[Group]) -> str:
    """Return the reply's form in words, for servers that know no schema."""
    plain = ", ".join(f'"{name}": "..."' for name in UNIT_FIELDS)
    one = {group: f'{plain}, "{PREMISES}": ["..."]' if group is Group.RATIONALE else plain for group in groups}
    return "{" + ", ".join(f'"{group}": [{{{one[group]}}}, ...]' for group in groups) + "}"
