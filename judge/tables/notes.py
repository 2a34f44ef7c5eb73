"""What changes how the first sentence of a report is read, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from judge.report.judge_signal import Signal
from judge.stats.clusters import HALF
from judge.tables.control_tables import finding
from judge.tables.qualifiers import DECIDED, interval_apart_from_test, missing_could_change
from judge.tables.sides import Side, side_of
from judge.tables.words import count, counted, percent_sign

if TYPE_CHECKING:
    from judge.report.criterion import CriterionReport
    from judge.report.report import Report

LEFT_OUT = {
    "only_a": "only in a",
    "only_b": "only in b",
    "no_item": "not among the items",
    "no_image": "without an image that can be shown",
    "no_checklist": "without a checklist",
    "not_chosen": "not among those chosen",
    "bad_row": "rows that could not be read",
}
INPUT = {
    "cut": "traces cut by length",
    "final_not_shown": "final text not shown",
    "no_question": "items without a question",
    "fields_not_read": "fields not read",
}


def is_unfinished(report: Report) -> bool:
    """Return whether calls are to be made yet, and the run did not stop because it was decided."""
    decided = report.sequential is not None and report.sequential.decided
    return bool(report.n_not_asked) and not decided


def notes(report: Report) -> Iterator[str]:
    """Yield what changes how the first sentence is read, what matters most first."""
    side, row = side_of(report), list(report.criteria.values())[-1]
    if text := interval_apart_from_test(row):
        yield f"{text}."
    yield from _missing(report, row, side)
    yield from left_out(report)
    if row.signal is not Signal.NO_SIGNAL:
        yield from filter(None, (_both_right(row, side), _lean(report, side), _length(report, side)))
    yield from (f"{text.removesuffix('.')}." for text in report.warnings if not _is_told(text, report))
    yield from _controls(report)


def left_out(report: Report) -> Iterator[str]:
    """Yield which items nobody was asked about, and why."""
    a, b = report.models.names
    named = LEFT_OUT | {"only_a": f"only in the traces of {a}", "only_b": f"only in the traces of {b}"}
    yield from (f"{count(n, 'item')} left out: {named[why]}." for why, n in report.left_out.items() if n)
    if n := report.n_identical:
        yield f"{count(n, 'pair')} {'has' if n == 1 else 'have'} identical traces: counted as tied, not asked."
    if report.input_counts:
        yield f"Input: {', '.join(f'{INPUT[name]}: {n}' for name, n in report.input_counts.items())}."


def _missing(report: Report, row: CriterionReport, side: Side) -> Iterator[str]:
    """Yield how many pairs wait for verdicts, how many have none and why, and how far those could move the rate."""
    waiting = row.ledger.missing.get("not_asked", 0) if is_unfinished(report) else 0
    if waiting:
        yield f"{count(waiting, 'pair')} {'is' if waiting == 1 else 'are'} not judged yet, and counted as missing."
    causes = {
        kind.replace("_", " "): n for kind, n in row.ledger.missing.items() if not (waiting and kind == "not_asked")
    }
    reasons = {"in one order only": row.ledger.one_sided, "cannot judge": row.ledger.cannot_judge} | causes
    told = ", ".join(f"{n:,} {why}" for why, n in reasons.items() if n)
    if not told:
        return
    lost = row.missing - waiting
    text = f"{count(lost, 'pair')} {'has' if lost == 1 else 'have'} no verdict ({told})"
    if waiting or row.bounds.low is None or row.bounds.high is None or row.win_rate.estimate is None:
        yield f"{text}."
        return
    low, high = side.ends(row.bounds.low, row.bounds.high)
    may_change = missing_could_change(row, report.equivalence, report.models)
    change = "; that could change the conclusion" if may_change else ""
    yield f"{text}: worst-case bounds {100 * low:.1f} to {100 * high:.1f} %{change}."


def _both_right(row: CriterionReport, side: Side) -> str:
    """Return the rate where both final answers are right, if it is another than the rate of all pairs."""
    if row.strata is None or row.win_rate.estimate is None:
        return ""
    rate, all_pairs = side.rate(row.strata.both_right.win_rate), side.rate(row.win_rate).estimate
    if rate.estimate is None or rate.low is None or rate.high is None or all_pairs is None:
        return ""
    mostly_answers = row.verdict in DECIDED and rate.estimate - HALF < (all_pairs - HALF) / 2
    if rate.low <= all_pairs <= rate.high and not (mostly_answers and rate.low <= HALF):
        return ""
    more = "; most of the lead comes from the answers" if mostly_answers else ""
    return f"Both answers right: {percent_sign(counted(rate))}{more}."


def _lean(report: Report, side: Side) -> str:
    """Return the position bias where the interval shows one."""
    overall, row = list(report.criteria.items())[-1]
    first = row.first_slot
    if first.low is None or first.high is None or first.low <= HALF <= first.high:
        return ""
    net = report.position[overall].win_rate
    without = ""
    if net is not None and net.estimate is not None:
        without = f"; net of it {100 * (net.estimate if side.is_a else 1 - net.estimate):.1f} %"
    return f"Position bias: the trace shown first wins {percent_sign(counted(first))}{without}."


def _length(report: Report, side: Side) -> str:
    """Return the length bias where the interval shows one, and the rate at equal length."""
    found = report.length[list(report.criteria)[-1]]
    if found is None or found.longer_wins.low is None or found.longer_wins.high is None:
        return ""
    if found.longer_wins.low <= HALF <= found.longer_wins.high and found.adjusted is None:
        return ""
    matched = side.rate(found.matched)
    equal = f"; at matched length {percent_sign(counted(matched))}" if matched.estimate is not None else ""
    if found.adjusted is not None and found.adjusted.win_rate.estimate is not None:
        adjusted = found.adjusted.win_rate.estimate
        equal += f"; length-controlled {100 * (adjusted if side.is_a else 1 - adjusted):.1f} %"
    return f"The longer trace wins {percent_sign(counted(found.longer_wins))}{equal}."


def _is_told(warning: str, report: Report) -> bool:
    """Return whether a warning only says again what the lines about the judge have said."""
    about_signal = any(warning.startswith(f"Judge {judge} shows no signal") for judge in report.judges)
    return about_signal or warning.startswith("Too few items to tell whether judge ")


def _controls(report: Report) -> Iterator[str]:
    for kind, control in (report.controls or {}).items():
        for judge, criteria in control.moved.items():
            who = f" of {judge}" if len(report.judges) > 1 else ""
            failed = f", {control.n_failed} of {count(control.n_judgments, 'call')} failed" if control.n_failed else ""
            told = {name: own for name, own in criteria.items() if own.effect is not None}
            if told:
                yield f"Control {kind}{who} ({count(control.n_items, 'pair')}{failed}): {finding(told)}."
