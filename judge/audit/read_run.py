"""Read the judgments of a run by item, their outcomes, and the doubts about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from judge.audit.audit_queue import Doubt, doubts_of
from judge.audit.audited_item import Journey, Outcomes, journeys, journeys_by_item, outcomes
from judge.comparison.derive_report import counted_verdicts
from judge.flags.flags import flags_of_run
from judge.judging.run_kinds import plan_of, score_plan_of
from judge.outcomes.counted_items import Pooling
from judge.outcomes.item_features import as_group
from judge.runs.controls import all_judgments

if TYPE_CHECKING:
    from judge.prompting.pairwise_plan import PairPlan
    from judge.runs.manifest import Manifest, ScoreManifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Case, Pair, Prompt


@dataclass(frozen=True)
class Audit:
    """The judgments of a comparison by item, and their outcomes."""

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
        latest, subject, _ = counted_verdicts(folder, manifest)
        return cls(
            manifest=manifest,
            criteria=[criterion.name for criterion in manifest.rubric.criteria],
            by_item=journeys_by_item(all_judgments(folder)),
            outcomes=outcomes(latest, subject, pooling),
            plan=plan_of(manifest) if manifest.prompt is not None else None,
        )

    def prompts(self, pair: Pair | None) -> dict[str, Prompt]:
        """Return what was sent, by key: a prompt that no longer has its request's key is not shown."""
        if self.plan is None or pair is None:
            return {}
        requests = (self.plan.requests([pair], judge) for judge in self.manifest.asked_judges)
        return {request.key: request.prompt for request in chain.from_iterable(requests)}

    def fields(self, item: str, pair: Pair | None) -> dict[str, Any]:
        """Return the fields of an item; where its pair is not known, those that its judgments name."""
        if pair is not None:
            return {**pair.item.meta, **pair.item.subgroup}
        metas = (journey.judgment.meta for journey in self.by_item.get(item, []))
        return dict(chain.from_iterable(meta.items() for meta in metas))


def case_prompts(manifest: ScoreManifest, case: Case) -> dict[str, Prompt]:
    """Return what was sent of a case, by key, as `Audit.prompts` does of a pair."""
    plan = score_plan_of(manifest)
    requests = (plan.requests([case], judge) for judge in manifest.judges)
    return {request.key: request.prompt for request in chain.from_iterable(requests)}


def items_of(folder: RunFolder, judged: Iterable[str]) -> Iterator[tuple[str, Pair | None]]:
    """Yield the items of a comparison with their pairs, in file order; without pairs, those that were judged."""
    if folder.pairs_path.exists():
        yield from ((pair.item.id, pair) for pair in folder.pairs())
    else:
        yield from ((item, None) for item in judged)


def doubts_of_run(folder: RunFolder) -> dict[str, frozenset[Doubt]]:
    """Return the doubts about each item that has any: of its judgments and of its traces."""
    criteria = [criterion.name for criterion in folder.manifest().rubric.criteria]
    by_item = journeys_by_item(folder.judgments())
    flagged = {flag.item for flag in flags_of_run(folder)}
    found = {}
    for item, pair in items_of(folder, by_item):
        doubts = doubts_of([journey.judgment for journey in by_item.get(item, [])], pair, criteria)
        found[item] = doubts | {Doubt.FLAGGED} if item in flagged else doubts
    return {item: doubts for item, doubts in found.items() if doubts}


def groups_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that have a value a filter can show."""
    named = {name: as_group(value) for name, value in fields.items()}
    return {name: value for name, value in named.items() if value is not None}


def counting_journeys(folder: RunFolder) -> Iterator[Journey]:
    """Yield the judgments that count, those of requests that were asked again last: these alone are held together."""
    seen: set[bytes] = set()
    repeated: set[bytes] = set()
    for judgment in all_judgments(folder):
        key = bytes.fromhex(judgment.key)
        (repeated if key in seen else seen).add(key)
    held = []
    for judgment in all_judgments(folder):
        if bytes.fromhex(judgment.key) in repeated:
            held.append(judgment)
        else:
            yield Journey(judgment, earlier=0)
    yield from journeys(held)
