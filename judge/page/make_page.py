"""Make the page of a run: its report, and every pair with every judgment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from judge.audit.audited_item import numbered_prompts, stratum, told_judgment, told_pair
from judge.audit.doubts import doubts_of_run
from judge.audit.read_run import Audit, groups_of
from judge.enums import Unplaced
from judge.files.files import replacing
from judge.outcomes.counted_items import Pooling
from judge.page.page import Page, build
from judge.page.pair_contents import PairContents
from judge.page.thumbnails import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from judge.report.report import Report
    from judge.runs.journal import RunFolder
    from judge.schema import Prompt


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
