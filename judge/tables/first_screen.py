"""The first screen of a comparison in words: the sentence, what the judge is worth, what changes the reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from judge.costs.cost_words import Costed, dollars
from judge.enums import Orders
from judge.report.escalation import escalation_clause
from judge.report.judge_signal import Signal
from judge.stats.clusters import HALF
from judge.stats.significance import Conclusion
from judge.tables import words
from judge.tables.notes import is_unfinished
from judge.tables.sides import side_of
from judge.tables.words import count, p_text

if TYPE_CHECKING:
    from judge.outcomes.interim_looks import Sequential
    from judge.outcomes.rates import Estimate
    from judge.report.criterion import CriterionReport
    from judge.report.report import Report
    from judge.tables.sides import Side

EMBEDDED = "local:SmolLM2-135M"
"""the beginning of the name of the judge that comes with the program, and can judge nothing"""
ADVICE = (
    "A judge worth asking:",
    "  export ANTHROPIC_API_KEY=...   then   --judge anthropic:claude-sonnet-5-5",
    "  or, on this machine,           --judge ollama:qwen3:32b",
)


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
        nothing = (
            f"Nothing can be said of {side.name} and {side.other}: no pair has the verdicts that a win rate needs."
        )
        return [nothing, f"Ask again what failed: omr-judge retry {run}"] if report.n_failed else [nothing]
    if row.signal is Signal.NO_SIGNAL:
        no_signal = "this judge shows" if len(report.judges) == 1 else "these judges show"
        return [f"Nothing can be said of {side.name} and {side.other}: {no_signal} no signal."]
    if report.sequential is not None:
        return [_stopped(report.sequential, side)]
    sentence = _conclusion(report, row, side)
    is_trial = all(judge.startswith(EMBEDDED) for judge in report.judges)
    if row.verdict is Conclusion.INCONCLUSIVE and row.signal is Signal.TOO_FEW and not is_trial:
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
    interval = f"{of} {share}[{100 * low:.1f}, {100 * high:.1f}] (confidence sequence), {p_text(found.p_value)}"
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
        one_order = "each pair in one order, so that position bias cannot be told from preference"
        return [f"Judge {judge}: {one_order}{_uncertified(report)}."]
    if not agree.n or agree.numerator is None:
        return [f"Judge {judge}: no pair has verdicts in both orders."]
    orders = f"both orders agree in {_share(agree, 'pair')}"
    if row.signal is Signal.NO_SIGNAL:
        return _silent_lines(judge, row, orders)
    if row.signal is Signal.SIGNAL:
        return [f"Judge {judge}: signal ({orders}){_uncertified(report)}."]
    too_few = f"Judge {judge}: too few pairs to tell whether it follows the traces ({orders})"
    return _of_embedded(f"{too_few}.") if judge.startswith(EMBEDDED) else [f"{too_few}{_uncertified(report)}."]


def _uncertified(report: Report) -> str:
    """Return that there is no certificate; how one stands is a line of its own."""
    return ", not certified" if report.certificate is None else ""


def _silent_lines(judge: str, row: CriterionReport, orders: str) -> list[str]:
    """Return why a judge shows no signal, and which may show one."""
    why = f"Judge {judge}: {orders}{_first_shown(row)}."
    if not judge.startswith(EMBEDDED):
        return [why, "Another judge, or another prompt, may show one: --judge, --prompt."]
    return _of_embedded(why)


def _of_embedded(why: str) -> list[str]:
    """Return what to say of the embedded judge: that it judges nothing, and which would."""
    return [f"{why} It is for trying the program.", *ADVICE]


def _first_shown(row: CriterionReport) -> str:
    first = row.first_slot
    if first.estimate is None or first.numerator is None:
        return ""
    percent = f" ({100 * first.estimate:.0f} %)" if first.numerator.is_integer() else ""
    return f"; it picks the trace shown first in {_share(first, 'decisive verdict')}{percent}"


def _share(rate: Estimate, unit: str) -> str:
    """Return how many of how many; of soft verdicts, which count in parts, the percentage."""
    if rate.numerator is None or rate.estimate is None or rate.numerator.is_integer():
        return f"{words.amount(rate.numerator or 0)} of {count(rate.n, unit)}"
    return f"{100 * rate.estimate:.1f} % of {count(rate.n, unit)}"


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
        none_certified = "; none certified" if report.certificate is None else ""
        lines.append(f"{'; '.join(told)[0].upper()}{'; '.join(told)[1:]}{none_certified}.")
    return lines


class Counted(Costed, Protocol):
    """A report of any kind, with the counts of what was judged."""

    @property
    def n_items(self) -> int:
        """Items of the run."""
        ...

    @property
    def n_judgments(self) -> int:
        """Requests that were answered or failed."""
        ...

    @property
    def n_failed(self) -> int:
        """Those that failed."""
        ...

    @property
    def failures(self) -> dict[str, int]:
        """Those by kind."""
        ...


def counts_line(report: Counted) -> str:
    """Return how much was judged, what failed, and what it cost."""
    failures = ", ".join(f"{n:,} {kind.replace('_', ' ')}" for kind, n in report.failures.items())
    failed = f"{report.n_failed:,} failed{f' ({failures})' if failures else ''}"
    cost = ""
    if report.costs:
        cost = ", cost unknown" if report.usd is None else f", {dollars(report.usd)}"
    return f"{count(report.n_items, 'item')}, {count(report.n_judgments, 'judgment')}, {failed}{cost}."


def legend(report: Report, *, agree: bool) -> str:
    """Return how the table is read, and its column of position consistency if it has one; empty if it has no rate."""
    if all(row.win_rate.estimate is None for row in report.criteria.values()):
        return ""
    split = " + split" if report.orders is Orders.BOTH else ""
    interval = "" if report.sequential is not None else f", {100 * report.interval.level:.0f} % interval"
    percent = f"Of {side_of(report).name}: % = credit / (W + T + L{split}){interval}"
    return f"{percent}; a verdict for it counts 1, a tie 1/2.{' Agree: position consistency.' if agree else ''}"


def next_line(run: str) -> str:
    """Return three commands to go on with."""
    return f"Next: omr-judge view {run} · omr-judge list {run} · omr-judge report {run} --format latex"
