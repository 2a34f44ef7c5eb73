"""Find items of a run by what was said of them, and read everything about one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from judge.audit.audit_queue import points
from judge.audit.audited_case import ScoreFindings, answer_standing, modes_of
from judge.audit.audited_item import journeys, outcomes, stratum
from judge.audit.doubts import doubts_of_run
from judge.audit.filters import ANY_TRACE, Filters, Listed, ListedTrace, TraceFilters, TraceListing, arranged
from judge.audit.read_run import Audit, groups_of
from judge.audit.render_case import ShownCase
from judge.audit.render_item import SampleJudgments, ShownItem
from judge.enums import FailureMode, Sort, Unplaced
from judge.errors import InputError, RunError
from judge.files.safe_text import safe
from judge.judging.run_kinds import score_plan_of
from judge.outcomes.counted_items import Subject
from judge.prompting.pairwise_prompt import shown_text
from judge.runs.manifest import chosen_criteria
from judge.schema import Failed, Outcome
from judge.scoring.derive_score_report import make_score_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from judge.audit.audit_queue import Doubt
    from judge.audit.audited_item import Journey
    from judge.runs.journal import RunFolder
    from judge.schema import Pair


class Listing(NamedTuple):
    """Items that were asked for, and of how many."""

    rows: list[Listed]
    """at most as many as were asked for"""
    matched: int
    total: int
    criteria: list[str]


def list_items(
    folder: RunFolder, filters: Filters, criteria: Sequence[str] = (), sort: Sort = Sort.DOUBT, n: int | None = None
) -> Listing:
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
    for listed in _listed(folder, audit, chosen):
        total += 1
        fields |= listed.fields.keys()
        if filters.take(listed):
            rows.append(listed._replace(texts=()))
    for field, _ in filters.where:
        if field not in fields:
            raise InputError(f"--where {field}", "no item has this field", _known(fields))
    return Listing(arranged(rows, sort)[:n], len(rows), total, chosen)


def _known(fields: set[str]) -> str:
    return f"fields: {', '.join(map(safe, sorted(fields)))}" if fields else "the items have no fields"


def _listed(folder: RunFolder, audit: Audit, criteria: Sequence[str]) -> Iterator[Listed]:
    """Yield every item of a run, in file order; where the pairs are not known, those that were judged."""
    doubts = doubts_of_run(folder)
    for item, pair in _items(folder, audit):
        judgments = [journey.judgment for journey in audit.by_item.get(item, [])]
        own = audit.judged_fields(item) if pair is None else {**pair.item.meta, **pair.item.subgroup}
        replies = [reply.text for judgment in judgments for reply in judgment.replies]
        read = [] if pair is None else [pair.item.question, *(shown_text(t, answers=True) for t in (pair.a, pair.b))]
        yield Listed(
            item=item,
            outcomes={name: audit.outcomes.together[name].get(item, Outcome.MISSING) for name in criteria},
            doubts=doubts.get(item, frozenset()),
            answers=Unplaced.NO_ANSWER if pair is None else stratum(pair),
            failures=tuple(sorted({one.result.failure for one in judgments if isinstance(one.result, Failed)})),
            fields=groups_of(own),
            texts=(*read, *replies),
        )


def _items(folder: RunFolder, audit: Audit) -> Iterator[tuple[str, Pair | None]]:
    if folder.pairs_path.exists():
        yield from ((pair.item.id, pair) for pair in folder.pairs())
    else:
        yield from ((item, None) for item in audit.by_item)


def read_item(folder: RunFolder, item: str | None = None) -> ShownItem:
    """Return everything about one item; without a name, the most doubtful.

    Raises:
        InputError: no such item.
        RunError: the run has no items, or its folder is damaged.
    """
    audit, doubts = Audit.read(folder), doubts_of_run(folder)
    names = [name for name, _ in _items(folder, audit)]
    if not names:
        raise RunError(f"{folder.path}: this run has no items yet: there is nothing to show")
    order = _by_doubt(names, doubts)
    name = order[0] if item is None else item
    if name not in set(names):
        close = get_close_matches(name, names, n=5)
        hint = (
            f"did you mean {', '.join(map(safe, close))}?"
            if close
            else f"`omr-judge list {folder.path}` lists the items"
        )
        raise InputError(safe(name), "no such item in this run", hint)
    pair = next(pair for known, pair in _items(folder, audit) if known == name)
    following = order[order.index(name) + 1 :][:1]
    return ShownItem(
        item=name,
        pair=pair,
        models=(audit.manifest.model_a, audit.manifest.model_b),
        criteria=audit.criteria,
        outcomes={criterion: own.get(name, Outcome.MISSING) for criterion, own in audit.outcomes.together.items()},
        asked=_asked(audit, audit.by_item.get(name, [])),
        doubts=doubts.get(name, frozenset()),
        identical=name in audit.manifest.identical,
        prompts=audit.prompts(pair) if pair else {},
        repair=audit.manifest.repair,
        run=str(folder.path),
        following=following[0] if following else None,
    )


def _by_doubt(names: Sequence[str], doubts: Mapping[str, frozenset[Doubt]]) -> list[str]:
    """Return the most doubtful first, equally doubtful ones as they stand."""
    return sorted(names, key=lambda name: -points(doubts.get(name, frozenset())))


def _asked(audit: Audit, own: Sequence[Journey]) -> list[SampleJudgments]:
    """Part the judgments of an item by judge and sample, each with the outcomes that the report's fold gives it."""
    parts: dict[tuple[str, int], list[Journey]] = {}
    for journey in own:
        parts.setdefault((journey.judgment.judge, journey.judgment.sample), []).append(journey)
    asked = []
    for (judge, sample), told in sorted(parts.items()):
        subject = Subject([judge], audit.criteria, audit.manifest.orders, n_items=1, n_identical=0)
        folded = outcomes((journey.judgment for journey in told), subject).together
        item = told[0].judgment.item
        said = {name: folded[name].get(item, Outcome.MISSING) for name in audit.criteria}
        asked.append(SampleJudgments(judge, sample, {journey.judgment.order: journey for journey in told}, said))
    return asked


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
        listed = _listed_cases(case.item.id, found)
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


def _listed_cases(item: str, found: ScoreFindings) -> ListedTrace:
    own, modes = found.figures[item], modes_of(found, item)
    somewhere = {mode for group in modes.values() for mode in group}
    return ListedTrace(
        item=item,
        trace_score=own["trace_score"],
        groups={group: own[f"{group}_score"] for group in modes},
        answer=answer_standing(own),
        modes=tuple(mode for mode in FailureMode if mode.value in somewhere),
    )
