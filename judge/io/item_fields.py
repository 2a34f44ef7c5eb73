"""Read an item from a record: its texts, its checklist, and the images that it names or holds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from judge.core.embedded_options import split_options
from judge.io.checklists import read_checklist
from judge.io.fields import (
    RecordProblem,
    as_id,
    as_image_path,
    as_label,
    as_options,
    as_subgroup,
    as_text,
    split_thinking,
    wrong_type,
)
from judge.schema import Item

if TYPE_CHECKING:
    from judge.io.fields import RecordFields


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """An image whose bytes stand in the record itself."""

    content: bytes | None
    """None: the record has a place for an image, and none is there"""


def read_item(fields: RecordFields, *, alone: bool) -> Item:
    """Read an item without its images.

    Args:
        fields: of the record; every problem is noted there.
        alone: the record is of a file of items. Then `reasoning` is the reference's, thinking is taken out of its tags,
            a question is parted from its embedded options, and the groups of a checklist may be fields of their own.
    """
    item = Item(
        id=fields.require("id", as_id) or "",
        question=fields.read("question", as_text) or "",
        options=fields.read("options", as_options) or {},
        answer=fields.read("answer", as_label),
        reference_reasoning=fields.read("reference_reasoning", as_text),
        checklist=read_checklist(fields, in_groups=alone),
        subgroup=fields.read("subgroup", as_subgroup) or {},
    )
    return _completed(item, fields) if alone else item


def _completed(item: Item, fields: RecordFields) -> Item:
    """Take out of an item's texts what they hold beside themselves."""
    changes: dict[str, Any] = {}
    if not item.options:
        changes["question"], changes["options"] = split_options(item.question)
    reference = item.reference_reasoning
    if reference is None:
        reference = fields.take("reasoning", as_text)
    if reference:
        parted = split_thinking(reference)
        changes |= {"reference_reasoning": parted.trace, "answer": item.answer or parted.answer}
        if item.answer and parted.answer and parted.answer != item.answer:
            changes["meta"] = {"answer_tag": parted.answer}
    return replace(item, **changes)


def read_images(fields: RecordFields) -> tuple[str | EmbeddedImage, ...]:
    """Return the images that a record names (paths as given) or holds, in order; an empty path is no image."""
    return (fields.read("image", _as_images) or ()) + (fields.read("image_base64", _as_base64_images) or ())


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
