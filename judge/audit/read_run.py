"""Read the judgments of a run by item, and what they amount to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from judge.audit.audited_item import Journey, Outcomes, journeys, outcomes
from judge.comparison.derive_report import subject_of
from judge.judging.run_kinds import plan_of
from judge.outcomes.counted_items import Pooling
from judge.outcomes.item_features import as_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from judge.prompting.pairwise_plan import PairPlan
    from judge.runs.journal import RunFolder
    from judge.runs.manifest import Manifest
    from judge.schema import Pair, Prompt


@dataclass(frozen=True)
class Audit:
    """The judgments of a run by item, and what they amount to."""

    manifest: Manifest
    criteria: list[str]
    by_item: Mapping[str, list[Journey]]
    outcomes: Outcomes
    plan: PairPlan | None
    """None: the judgments were made elsewhere"""

    @classmethod
    def read(cls, folder: RunFolder, pooling: Pooling = Pooling.MEAN) -> Audit:
        """Read a run's judgments; RunError where its folder is damaged."""
        manifest = folder.manifest()
        kept = journeys(folder.judgments())
        by_item: dict[str, list[Journey]] = {}
        for journey in kept:
            by_item.setdefault(journey.judgment.item, []).append(journey)
        return cls(
            manifest=manifest,
            criteria=[criterion.name for criterion in manifest.rubric.criteria],
            by_item=by_item,
            outcomes=outcomes((journey.judgment for journey in kept), subject_of(manifest), pooling),
            plan=plan_of(manifest) if manifest.prompt is not None else None,
        )

    def prompts(self, pair: Pair) -> dict[str, Prompt]:
        """Return what was sent, by key: a prompt that no longer has its request's key is not shown."""
        if self.plan is None:
            return {}
        requests = (self.plan.requests([pair], judge) for judge in self.manifest.judges)
        return {request.key: request.prompt for request in chain.from_iterable(requests)}

    def judged_fields(self, item: str) -> dict[str, Any]:
        """Return what the judgments of an item say of it, where its pair is not known."""
        fields: dict[str, Any] = {}
        for journey in self.by_item.get(item, []):
            fields |= journey.judgment.meta
        return fields


def groups_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that have a value a filter can show."""
    named = {name: as_group(value) for name, value in fields.items()}
    return {name: value for name, value in named.items() if value is not None}


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
