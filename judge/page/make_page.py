"""Make the page of a run: its report, and every pair with every judgment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from judge.audit.audited_case import ScoreFindings, answer_standing, modes_of, told_case, told_reading
from judge.audit.audited_item import journeys, numbered_prompts, stratum, told_judgment, told_pair
from judge.audit.doubts import doubts_of_run
from judge.audit.read_run import Audit, groups_of
from judge.enums import Unplaced
from judge.files.files import replacing
from judge.judging.run_kinds import score_plan_of
from judge.outcomes.counted_items import Pooling
from judge.page.page import Page, ScorePage, build, build_score
from judge.page.pair_contents import CaseContents, PairContents
from judge.page.thumbnails import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from judge.audit.audited_item import Journey
    from judge.report.report import Report
    from judge.runs.journal import RunFolder
    from judge.schema import Case, Prompt
    from judge.scoring.score_report import ScoredRun


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
    audit = Audit.read(folder, report.pooling or Pooling.MEAN)
    identical = frozenset(audit.manifest.identical)
    doubts = doubts_of_run(folder)
    contents = PairContents(audit.outcomes)
    for item, told, place, groups in _items(audit, folder, by=tuple(report.subgroups)):
        contents.add(
            item,
            told,
            stratum=place,
            groups=groups,
            doubts=doubts.get(item, frozenset()),
            identical=item in identical,
        )
    return Page(folder.name, audit.manifest, report, contents)


def _items(
    audit: Audit, folder: RunFolder, by: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any], str, dict[str, str]]]:
    """Yield each item's id, what is told of it, its answer stratum and its groups; the pairs' order decides."""
    if not folder.pairs_path.exists():
        yield from _unknown_items(audit)
        return
    for pair in folder.pairs():
        told = told_pair(pair) | {"images": [shown(image)._asdict() for image in pair.item.images]}
        told |= _judged(audit, pair.item.id, audit.prompts(pair), [pair.item.question, pair.a.text, pair.b.text])
        asked_for = {field: pair.item.meta[field] for field in by if field in pair.item.meta}
        yield pair.item.id, told, stratum(pair).value, groups_of(asked_for | pair.item.subgroup)


def _unknown_items(audit: Audit) -> Iterator[tuple[str, dict[str, Any], str, dict[str, str]]]:
    """Yield the items of which only judgments are known."""
    for item in audit.by_item:
        fields = audit.judged_fields(item)
        yield item, {"fields": fields, **_judged(audit, item, {}, [])}, Unplaced.NO_ANSWER.value, groups_of(fields)


def _judged(audit: Audit, item: str, prompts: Mapping[str, Prompt], known: list[str]) -> dict[str, Any]:
    """Return an item's judgments and its different prompts."""
    own = audit.by_item.get(item, [])
    judgments = [told_judgment(journey, audit.criteria, audit.manifest.repair) for journey in own]
    sent = [prompts.get(journey.judgment.key) for journey in own]
    return {"judgments": judgments, "prompts": numbered_prompts(zip(judgments, sent, strict=True), known)}


def write_score_page(folder: RunFolder, made: ScoredRun, path: Path) -> None:
    """Write the page as one file that needs no other.

    Raises:
        RunError: the folder is damaged, or the file cannot be written.
    """
    page = build_score(read_score_page(folder, made), served=False)
    with replacing(path) as file:
        file.write(page.encode())


def read_score_page(folder: RunFolder, made: ScoredRun) -> ScorePage:
    """Read everything that the page shows from the run's folder."""
    manifest = folder.score_manifest()
    found = ScoreFindings.of(made.scores)
    by_item: dict[str, list[Journey]] = {}
    for journey in journeys(folder.judgments()):
        by_item.setdefault(journey.judgment.item, []).append(journey)
    plan = score_plan_of(manifest)
    contents, by = CaseContents(), tuple(made.report.subgroups)
    for case in folder.cases():
        item = case.item
        told = told_case(case, found) | {"images": [shown(image)._asdict() for image in item.images]}
        sent = {request.key: request.prompt for judge in manifest.judges for request in plan.requests([case], judge)}
        told |= _judged_case(case, by_item.get(item.id, []), sent, found, manifest.repair)
        contents.add(
            item.id,
            told,
            modes=modes_of(found, item.id),
            answer=answer_standing(found.figures[item.id]),
            groups=groups_of({field: item.meta[field] for field in by if field in item.meta} | item.subgroup),
        )
    return ScorePage(folder.name, manifest, made.report, contents)


def _judged_case(
    case: Case, own: Sequence[Journey], sent: Mapping[str, Prompt], found: ScoreFindings, repair: str | None
) -> dict[str, Any]:
    """Return the judgments of a case and its different prompts: one that no longer has its key is not shown."""
    told = [told_reading(journey, found, repair) for journey in own]
    prompts = (sent.get(journey.judgment.key) for journey in own)
    known = [case.item.question, case.trace.text]
    return {"judgments": told, "prompts": numbered_prompts(zip(told, prompts, strict=True), known)}
