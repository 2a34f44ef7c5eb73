"""What the sentence to quote must add to the conclusion, so that it contradicts no other statement of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.report.judge_signal import Signal, signal_clause
from judge.stats.clusters import HALF
from judge.stats.significance import Conclusion, conclude

if TYPE_CHECKING:
    from judge.report.criterion import CriterionReport
    from judge.report.report import Models

DECIDED = {Conclusion.BETTER, Conclusion.WORSE}


def qualifiers(row: CriterionReport, margin: float | None, models: Models) -> list[str]:
    """Return the clauses that qualify the conclusion on a criterion: of its interval, the missing items, the judge.

    Args:
        row: of the criterion, whose p-value is not adjusted for others.
        margin: around 1/2, within which the models are called equivalent.
        models: their names.
    """
    clauses = (interval_apart_from_test(row), missing_could_change(row, margin, models), signal_clause(row))
    return [clause for clause in clauses if clause]


def outcome_word(verdict: Conclusion, margin: float | None, models: Models) -> str:
    """Return a conclusion in words, with the names of both models and the labels that tables have for them."""
    a, b = f"{models.a} (a)", f"{models.b} (b)"
    match verdict:
        case Conclusion.BETTER:
            return f"{a} is preferred to {b}"
        case Conclusion.WORSE:
            return f"{b} is preferred to {a}"
        case Conclusion.EQUIVALENT:
            return f"{a} and {b} are equivalent within ±{margin:g}"
        case Conclusion.INCONCLUSIVE:
            return f"inconclusive between {a} and {b}"


def interval_apart_from_test(row: CriterionReport) -> str:
    """Say so where the interval excludes one half and the test does not, or the other way round."""
    low, high = row.win_rate.low, row.win_rate.high
    if low is None or high is None or row.verdict is Conclusion.EQUIVALENT:
        return ""
    excludes, decided = not low <= HALF <= high, row.verdict in DECIDED
    if excludes and not decided:
        return "the interval excludes 50 %, the test does not"
    return "the test excludes 50 %, the interval does not" if decided and not excludes else ""


def missing_could_change(row: CriterionReport, margin: float | None, models: Models) -> str:
    """Tell what the missing items could make of the conclusion; empty where they change nothing, or there is none."""
    found, (a, b) = row.bounds, models.names
    lost = f"{row.missing} missing item{'' if row.missing == 1 else 's'}"
    if not row.missing or found.low is None or found.high is None or row.signal is Signal.NO_SIGNAL:
        return ""
    if row.verdict is Conclusion.EQUIVALENT:
        if margin is None or HALF - margin < found.low <= found.high < HALF + margin:
            return ""
        between = f"{100 * found.low:.1f} and {100 * found.high:.1f} %"
        gone = f"had the {lost} all gone to {b} or to {a}"
        return f"{gone}, the win rate of a would be {between}"
    ends = {b: (found.low, found.p_value_low), a: (found.high, found.p_value_high)}
    words = {Conclusion.BETTER: f"{a} preferred", Conclusion.WORSE: f"{b} preferred"}
    changed = [
        f"{model} it would be {100 * rate:.1f} % ({words.get(verdict, verdict)})"
        for model, (rate, p_value) in ends.items()
        if p_value is not None and (verdict := conclude(rate, p_value)) is not row.verdict
    ]
    return f"had the {lost} all gone to {', to '.join(changed)}" if changed else ""
