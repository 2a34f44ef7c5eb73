"""List the items of a run that pass filters, and read everything about one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from judge.audit.audit_queue import points
from judge.audit.audited_case import ScoreFindings, answer_standing, modes_of
from judge.audit.audited_item import journeys_by_item, outcomes, stratum
from judge.audit.filters import Listed, ListedTrace, arranged
from judge.audit.read_run import Audit, doubts_of_run, groups_of, items_of
from judge.audit.render_case import ShownCase
from judge.audit.render_item import SampleJudgments, ShownItem
from judge.enums import FailureMode, Sort, Unplaced
from judge.errors import InputError, RunError
from judge.files.safe_text import safe
from judge.outcomes.counted_items import Subject
from judge.outcomes.latest_judgments import latest_judgments
from judge.prompting.pairwise_prompt import shown_text
from judge.runs.manifest import chosen_criteria
from judge.schema import Failed, Outcome
from judge.scoring.derive_score_report import make_score_report

if TYPE_CHECKING:
    from judge.audit.audited_item import Journey
    from judge.audit.filters import Filters, TraceFilters
    from judge.runs.run_folder import RunFolder

Row = TypeVar("Row", Listed, ListedTrace)


class Listing(NamedTuple, Generic[Row]):
    """Items or traces that pass filters."""

    rows: list[Row]
    """at most as many as were asked for"""
    matched: int
    total: int


def list_items(
    folder: RunFolder, filters: Filters, criteria: Sequence[str] = (), sort: Sort = Sort.DOUBT, n: int | None = None
) -> Listing[Listed]:
    """Return the items that pass the filters.

    Args:
        folder: the run.
        filters: which items are wanted.
        criteria: whose outcomes; none: the rubric's last.
        sort: in which order.
        n: most items to return; None: all.

    Raises:
        InputError: an unknown criterion, or a field that no item has.
        RunError: the folder is damaged.
    """
    audit = Audit.read(folder)
    chosen = [criterion.name for criterion in chosen_criteria(audit.manifest, criteria)]
    rows: list[Listed] = []
    fields: set[str] = set()
    total = 0
    for listed in _listed_items(folder, audit, chosen):
        total += 1
        fields |= listed.fields.keys()
        if filters.take(listed):
            rows.append(listed._replace(texts=()))
    for field, _ in filters.where:
        if field not in fields:
            known = f"fields: {', '.join(map(safe, sorted(fields)))}" if fields else "the items have no fields"
            raise InputError(f"--where {field}", "no item has this field", known)
    return Listing(arranged(rows, sort)[:n], len(rows), total)


def _listed_items(folder: RunFolder, audit: Audit, criteria: Sequence[str]) -> Iterator[Listed]:
    doubts = doubts_of_run(folder)
    for item, pair in items_of(folder, audit.by_item):
        judgments = [journey.judgment for journey in audit.by_item.get(item, [])]
        replies = [reply.text for judgment in judgments for reply in judgment.replies]
        read = [] if pair is None else [pair.item.question, *(shown_text(t, answers=True) for t in (pair.a, pair.b))]
        yield Listed(
            item=item,
            outcomes={name: audit.outcomes.together[name].get(item, Outcome.MISSING) for name in criteria},
            doubts=doubts.get(item, frozenset()),
            answers=Unplaced.NO_ANSWER if pair is None else stratum(pair),
            failures=tuple(sorted({one.result.failure for one in judgments if isinstance(one.result, Failed)})),
            fields=groups_of(audit.fields(item, pair)),
            texts=(*read, *replies),
        )


def list_traces(folder: RunFolder, filters: TraceFilters, sort: Sort, n: int | None) -> Listing[ListedTrace]:
    """Return the traces that pass the filters, at most n; by doubt, the lowest trace score first and none last.

    Raises:
        RunError: the folder is damaged.
    """
    found = ScoreFindings.of(make_score_report(folder).scores)
    said = journeys_by_item(folder.judgments()) if filters.text else {}
    rows, total = [], 0
    for case in folder.cases():
        total += 1
        listed = _listed_trace(case.item.id, found)
        replies = [reply.text for one in said.get(case.item.id, []) for reply in one.judgment.replies]
        if filters.take(listed, [case.item.id, case.item.question, shown_text(case.trace, answers=True), *replies]):
            rows.append(listed)
    if sort is Sort.DOUBT:
        rows.sort(key=lambda row: _place(row.trace_score))
    return Listing(rows[:n], len(rows), total)


def _place(trace_score: float | None) -> tuple[bool, float]:
    """Return what sorts the lowest trace score first, and a trace without one last."""
    return trace_score is None, trace_score or 0.0


def _listed_trace(item: str, found: ScoreFindings) -> ListedTrace:
    own, modes = found.figures[item], modes_of(found, item)
    somewhere = {mode for group in modes.values() for mode in group}
    return ListedTrace(
        item=item,
        trace_score=own["trace_score"],
        groups={group: own[f"{group}_score"] for group in modes},
        answer=answer_standing(own),
        modes=tuple(mode for mode in FailureMode if mode.value in somewhere),
    )


def read_item(folder: RunFolder, item: str | None = None) -> ShownItem:
    """Return everything about one item; without a name, the most doubtful.

    Raises:
        InputError: no such item.
        RunError: the run has no items, or its folder is damaged.
    """
    audit, doubts = Audit.read(folder), doubts_of_run(folder)
    order = [name for name, _ in items_of(folder, audit.by_item)]
    order.sort(key=lambda name: -points(doubts.get(name, frozenset())))
    name, following = _chosen(folder, order, item)
    pair = next(pair for known, pair in items_of(folder, audit.by_item) if known == name)
    asked = _asked(audit, audit.by_item.get(name, []))
    return ShownItem(audit, str(folder.path), name, pair, asked, doubts.get(name, frozenset()), following)


def _asked(audit: Audit, own: Sequence[Journey]) -> list[SampleJudgments]:
    """Part the judgments of an item by judge and sample, each with the outcomes that the report's fold gives it."""
    parts: dict[tuple[str, int], list[Journey]] = {}
    for journey in own:
        parts.setdefault((journey.judgment.judge, journey.judgment.sample), []).append(journey)
    asked = []
    for (judge, sample), told in sorted(parts.items()):
        subject = Subject([judge], audit.criteria, audit.manifest.orders, n_items=1, n_identical=0)
        folded = outcomes(latest_judgments(journey.judgment for journey in told), subject).together
        item = told[0].judgment.item
        said = {name: folded[name].get(item, Outcome.MISSING) for name in audit.criteria}
        asked.append(SampleJudgments(judge, sample, {journey.judgment.order: journey for journey in told}, said))
    return asked


def read_case(folder: RunFolder, item: str | None = None) -> ShownCase:
    """Return everything about one trace; without a name, the one with the lowest trace score.

    Raises:
        InputError: no such item.
        RunError: the run has no items, or its folder is damaged.
    """
    found, manifest = ScoreFindings.of(make_score_report(folder).scores), folder.score_manifest()
    order = [case.item.id for case in folder.cases()]
    order.sort(key=lambda name: _place(found.figures[name]["trace_score"]))
    name, following = _chosen(folder, order, item)
    case = next(case for case in folder.cases() if case.item.id == name)
    asked = journeys_by_item(folder.judgments()).get(name, [])
    return ShownCase(manifest, str(folder.path), case, found, asked, following)


def _chosen(folder: RunFolder, order: Sequence[str], item: str | None) -> tuple[str, str | None]:
    """Return an item's name, by default the first of an order, and the name of the one that follows it."""
    if not order:
        raise RunError(f"{folder.path}: this run has no items yet: there is nothing to show")
    name = order[0] if item is None else item
    if name not in order:
        close = ", ".join(map(safe, get_close_matches(name, order, n=5)))
        hint = f"did you mean {close}?" if close else f"`omr-judge list {folder.path}` lists the items"
        raise InputError(safe(name), "no such item in this run", hint)
    return name, next(iter(order[order.index(name) + 1 :]), None)
