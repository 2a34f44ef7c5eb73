"""The order in which a checklist is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.schema import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from judge.schema import Unit


def core_first(checklist: Mapping[Group, Sequence[Unit]]) -> dict[Group, list[Unit]]:
    """Return the groups that have units, in the order of `Group`; within each, core units before supporting ones."""
    return {
        group: sorted(units, key=lambda unit: unit.importance != "core")
        for group in Group
        if (units := checklist.get(group))
    }
