"""Read an item from a record, with the images that it names or holds, and write it as a record that is read again."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import asdict, replace

from judge.files.fields import (
    FIELDS,
    FOLLOWS,
    RecordFields,
    RecordProblem,
    as_id,
    as_image_path,
    as_subgroup,
    as_text,
    wrong_type,
)
from judge.files.image_fields import IMAGE_TEXTS, NUMBERED, image_places
from judge.files.option_fields import as_options, flagged_options, options_in_columns
from judge.inputs.checklist_fields import read_checklist
from judge.inputs.right_answers import OTHER_SPELLINGS, SAME, as_answer, chosen_of
from judge.prompting.embedded_options import split_options
from judge.prompting.right_answer import ways_to_read
from judge.prompting.trace_parts import part_output
from judge.schema import Group, Item, Unit

_TEXT_FIELDS = {*FIELDS["trace"], *FIELDS["model"], *FIELDS["model_answer"], *FOLLOWS}


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """An image whose bytes stand in the record itself."""

    content: bytes | None
    """None: the record has a place for an image, and none is there"""


TypeAnswer = Callable[[object, Mapping[str, str]], str]
"""what makes a text of a right answer, given the options"""


def read_item(fields: RecordFields, typed: TypeAnswer, *, alone: bool) -> Item:
    """Read an item without its images.

    Args:
        fields: of the record; every problem is noted there.
        typed: makes a text of the right answer.
        alone: the record is of a file of items. Then `reasoning` is the reference's, thinking is taken out of its tags,
            a question is parted from its embedded options, and the groups of a checklist may be fields of their own.
    """
    options = fields.read("options", as_options) or options_in_columns(fields)
    item = Item(
        id=fields.require("id", as_id) or "",
        question=fields.read("question", as_text) or "",
        options=options,
        reference_reasoning=fields.read("reference_reasoning", as_text),
        checklist=read_checklist(fields, in_groups=alone),
        subgroup=fields.read("subgroup", as_subgroup) or {},
    )
    if alone and not item.options:
        question, options = split_options(item.question)
        item = replace(item, question=question, options=options)
    answer = fields.read("answer", as_answer)
    if answer is None or answer == "":
        other = _other_answer(fields, item.options)
        answer = (
            (flagged_options(fields.look(fields.places.get("options", "options"))) or answer)
            if other is None
            else other
        )
    if answer is not None:
        item = replace(item, answer=typed(chosen_of(answer, item.options), item.options))
        _note_contradiction(fields, item)
    return _completed(item, fields) if alone else item


def _other_answer(fields: RecordFields, options: Mapping[str, str]) -> object:
    """Take the right answer from a field that often holds it, where that can be read."""
    for name in OTHER_SPELLINGS if options else ():
        value = fields.look(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and ways_to_read(value, options):
            return fields.take(name, as_answer)
    return None


def _note_contradiction(fields: RecordFields, item: Item) -> None:
    """Note a problem where another field names another option as the right one, by a letter or a text."""
    named = {name: value for name in SAME if isinstance(value := fields.look(name), str) and not value.isdecimal()}
    right = {*ways_to_read(item.answer, item.options).values()} if named and item.options else set()
    for name, value in named.items():
        other = {*ways_to_read(value, item.options).values()}
        if len(right) == len(other) == 1 and other != right:
            hint = f"choose with --field answer={fields.places.get('answer')} or --field answer={name}"
            fields.problems.append(RecordProblem(f"answer: {name} names another option", hint))


def _completed(item: Item, fields: RecordFields) -> Item:
    """Split thinking and answer off the reference."""
    changes: dict[str, Any] = {}
    reference = item.reference_reasoning
    if reference is None:
        reference = fields.take("reasoning", as_text)
    if reference:
        parted = part_output(reference)
        answer = None if parted.answer == parted.final else parted.answer
        changes |= {"reference_reasoning": parted.text, "answer": item.answer or answer}
        if item.answer and answer and answer != item.answer:
            changes["meta"] = {"answer_tag": answer}
    return replace(item, **changes)


class RecordImages(NamedTuple):
    """The images of a record."""

    shown: tuple[str | EmbeddedImage, ...]
    """paths as given, or what the record holds, in order"""
    unseen: RecordProblem | None
    """another one, which would be left out"""


def read_images(fields: RecordFields) -> RecordImages:
    """Return the images that a record names or holds; an empty path is no image.

    Numbered fields (`image_1` ...) and bytes under any name are read as images too. What else holds an image is unseen
    until the user says with `--field image=NAME` which field to show: none is left out in silence.
    """
    images = (fields.read("image", _as_images) or ()) + (fields.read("image_base64", _as_base64_images) or ())
    if fields.is_given("image"):
        return RecordImages(images, None)
    unseen = None
    for key in fields.unread():
        value = fields.look(key)
        if NUMBERED.fullmatch(key) or _holds_bytes(value):
            images += fields.take(key, _as_images) or ()
        elif key not in _TEXT_FIELDS and (place := next(image_places(value, key, named=not images), None)):
            hint = f"show it with --field image={place}, or say with --field image=image that it is none"
            unseen = unseen or RecordProblem(f"{key}: holds an image, which would be left out", hint)
    return RecordImages(images, unseen)


def _holds_bytes(value: object) -> bool:
    """Say whether a value is an image's bytes, alone, in a struct with its path, or in a list."""
    match value:
        case list():
            return any(map(_holds_bytes, value))
        case {"bytes": content, **others} if others.keys() <= {"path"}:
            return isinstance(content, bytes)
        case _:
            return isinstance(value, bytes)


def _as_images(value: object) -> tuple[str | EmbeddedImage, ...]:
    images = [_as_image(image) for image in (value if isinstance(value, list) else [value])]
    return tuple(image for image in images if image)


def _as_image(value: object) -> str | EmbeddedImage:
    """Read a path, the bytes of an image, or the hub's `{bytes, path}`, whose bytes alone count."""
    match value:
        case bytes():
            return EmbeddedImage(value or None)
        case Mapping() if "bytes" in value and isinstance(value["bytes"], bytes | None):
            return EmbeddedImage(value["bytes"] or None)
        case str() if value.startswith(IMAGE_TEXTS):
            return EmbeddedImage(_decoded(value))
        case _:
            return as_image_path(value)


def _as_base64_images(value: object) -> tuple[EmbeddedImage, ...]:
    return tuple(EmbeddedImage(_decoded(text)) for text in (value if isinstance(value, list) else [value]))


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise wrong_type("base64 text or a list of it", text)
    try:
        return base64.b64decode(text.rpartition(";base64,")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordProblem("not base64", "write the image's bytes in standard base64, without line breaks") from error


def item_record(item: Item, *, beside: Path) -> dict[str, Any]:
    """Return an item as a record: its metadata as fields of their own, and without the fields that are empty.

    Args:
        item: what to write.
        beside: the folder of the file; images in it are named relative to it, others by their absolute path.
    """
    images = [image.path for image in item.images] + list(item.missing_images)
    own = {
        "id": item.id,
        "question": item.question,
        "options": item.options,
        "answer": item.answer,
        "reference_reasoning": item.reference_reasoning,
        "image": [
            Path(image).relative_to(beside).as_posix() if Path(image).is_relative_to(beside) else image
            for image in images
        ],
        "subgroup": item.subgroup,
        "checklist": {
            group.value: [_unit_record(group, unit, item) for unit in units] for group, units in item.checklist.items()
        },
    }
    return item.meta | {name: value for name, value in own.items() if value}


def _unit_record(group: Group, unit: Unit, item: Item) -> dict[str, Any]:
    """Return a unit with the names that the hub's files use."""
    record: dict[str, Any] = {"unit_id": unit.id, **asdict(unit)}
    del record["id"], record["premises"]
    if group is Group.RATIONALE:
        for premise in (Group.PERCEPTION, Group.KNOWLEDGE):
            known = {other.id for other in item.checklist.get(premise, ())}
            record[f"premise_{premise}_ids"] = [id_ for id_ in unit.premises if id_ in known]
    return record
