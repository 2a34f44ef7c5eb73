"""Have a judge write the checklists of items from their references: requests, prompts, and the reading of replies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from judge.prompting.final_text import UnparsedError
from judge.prompting.pairwise_plan import Ask, ExpectedReply, Plan
from judge.prompting.pairwise_prompt import PromptForm, PromptTemplate, closed_object, fence_tag, fill, text_field
from judge.prompting.pairwise_reply import is_text, read_object, read_reply
from judge.schema import Group, Item, JudgeSpec, Prompt, Reply, Result, Unit, Written

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


LEAST_UNITS, MOST_UNITS = 5, 15
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}")


def parse_checklist(text: str, groups: Sequence[Group]) -> dict[Group, tuple[Unit, ...]]:
    """Return the units of each group asked for, in the order written.

    Accepted is one JSON object in the schema's form with 5 to 15 units, at least one in each group, whose ids and
    claims differ and whose premises are perception and knowledge units. Nothing is mended.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    reply = read_object(text)
    if set(reply) != set(groups):
        raise UnparsedError(f"groups are {sorted(reply)}, asked were {sorted(groups)}")
    units = {group: _units(group, reply[group]) for group in groups}
    every = [unit for written in units.values() for unit in written]
    if not LEAST_UNITS <= len(every) <= MOST_UNITS:
        raise UnparsedError(f"the reply holds {len(every)} units: {LEAST_UNITS} to {MOST_UNITS} are asked for")
    _refuse_twice("unit_id", (unit.id for unit in every))
    _refuse_twice("claim", (" ".join(unit.claim.casefold().split()) for unit in every))
    known = {unit.id for group, written in units.items() if group is not Group.RATIONALE for unit in written}
    for unit in units[Group.RATIONALE]:
        _refuse_twice(f"{PREMISES} of {unit.id}", unit.premises)
        if unknown := sorted({*unit.premises} - known):
            raise UnparsedError(f"{PREMISES} of {unit.id}: {unknown[0][:40]!r} is no perception or knowledge unit")
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


def _refuse_twice(what: str, values: Iterable[str]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise UnparsedError(f"{what}: {value[:40]!r} is there twice")


TYPICAL_UNITS = 10
"""what a quote takes a reply to hold; each is about as long as what a judge says of a criterion"""


@dataclass(frozen=True)
class WritingPlan(Plan[Item]):
    """What is asked about every item, whatever the judge."""

    template: PromptTemplate
    """parsed with the form `WRITING`"""
    samples: int = 1

    def asks(self, item: Item, judge: JudgeSpec) -> Iterator[list[Ask]]:
        """Yield one call for an item that has a reference and no checklist."""
        if is_askable(item):
            groups = wanted_groups(item)
            schema = reply_schema(groups, text_chars=judge.settings.evidence_chars)
            yield [Ask(item.id, render_reference(self.template, item), schema, groups, n_parts=TYPICAL_UNITS)]

    def key_parts(self, ask: Ask, judge: Sequence[object], sample: int) -> Iterator[object]:  # noqa: ARG002 - there is one
        """Yield what decides the answer."""
        prompt = ask.prompt
        yield ["checklist", *judge, ask.schema, prompt.system, prompt.shared, prompt.traces]

    def interpret(self, reply: Reply, expected: ExpectedReply) -> Result:
        """Return the units of a reply, or why there are none."""
        groups = [Group(name) for name in expected.asks]
        return read_reply(reply, lambda text: Written(units=parse_checklist(text, groups)))
