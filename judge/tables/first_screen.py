"""The first screen of a comparison in words: the sentence, what the judge is worth, what changes the reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from judge.costs.cost_words import dollars
from judge.enums import Orders
from judge.report.escalation import escalation_clause
from judge.report.judge_signal import Signal
from judge.stats.clusters import HALF
from judge.stats.significance import Conclusion
from judge.tables import words
from judge.tables.control_tables import finding
from judge.tables.qualifiers import DECIDED, interval_apart_from_test, missing_could_change
from judge.tables.words import count, counted, p_text, percent_sign

if TYPE_CHECKING:
    from judge.outcomes.interim_looks import Sequential
    from judge.outcomes.rates import Estimate
    from judge.report.criterion import CriterionReport
    from judge.report.report import Report

EMBEDDED = "local:SmolLM2-135M"
"""the beginning of the name of the judge that comes with the program, and can judge nothing"""
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


class Side(NamedTuple):
    """The model that a screen speaks of: the one that is preferred, else model a."""

    name: str
    other: str
    is_a: bool

    def rate(self, of_a: Estimate) -> Estimate:
        """Return a rate of model a as the rate of this model."""
        if self.is_a or of_a.estimate is None:
            return of_a
        return of_a.model_copy(
            update={
                "estimate": 1 - of_a.estimate,
                "low": None if of_a.high is None else 1 - of_a.high,
                "high": None if of_a.low is None else 1 - of_a.low,
                "numerator": None if of_a.numerator is None else of_a.n - of_a.numerator,
            }
        )

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """Return two bounds of model a's rate as those of this model's, the lower one first."""
        return (low, high) if self.is_a else (1 - high, 1 - low)


def side_of(report: Report) -> Side:
    """Return the model that the overall criterion prefers; model a where it prefers none."""
    row = list(report.criteria.values())[-1]
    a, b = report.models.names
    return Side(b, a, is_a=False) if row.verdict is Conclusion.WORSE else Side(a, b, is_a=True)


def headline(report: Report, run: str) -> list[str]:
    """Return the sentence that comes first: which model, by how much, of how many pairs; and what would tell more.

    Args:
        report: of a comparison.
        run: what a person calls it.
    """
    side, row = side_of(report), list(report.criteria.values())[-1]
    rate = side.rate(row.win_rate)
    if is_unfinished(report):
        done = f"Not finished: {report.n_judgments:,} of {report.n_judgments + report.n_not_asked:,} calls made."
        so_far = f" So far {side.name} wins {_of_pairs(report, rate)}." if rate.estimate is not None else ""
        return [f"{done}{so_far}", f"Go on: omr-judge resume {run}"]
    if rate.estimate is None:
        return [f"Nothing can be said of {side.name} and {side.other}: no pair has the verdicts that a win rate needs."]
    if row.signal is Signal.NO_SIGNAL:
        no_signal = "this judge shows" if len(report.judges) == 1 else "these judges show"
        return [f"Nothing can be said of {side.name} and {side.other}: {no_signal} no signal."]
    if report.sequential is not None:
        return [_stopped(report.sequential, side)]
    sentence = _conclusion(report, row, side)
    if row.verdict is Conclusion.INCONCLUSIVE and row.signal is Signal.TOO_FEW:
        return [sentence, f"How many would do: omr-judge plan --pilot {run}"]
    return [sentence]


def _conclusion(report: Report, row: CriterionReport, side: Side) -> str:
    """Return the conclusion of a run whose number of pairs was fixed."""
    shown = _of_pairs(report, side.rate(row.win_rate))
    match row.verdict:
        case Conclusion.BETTER | Conclusion.WORSE:
            return f"{side.name} is preferred to {side.other} in {shown}, {p_text(row.p_value)}."
        case Conclusion.EQUIVALENT:
            p_value = "" if row.equivalence_p is None else f", {p_text(row.equivalence_p)}"
            margin = f"{100 * (report.equivalence or 0):g} points of 50 %"
            both = f"{side.name} and {side.other} are equivalent within {margin}"
            return f"{both}: {side.name} wins {shown}{p_value}."
        case Conclusion.INCONCLUSIVE:
            found = "Too few to tell" if row.signal is Signal.TOO_FEW else "No preference is shown"
            return f"{found}: {side.name} wins {shown} against {side.other}, {p_text(row.p_value)}."


def is_unfinished(report: Report) -> bool:
    """Return whether calls are to be made yet, and the run did not stop because it was decided."""
    decided = report.sequential is not None and report.sequential.decided
    return bool(report.n_not_asked) and not decided


def _of_pairs(report: Report, rate: Estimate) -> str:
    number, _, interval = words.percent(rate).partition(" ")
    clusters = f" clustered by {report.clusters.field}" if report.clusters.field else ""
    return f"{number} % of {count(rate.n, 'pair')}{clusters}{f' {interval}' if interval else ''}"


def _stopped(found: Sequential, side: Side) -> str:
    """Return the sentence of a run that may stop early: a confidence sequence is its only interval."""
    low, high = side.ends(found.low, found.high)
    looks = f"{count(found.n_looks, 'look')}, {found.items_asked:,} of {found.items_planned:,} pairs"
    of = words.sequence_of(found, side.name)
    estimate = None if found.estimate is None else found.estimate if side.is_a else 1 - found.estimate
    share = "" if estimate is None else f"{100 * estimate:.1f} % "
    interval = f"{of} {share}[{100 * low:.1f}, {100 * high:.1f}] at every look, {p_text(found.p_value)}"
    if found.winner is None:
        state = "decided once, but not by the later looks" if found.decided else "undecided"
        return f"No preference is shown: {state} after {looks}; {interval}."
    return f"{side.name} is preferred to {side.other}: decided after {looks}; {interval}."


def judge_lines(report: Report) -> list[str]:
    """Return what the judge, or each of a panel, is worth, a sentence a line; and what a second judge judged anew."""
    lines = _panel_lines(report) if len(report.judges) > 1 else _lines_of_judge(report)
    if report.escalation is not None:
        lines.append(f"{escalation_clause(report.escalation, report.n_items)}.")
    return lines


def _lines_of_judge(report: Report) -> list[str]:
    row, (judge,) = list(report.criteria.values())[-1], report.judges
    agree = row.consistency
    if report.orders is Orders.ONE:
        return [f"Judge {judge}: each pair in one order, so that position bias cannot be told from preference."]
    if not agree.n or agree.numerator is None:
        return [f"Judge {judge}: no pair has verdicts in both orders."]
    orders = f"both orders agree in {words.amount(agree.numerator)} of {count(agree.n, 'pair')}"
    if row.signal is Signal.NO_SIGNAL:
        return _silent_lines(judge, row, orders)
    if row.signal is Signal.SIGNAL:
        return [f"Judge {judge}: signal ({orders}, {100 * (agree.estimate or 0):.0f} %)."]
    too_few = f"Judge {judge}: too few pairs to tell whether it follows the traces ({orders})."
    return _of_embedded(too_few) if judge.startswith(EMBEDDED) else [too_few]


def _silent_lines(judge: str, row: CriterionReport, orders: str) -> list[str]:
    """Return why a judge shows no signal, and which may show one."""
    why = f"Judge {judge}: {orders}{_first_shown(row)}."
    if not judge.startswith(EMBEDDED):
        return [why, "Another judge, or another prompt, may show one: --judge, --prompt."]
    return _of_embedded(why)


def _of_embedded(why: str) -> list[str]:
    """Return what to say of the embedded judge: that it judges nothing, and which would."""
    return [
        f"{why} It is for trying the program.",
        "A judge worth asking:",
        "  export ANTHROPIC_API_KEY=...   then   --judge anthropic:claude-sonnet-5-5",
        "  or, on this machine,           --judge ollama:qwen3:32b",
    ]


def _first_shown(row: CriterionReport) -> str:
    first = row.first_slot
    if first.estimate is None or first.numerator is None:
        return ""
    share = f"{words.amount(first.numerator)} of {count(first.n, 'decisive verdict')} ({100 * first.estimate:.0f} %)"
    return f"; it picks the trace shown first in {share}"


def _panel_lines(report: Report) -> list[str]:
    """Return how far the judges of a panel agree, what one left out would change, and which show a signal."""
    side, overall = side_of(report), list(report.criteria)[-1]
    alone = {name: own[overall] for name, own in report.by_judge.items()}
    rates = {name: side.rate(row.win_rate).estimate for name, row in alone.items()}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    lines = []
    if len(known) > 1:
        agreed = all(rate > HALF for rate in known.values()) or all(rate < HALF for rate in known.values())
        ends = f"{100 * min(known.values()):.1f} to {100 * max(known.values()):.1f} % by judge"
        lines.append(f"{len(known)} judges {'agree' if agreed else 'do not agree'}: {side.name} wins {ends}")
        without = (report.judge_sensitivity or {}).get(overall)
        left = [side.rate(rate).estimate for rate in without.without.values()] if without and len(rates) > 2 else []  # noqa: PLR2004 - of two judges one is left
        if shown := [rate for rate in left if rate is not None]:
            lines[-1] += f"; with one left out {100 * min(shown):.1f} to {100 * max(shown):.1f} %"
        lines[-1] += "."
    by_signal = {
        signal: [name for name, row in alone.items() if row.signal is signal and row.consistency.n] for signal in Signal
    }
    told = [f"{signal}: {', '.join(names)}" for signal, names in by_signal.items() if names]
    if told:
        lines.append(f"{'; '.join(told)[0].upper()}{'; '.join(told)[1:]}.")
    return lines


def notes(report: Report) -> Iterator[str]:
    """Yield what changes how the first sentence is read, what matters most first."""
    side, row = side_of(report), list(report.criteria.values())[-1]
    if text := interval_apart_from_test(row):
        yield f"{text}."
    if text := _missing(report, row, side):
        yield text
    yield from left_out(report)
    if row.signal is not Signal.NO_SIGNAL:
        yield from filter(None, (_both_right(row, side), _lean(report, side), _length(report, side)))
    yield from (text for text in report.warnings if not _is_told(text, report))
    yield from _controls(report)


def left_out(report: Report) -> Iterator[str]:
    """Yield which items nobody was asked about, and why."""
    yield from (f"{count(n, 'item')} left out: {LEFT_OUT[why]}." for why, n in report.left_out.items() if n)
    if report.n_identical:
        yield f"{count(report.n_identical, 'pair')} with identical traces: ties, not asked."
    if report.input_counts:
        yield f"Input: {', '.join(f'{INPUT[name]}: {n}' for name, n in report.input_counts.items())}."


def _missing(report: Report, row: CriterionReport, side: Side) -> str:
    """Return how many pairs have no verdict, why, and how far they could move the win rate."""
    waiting = row.ledger.missing.get("not_asked", 0) if is_unfinished(report) else 0
    reasons = {
        "one order only": row.ledger.one_sided,
        "cannot judge": row.ledger.cannot_judge,
        **{
            kind.replace("_", " "): n for kind, n in row.ledger.missing.items() if not (waiting and kind == "not_asked")
        },
    }
    told = ", ".join(f"{n} {why}" for why, n in reasons.items() if n)
    if not told:
        return ""
    lost = row.missing - waiting
    text = f"{count(lost, 'pair')} {'has' if lost == 1 else 'have'} no verdict ({told})"
    if waiting or row.bounds.low is None or row.bounds.high is None or row.win_rate.estimate is None:
        return f"{text}."
    low, high = side.ends(row.bounds.low, row.bounds.high)
    change = (
        "; that could change the conclusion" if missing_could_change(row, report.equivalence, report.models) else ""
    )
    return f"{text}: {100 * low:.1f} to {100 * high:.1f} % at worst{change}."


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
    more = "; the lead is mostly answers" if mostly_answers else ""
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


def counts_line(report: Report) -> str:
    """Return how much was judged, what failed, and what it cost."""
    failures = ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in report.failures.items())
    failed = f"{report.n_failed:,} failed{f' ({failures})' if failures else ''}"
    cost = ""
    if report.costs:
        cost = ", cost unknown" if report.usd is None else f", {dollars(report.usd)}"
    return f"{count(report.n_items, 'item')}, {count(report.n_judgments, 'judgment')}, {failed}{cost}."


def legend(report: Report) -> str:
    """Return how the table is read."""
    side = side_of(report)
    split = " + split" if report.orders is Orders.BOTH else ""
    level = f"{100 * report.interval.level:.0f} %"
    interval = "" if report.sequential is not None else f", with {level} intervals"
    quarters = ", 1/4 to 3/4 a split" if split else ""
    return (
        f"Of {side.name}: % = credit / (W + T + L{split}){interval}; credit: 1 a win, 1/2 a tie{quarters}. "
        "--full has the rest."
    )


def next_line(run: str) -> str:
    """Return three commands to go on with."""
    return f"Next: omr-judge view {run} · omr-judge list {run} · omr-judge report {run} --format latex"
