"""Make the page of a score: its report, and every trace with its checklist and every judgment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.audit.audited_case import ScoreFindings, answer_standing, modes_of, told_case, told_reading
from judge.audit.audited_item import journeys, numbered_prompts
from judge.audit.read_run import groups_of
from judge.files.files import replacing
from judge.judging.run_kinds import score_plan_of
from judge.page.page import ScorePage, build_score
from judge.page.pair_contents import CaseContents
from judge.page.thumbnails import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from judge.audit.audited_item import Journey
    from judge.runs.journal import RunFolder
    from judge.schema import Case, Prompt
    from judge.scoring.score_report import ScoredRun


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
        told |= _judged(case, by_item.get(item.id, []), sent, found, manifest.repair)
        contents.add(
            item.id,
            told,
            modes=modes_of(found, item.id),
            answer=answer_standing(found.figures[item.id]),
            groups=groups_of({field: item.meta[field] for field in by if field in item.meta} | item.subgroup),
        )
    return ScorePage(folder.name, manifest, made.report, contents)


def _judged(
    case: Case, own: Sequence[Journey], sent: Mapping[str, Prompt], found: ScoreFindings, repair: str | None
) -> dict[str, Any]:
    """Return the judgments of a case and its different prompts: one that no longer has its key is not shown."""
    told = [told_reading(journey, found, repair) for journey in own]
    prompts = (sent.get(journey.judgment.key) for journey in own)
    known = [case.item.question, case.trace.text]
    return {"judgments": told, "prompts": numbered_prompts(zip(told, prompts, strict=True), known)}
