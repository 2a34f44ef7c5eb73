"""Read what the page of a run shows, its report and every item with every judgment, and write it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.audit.audited_case import ScoreFindings, answer_standing, describe_case, describe_reading, modes_of
from judge.audit.audited_item import describe_judgment, describe_pair, journeys_by_item, numbered_prompts
from judge.audit.read_run import Audit, case_prompts, doubts_of_run, groups_of, items_of
from judge.enums import Unplaced
from judge.files.files import replacing
from judge.outcomes.counted_items import Pooling
from judge.page.assemble import assemble
from judge.page.contents import CaseContents, PairContents
from judge.page.page import comparison_page, score_page
from judge.page.spent import spent
from judge.page.thumbnails import thumbnail
from judge.page.without_paths import shareable, without_folders
from judge.prompting.pairwise_prompt import trace_body

if TYPE_CHECKING:
    from judge.audit.audited_item import Journey
    from judge.page.assemble import Parts
    from judge.report.report import Report
    from judge.runs.run_folder import RunFolder
    from judge.schema import Item, Pair, Prompt
    from judge.scoring.score_report import ScoredRun


def write_page(parts: Parts, path: Path) -> None:
    """Write a page as one file that needs no other; RunError where it cannot be written."""
    with replacing(path) as file:
        file.write(assemble(parts, served=False).encode())


def read_page(folder: RunFolder, report: Report) -> Parts:
    """Read everything that the page of a comparison shows; RunError where the folder is damaged."""
    audit = Audit.read(folder, report.pooling or Pooling.MEAN)
    identical = frozenset(audit.manifest.identical)
    doubts = doubts_of_run(folder)
    contents = PairContents(audit.outcomes)
    for item, pair in items_of(folder, audit.by_item):
        fields = audit.fields(item, pair) if pair is None else _filter_fields(pair.item, report.subgroups)
        contents.add(
            item,
            _told_item(audit, item, pair),
            stratum=(Unplaced.NO_ANSWER if pair is None else audit.answers.stratum(pair)).value,
            groups=groups_of(fields),
            doubts=doubts.get(item, frozenset()),
            identical=item in identical,
        )
    paid = spent(folder.judgments(), audit.manifest.prices)
    return comparison_page(folder.name, shareable(audit.manifest), report, contents, paid)


def _told_item(audit: Audit, item: str, pair: Pair | None) -> dict[str, Any]:
    """Return everything about an item; where its pair is not known, what its judgments tell."""
    if pair is None:
        told, known = {"fields": audit.fields(item, pair)}, []
    else:
        told = describe_pair(pair, audit.answers) | _told_images(pair.item)
        known = [pair.item.question, told["a"]["text"], told["b"]["text"]]
    return told | _told_requests(
        audit.by_item.get(item, []),
        lambda journey: describe_judgment(journey, audit.criteria, audit.manifest.repair),
        audit.prompts(pair),
        known,
    )


def _told_images(item: Item) -> dict[str, Any]:
    return {
        "images": [thumbnail(image)._asdict() for image in item.images],
        "missing_images": list(map(without_folders, item.missing_images)),
    }


def _filter_fields(item: Item, by: Iterable[str]) -> dict[str, Any]:
    """Return the fields that may be filters: the subgroups, and those that the report was asked for."""
    return {field: item.meta[field] for field in by if field in item.meta} | item.subgroup


def _told_requests(
    own: Sequence[Journey],
    tell: Callable[[Journey], dict[str, Any]],
    prompts: Mapping[str, Prompt],
    known: Sequence[str],
) -> dict[str, Any]:
    """Return an item's judgments and its different prompts: one that no longer has its key is not shown."""
    judgments = [tell(journey) for journey in own]
    sent = [prompts.get(journey.judgment.key) for journey in own]
    return {"judgments": judgments, "prompts": numbered_prompts(zip(judgments, sent, strict=True), known)}


def read_score_page(folder: RunFolder, made: ScoredRun) -> Parts:
    """Read everything that the page of a score shows; RunError where the folder is damaged."""
    manifest = folder.score_manifest()
    found = ScoreFindings.of(made.scores)
    by_item = journeys_by_item(folder.judgments())
    contents = CaseContents()
    for case in folder.cases():
        item = case.item
        told = describe_case(case, found) | _told_images(item)
        told |= _told_requests(
            by_item.get(item.id, []),
            lambda journey: describe_reading(journey, found, manifest.repair),
            case_prompts(manifest, case),
            [item.question, trace_body(case.trace)],
        )
        contents.add(
            item.id,
            told,
            modes=modes_of(found, item.id),
            answer=answer_standing(found.figures[item.id]),
            groups=groups_of(_filter_fields(item, made.report.subgroups)),
        )
    paid = spent(folder.judgments(), manifest.prices)
    return score_page(folder.name, shareable(manifest), made.report, contents, paid)
