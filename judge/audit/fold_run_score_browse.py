"""Find traces of a score by what was found in them, and read everything about one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from judge.audit.audited_case import ScoreFindings, answer_standing, modes_of
from judge.audit.audited_item import journeys
from judge.audit.filters import ANY_TRACE, ListedTrace, TraceFilters, TraceListing
from judge.audit.render_case import ShownCase
from judge.enums import FailureMode, Sort
from judge.errors import InputError, RunError
from judge.judging.run_kinds import score_plan_of
from judge.prompting.pairwise_prompt import shown_text
from judge.scoring.derive_score_report import make_score_report

if TYPE_CHECKING:
    from judge.audit.audited_item import Journey
    from judge.runs.journal import RunFolder


def list_traces(
    folder: RunFolder, filters: TraceFilters = ANY_TRACE, sort: Sort = Sort.DOUBT, n: int | None = None
) -> TraceListing:
    """Return the traces that pass the filters, at most n; by doubt, the lowest trace score first and none last.

    Raises:
        RunError: the folder is damaged.
    """
    found = ScoreFindings.of(make_score_report(folder).scores)
    said = _by_item(folder) if filters.text else {}
    rows, total = [], 0
    for case in folder.cases():
        total += 1
        listed = _listed(case.item.id, found)
        replies = [reply.text for one in said.get(case.item.id, []) for reply in one.judgment.replies]
        if filters.take(listed, [case.item.id, case.item.question, shown_text(case.trace, answers=True), *replies]):
            rows.append(listed)
    if sort is Sort.DOUBT:
        rows.sort(key=lambda row: (row.trace_score is None, row.trace_score or 0.0))
    return TraceListing(rows[:n], len(rows), total)


def read_case(folder: RunFolder, item: str | None = None) -> ShownCase:
    """Return everything about one trace; without a name, the one with the lowest trace score.

    Raises:
        InputError: no such item.
        RunError: the run has no items, or its folder is damaged.
    """
    found, manifest = ScoreFindings.of(make_score_report(folder).scores), folder.score_manifest()
    order = [row.item for row in list_traces(folder).rows]
    if not order:
        raise RunError(f"{folder.path}: the run has no items")
    name = order[0] if item is None else item
    if name not in order:
        close = get_close_matches(name, order, n=3)
        hint = f"did you mean {', '.join(map(repr, close))}?" if close else f"`omr-judge list {folder.path}`"
        raise InputError(f"item {name!r}", "is not in this run", hint)
    case = next(case for case in folder.cases() if case.item.id == name)
    plan = score_plan_of(manifest)
    following = order[order.index(name) + 1 :][:1]
    return ShownCase(
        case=case,
        model=manifest.model,
        found=found,
        asked=_by_item(folder).get(name, []),
        prompts={request.key: request.prompt for judge in manifest.judges for request in plan.requests([case], judge)},
        repair=manifest.repair,
        run=str(folder.path),
        following=following[0] if following else None,
    )


def _by_item(folder: RunFolder) -> dict[str, list[Journey]]:
    by_item: dict[str, list[Journey]] = {}
    for journey in journeys(folder.judgments()):
        by_item.setdefault(journey.judgment.item, []).append(journey)
    return by_item


def _listed(item: str, found: ScoreFindings) -> ListedTrace:
    own, modes = found.figures[item], modes_of(found, item)
    somewhere = {mode for group in modes.values() for mode in group}
    return ListedTrace(
        item=item,
        trace_score=own["trace_score"],
        groups={group: own[f"{group}_score"] for group in modes},
        answer=answer_standing(own),
        modes=tuple(mode for mode in FailureMode if mode.value in somewhere),
    )
