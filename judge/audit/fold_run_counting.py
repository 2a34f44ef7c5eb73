"""Read the judgments of a run that count, however large its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.audit.audited_item import Journey, journeys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge.runs.journal import RunFolder


def counting_journeys(folder: RunFolder) -> Iterator[Journey]:
    """Yield the judgments that count, those of requests that were asked again last: these alone are held together."""
    seen: set[bytes] = set()
    repeated: set[bytes] = set()
    for judgment in folder.judgments():
        key = bytes.fromhex(judgment.key)
        (repeated if key in seen else seen).add(key)
    held = []
    for judgment in folder.judgments():
        if bytes.fromhex(judgment.key) in repeated:
            held.append(judgment)
        else:
            yield Journey(judgment, earlier=0)
    yield from journeys(held)
