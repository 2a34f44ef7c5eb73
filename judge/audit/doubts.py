"""What is odd or doubtful about the items of a run, from its folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from judge.audit.audit_queue import Doubt, doubts_of, with_flags
from judge.audit.audited_item import journeys
from judge.errors import RunError
from judge.flags.flags import Flag, flags_of_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge.runs.journal import RunFolder
    from judge.schema import Judgment, Pair

FLAGS = "flags.jsonl"


def flags_of_run(folder: RunFolder) -> tuple[Flag, ...]:
    """Return the flags that were found when the run was made; for an older run, those of its pairs; else none."""
    path = folder.path / FLAGS
    if path.exists():
        try:
            return tuple(map(Flag.model_validate_json, path.read_bytes().splitlines()))
        except ValidationError as error:
            raise RunError(f"{path}: damaged: {error.errors()[0]['msg']}") from error
    return flags_of_pairs(folder.pairs()) if folder.pairs_path.exists() else ()


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
