"""Make the page of a run: its report, and every pair with every judgment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from judge.core.audit import (
    Journey,
    Outcomes,
    Unplaced,
    journeys,
    outcomes,
    stratum,
    told_judgment,
    told_pair,
    told_prompt,
)
from judge.core.facts import as_group
from judge.core.panel import Pooling
from judge.core.planning import Planner
from judge.io.files import replacing
from judge.io.render.html.contents import Contents
from judge.io.render.html.page import Page, build
from judge.io.render.html.thumbnails import shown
from judge.run.report import subject_of
from judge.run.session import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from judge.core.report import Report
    from judge.io.journal import RunFolder
    from judge.io.manifest import Manifest
    from judge.schema import Pair, Prompt


def write_page(folder: RunFolder, report: Report, path: Path) -> None:
    """Write the page as one file that needs no other.

    Raises:
        RunError: the folder is damaged, or the file cannot be written.
    """
    page = build(read_page(folder, report), served=False)
    with replacing(path) as file:
        file.write(page.encode())


def read_page(folder: RunFolder, report: Report) -> Page:
    """Read everything that the page shows from the run's folder."""
    manifest = folder.manifest()
    audit = _Audit.read(folder, manifest, report.pooling or Pooling.MEAN)
    contents = Contents(audit.outcomes)
    for item, told, place, groups in audit.items(folder, by=tuple(report.subgroups)):
        contents.add(item, told, stratum=place, groups=groups, identical=item in audit.identical)
    return Page(folder.name, manifest, report, contents)


@dataclass(frozen=True)
class _Audit:
    """The judgments of a run by item, and what they amount to."""

    manifest: Manifest
    criteria: list[str]
    by_item: Mapping[str, list[Journey]]
    outcomes: Outcomes
    identical: frozenset[str]
    planners: list[Planner]

    @classmethod
    def read(cls, folder: RunFolder, manifest: Manifest, pooling: Pooling) -> _Audit:
        kept = journeys(folder.judgments())
        by_item: dict[str, list[Journey]] = {}
        for journey in kept:
            by_item.setdefault(journey.judgment.item, []).append(journey)
        plan = plan_of(manifest) if manifest.prompt is not None else None
        return cls(
            manifest=manifest,
            criteria=[criterion.name for criterion in manifest.rubric.criteria],
            by_item=by_item,
            outcomes=outcomes((journey.judgment for journey in kept), subject_of(manifest), pooling),
            identical=frozenset(manifest.identical),
            planners=[Planner(plan, judge) for judge in manifest.judges] if plan else [],
        )

    def items(self, folder: RunFolder, by: Sequence[str]) -> Iterator[tuple[str, dict[str, Any], str, dict[str, str]]]:
        """Yield each item's id, what is told of it, its answer stratum and its groups; the pairs' order decides."""
        if not folder.pairs_path.exists():
            yield from self._unknown_items()
            return
        for pair in folder.pairs():
            told = told_pair(pair) | {"images": [shown(image)._asdict() for image in pair.item.images]}
            told |= self._judged(pair.item.id, self._prompts(pair), [pair.item.question, pair.a.text, pair.b.text])
            asked_for = {field: pair.item.meta[field] for field in by if field in pair.item.meta}
            yield pair.item.id, told, stratum(pair).value, _groups(asked_for | pair.item.subgroup)

    def _unknown_items(self) -> Iterator[tuple[str, dict[str, Any], str, dict[str, str]]]:
        """Yield the items of which only judgments are known."""
        for item, own in self.by_item.items():
            fields: dict[str, Any] = {}
            for journey in own:
                fields |= journey.judgment.meta
            yield item, {"fields": fields, **self._judged(item, {}, [])}, Unplaced.NO_ANSWER.value, _groups(fields)

    def _prompts(self, pair: Pair) -> dict[str, Prompt]:
        """Return what was sent, by key: a prompt that no longer has its request's key is not shown."""
        return {request.key: request.prompt for planner in self.planners for request in planner.requests([pair])}

    def _judged(self, item: str, prompts: Mapping[str, Prompt], known: list[str]) -> dict[str, Any]:
        """Return an item's judgments, each with the place of its prompt among the item's different prompts."""
        different: list[dict[str, Any]] = []
        judgments = []
        for journey in self.by_item.get(item, []):
            told = told_judgment(journey, self.criteria)
            prompt = prompts.get(journey.judgment.key)
            if prompt is not None:
                sent = told_prompt(prompt, known)
                if sent not in different:
                    different.append(sent)
                told["prompt"] = different.index(sent)
            judgments.append(told)
        return {"judgments": judgments, "prompts": different}


def _groups(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that have a value a filter can show."""
    named = {name: as_group(value) for name, value in fields.items()}
    return {name: value for name, value in named.items() if value is not None}
