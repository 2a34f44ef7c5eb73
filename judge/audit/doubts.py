"""What is odd or doubtful about the items of a run, from its folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.audit.audit_queue import Doubt, doubts_of, with_flags
from judge.audit.audited_item import journeys
from judge.flags.flags import flags_of_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge.runs.journal import RunFolder
    from judge.schema import Judgment, Pair


def doubts_of_run(folder: RunFolder) -> dict[str, frozenset[Doubt]]:
    """Return the doubts about each item that has any: of its judgments and of its traces."""
    criteria = [criterion.name for criterion in folder.manifest().rubric.criteria]
    by_item: dict[str, list[Judgment]] = {}
    for journey in journeys(folder.judgments()):
        by_item.setdefault(journey.judgment.item, []).append(journey.judgment)
    found = {}
    for pair in _pairs(folder):
        judgments = by_item.pop(pair.item.id, [])
        found[pair.item.id] = doubts_of(judgments, pair, criteria)
    found |= {item: doubts_of(judgments, None, criteria) for item, judgments in by_item.items()}
    return with_flags({item: doubts for item, doubts in found.items() if doubts}, flags_of_run(folder))


def _pairs(folder: RunFolder) -> Iterator[Pair]:
    if folder.pairs_path.exists():
        yield from folder.pairs()
