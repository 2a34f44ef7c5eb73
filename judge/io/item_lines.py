"""Write items as lines that `--items` reads again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from judge.schema import Group

if TYPE_CHECKING:
    from judge.schema import Item, Unit


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
        "image": [_named(image, beside) for image in images],
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


def _named(image: str, beside: Path) -> str:
    path = Path(image)
    return path.relative_to(beside).as_posix() if path.is_relative_to(beside) else image
