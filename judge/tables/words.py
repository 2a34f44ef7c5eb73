"""The findings of a report in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from judge.enums import Method, Orders, Stratum
from judge.outcomes.counted_items import Pooling
from judge.outcomes.interim_looks import Evidence
from judge.report.acceptance import acceptance_line
from judge.report.certificate import certificate_line
from judge.report.escalation import escalation_clause
from judge.report.judge_signal import signal_clause
from judge.stats.significance import Conclusion
from judge.tables.qualifiers import outcome_word, qualifiers

if TYPE_CHECKING:
    from judge.outcomes.interim_looks import Sequential
    from judge.outcomes.rates import Estimate, Figure
    from judge.report.criterion import CriterionReport
    from judge.report.instruments import Instruments
    from judge.report.ledger import Ledger
    from judge.report.letter_habit import CorrectedStratum
    from judge.report.position_length import LengthReport, PositionReport
    from judge.report.report import Clusters, IntervalSettings, Report

SMALLEST_P = 0.0001
SHOWN_ITEMS = 5
FINGERPRINT_DIGITS = 12
POOLED = {
    Pooling.MEAN: "The panel's verdicts are averaged",
    Pooling.MAJORITY: "The panel speaks by majority in each order of an item; without one it says tie",
}
CREDIT = (
    "credit: the sum of a's credits over these items, an item's being the mean of its two orders (1, 3/4, 1/2, 1/4 or "
    "0, or between them with several samples or judges); the win rate is credit / (W + T + L + split)"
)
ERRORS = (
    "In parentheses: standard errors over units, linearised as of a ratio of sums (over single items s / sqrt(n)), of "
    "coefficients of agreement by the bootstrap."
)


def percent(rate: Estimate | Figure) -> str:
    """Write a rate and its interval in percent; a dash where nothing was counted."""
    return number(rate, times=100, digits=1)


def amount(value: float) -> str:
    """Write a sum of credits or a count, exactly to four digits."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def counted(rate: Estimate) -> str:
    """Write a rate as a fraction of counts and in percent, with its interval: "150/200 = 75.0 [68.7, 80.8]"."""
    if rate.estimate is None or rate.numerator is None:
        return percent(rate)
    return f"{amount(rate.numerator)}/{amount(rate.n)} = {percent(rate)}"


def p_text(p_value: float) -> str:
    """Write a p-value with its sign: "p = 0.031", "p < 0.0001"."""
    return f"p < {SMALLEST_P}" if p_value < SMALLEST_P else f"p = {p_value:.2g}"


def conclusion(report: Report) -> str:
    """Return the conclusion on the overall criterion; what is not significant is inconclusive, never equal."""
    if report.sequential is not None:
        return sequential(report, report.sequential)
    name, row = list(report.criteria.items())[-1]
    if row.win_rate.estimate is None:
        return f"On {name}, inconclusive: no item has the verdicts that its rate needs."
    clusters = f" clustered by {report.clusters.field}" if report.clusters.field else ""
    interval = percent(row.win_rate).replace(" [", " % [", 1)
    shown = interval if "%" in interval else f"{interval} %"
    rate = f"win rate of a {shown} over {count(row.win_rate.n, 'item')}{clusters}"
    tested = f"{row.p_method} sign-flip {p_text(row.p_value)}"
    word = outcome_word(row.verdict, report.equivalence, report.models)
    clauses = qualifiers(row, report.equivalence, report.models)
    if report.escalation is not None:
        clauses.insert(0, escalation_clause(report.escalation, report.n_items))
    return f"On {name}, {'; '.join([f'{word}: {rate}, {tested}', *clauses])}."


def trust(report: Report) -> list[str]:
    """Return the lines beside the conclusion: what can be accepted, and how the judge's certificate stands."""
    accepted = [] if report.acceptance is None else [acceptance_line(report.acceptance)]
    return accepted + ([] if report.certificate is None else [certificate_line(report.certificate)])


def sequential(report: Report, found: Sequential) -> str:
    """Return the conclusion of a run that may stop early, with the confidence sequence."""
    overall = list(report.criteria)[-1]
    verdict = {"a": Conclusion.BETTER, "b": Conclusion.WORSE, None: Conclusion.INCONCLUSIVE}[found.winner]
    word = outcome_word(verdict, None, report.models)
    looks = f"{count(found.n_looks, 'look')} of {found.n_looks_planned}, {found.items_asked} of {found.items_planned}"
    when = "at the run's end" if found.n_looks == found.n_looks_planned else "so far"
    decided = "decided" if found.winner else "decided once, but the later looks lean the other way,"
    state = decided if found.decided else f"undecided {when}"
    lost = found.items_missing
    of = sequence_of(found, "a").capitalize()
    share = "" if found.estimate is None else f"{100 * found.estimate:.1f} % "
    missing = f" ({count(lost, 'item')} without a verdict count for neither)" if lost else ""
    clause = signal_clause(report.criteria[overall])
    return (
        f"On {overall}, {word}: {state} after {looks} items. {of}: {share}"
        f"[{100 * found.low:.1f}, {100 * found.high:.1f}] ({100 - 100 * found.alpha:g} % confidence sequence, valid at "
        f"every look), {p_text(found.p_value)}{missing}{f'; {clause}' if clause else ''}."
    )


def count(number: float, noun: str) -> str:
    """Write a count, or a sum of probabilities, with its noun: "1 pair", "1,600 judgments", "12.75 verdicts"."""
    shown = f"{number:,.4f}".rstrip("0").rstrip(".")
    return f"{shown} {noun}{'' if number == 1 else 's'}"


def percent_sign(text: str) -> str:
    """Put the sign after the rate in a text that ends in one: "150/200 = 75.0 % [68.7, 80.8]"; a dash stays."""
    if not text[-1:].isdigit() and not text.endswith("]"):
        return text
    rate, bracket, interval = text.partition(" [")
    return f"{rate} %{bracket}{interval}"


def sequence_of(found: Sequential, model: str) -> str:
    """Return what the confidence sequence of a run that may stop early is of."""
    if found.evidence is Evidence.CREDITS:
        return f"win rate of {model}"
    units = "pairs" if found.cluster is None else "clusters"
    return f"wins of {model} among {found.wins + found.losses} {units} with a winner"


def ledger(name: str, row: CriterionReport, model: str = "a") -> str:
    """Return what splits and missing items are made of, and what the missing ones leave open; empty without any."""
    terms = ledger_terms(row.ledger)
    parts = [f"{word} {number}" for word, number in terms.items() if word not in {"a", "b", "tie"} and number]
    if not parts:
        return ""
    text = f"{name}: {', '.join(parts)}"
    if not row.missing or row.bounds.low is None or row.bounds.high is None:
        return f"{text}."
    worst = f"{100 * row.bounds.low:.1f} and {100 * row.bounds.high:.1f} %"
    return f"{text}; worst-case bounds of the win rate of {model}: {worst}."


def ledger_terms(counts: Ledger) -> dict[str, int]:
    """Return the counts of a ledger, by the words for them."""
    always = {"a": counts.agreed_a, "b": counts.agreed_b, "tie": counts.agreed_tie}
    rest = {
        "identical": counts.identical,
        "split to the first slot": counts.split_to_first,
        "split to the second slot": counts.split_to_second,
        "one order missing": counts.one_sided,
        "cannot judge": counts.cannot_judge,
        **{kind.replace("_", " "): count for kind, count in counts.missing.items()},
    }
    return always | {word: count for word, count in rest.items() if count}


def position(name: str, found: PositionReport, model: str = "a") -> list[str]:
    """Return the position bias in words: nothing where nothing is known of it."""
    parts = []
    if found.to_first is not None and found.to_second is not None and found.p_value is not None:
        moved = f"{count(found.to_first, 'split')} to the first slot, {found.to_second} to the second"
        parts.append(f"{moved}, {p_text(found.p_value)}")
    if found.preference is not None and found.slot_effect is not None:
        parts.append(f"log-odds: preference {number(found.preference)}, slot effect {number(found.slot_effect)}")
    elif found.win_rate is not None:
        parts.append(f"win rate of {model} net of the slot {percent_sign(percent(found.win_rate))}")
    return [f"Position bias, {name}: {'; '.join(parts)}."] if parts else []


def length(name: str, found: LengthReport, model: str = "a") -> str:
    """Return the length bias in words."""
    parts = []
    if found.longer_wins.estimate is not None:
        parts.append(f"the longer trace wins {percent_sign(counted(found.longer_wins))}")
    if found.matched_share is not None and found.matched.estimate is not None:
        share = f"{100 * found.matched_share:.0f} % of the items"
        parts.append(f"at matched length ({share}) the win rate of {model} is {percent_sign(counted(found.matched))}")
    if found.adjusted is not None:
        parts.append(f"length-controlled win rate of {model} {percent_sign(percent(found.adjusted.win_rate))}")
    if found.alpaca_eval is not None:
        parts.append(f"{found.alpaca_eval.name} {100 * found.alpaca_eval.win_rate:.1f} %")
    if found.not_identified is not None:
        parts.append(f"length-controlled win rate {found.not_identified}")
    return f"Length bias, {name}: {'; '.join(parts) or 'no win goes to a longer trace, and no lengths match'}."


def interaction(report: Report) -> Mapping[str, str]:
    """Return the tests of interaction in words, by field."""
    return {
        field: f"Does the overall win rate differ between values of {field}? "
        f"Test of heterogeneity: {p_text(found.p_value)}."
        for field, found in report.interactions.items()
        if found is not None and found.p_value is not None
    }


def letters_alike(report: Report) -> Mapping[str, Mapping[Stratum, CorrectedStratum]]:
    """Return the strata in which every right letter counts alike, under their name; none without a letter habit."""
    habit = report.letter_habit
    return {f"{list(report.criteria)[-1]}, every right letter counted alike": habit.strata} if habit else {}


def standardised(report: Report) -> Mapping[str, str]:
    """Return the standardised win rates in words, by field, and name the values that are reversed."""
    overall, row = list(report.criteria.items())[-1]
    sentences = {}
    for field, found in report.standardised.items():
        if found is None or row.win_rate.estimate is None:
            continue
        rate = f"{percent(found.win_rate)}, beside {100 * row.win_rate.estimate:.1f} over items"
        against = f"; reversed, on the other side of 50 %: {', '.join(found.reversed)}" if found.reversed else ""
        sentences[field] = f"Win rate on {overall} with each value of {field} alike: {rate}{against}."
    return sentences


def disagreements(found: Mapping[str, Instruments]) -> str:
    """Name the items that the two instruments give to different models, the widest differences first."""
    lines = []
    for name, own in found.items():
        shown = [one.item for one in own.disagreements[:SHOWN_ITEMS]]
        more = len(own.disagreements) - len(shown)
        if shown:
            lines.append(f"Opposite on {name}: {', '.join(shown)}{f', and {more} more' if more else ''}.")
    return "\n".join(lines)


def number(value: Estimate | Figure, *, times: float = 1, digits: int = 2) -> str:
    """Write a number and its interval; a dash where it is undefined."""
    if value.estimate is None:
        return "-"
    text = f"{times * value.estimate:.{digits}f}"
    if value.low is None or value.high is None:
        return text
    return f"{text} [{times * value.low:.{digits}f}, {times * value.high:.{digits}f}]"


def basis(report: Report) -> str:
    """Return the basis of a report: models, judges, counts and intervals."""
    made = f"with prompt {report.prompt} and rubric {report.rubric}" if report.prompt else "elsewhere, and imported"
    orders = "each pair in both orders" if report.orders is Orders.BOTH else "each pair in one order"
    samples = f", {report.samples} samples each" if report.samples > 1 else ""
    clusters = f" in {report.clusters.n} clusters by {report.clusters.field}" if report.clusters.field else ""
    items, judgments = count(report.n_items, "item"), count(report.n_judgments, "judgment")
    counts = f"{items}{clusters}, {judgments}, {report.n_failed:,} failed"
    pooled = f" {POOLED[report.pooling]}." if report.pooling else ""
    return (
        f"a is {report.models.a}, b is {report.models.b}; judged by {', '.join(report.judges)}, {made}, "
        f"{orders}{samples}: {counts}.{pooled} "
        f"Rates are in percent, with {intervals(report.interval, report.clusters)}.{quoted(report.fingerprint)}"
    )


def quoted(fingerprint: str | None) -> str:
    """Return what of a report's fingerprint `omr-judge verify --against` takes, after a space; or nothing."""
    return f" Run fingerprint {fingerprint[:FINGERPRINT_DIGITS]}." if fingerprint else ""


def intervals(made: IntervalSettings, clusters: Clusters) -> str:
    """Return the method of the intervals in words."""
    bootstrap = "Bayesian bootstrap, Jeffreys prior" if made.method is Method.JEFFREYS else "percentile bootstrap"
    how = f"{bootstrap}, {made.n_resamples:,} resamples, seed {made.seed}"
    how = "Wilson's closed form" if made.method is Method.WILSON else how
    units = f"{clusters.n} clusters ({clusters.field})" if clusters.field else "items"
    return f"{100 * made.level:.0f} % intervals over {units} ({how})"
