"""Whether verdicts follow the traces: three values, one owner, and a sentence to quote that says the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from builders import Row, both_orders, report_on
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st
from report.test_report import rows_of
from report.test_report_sections import judgment, pair, report_of, runs

from judge.enums import Orders, ReportFormat
from judge.report.build_report import Extras
from judge.report.criterion import CriterionReport
from judge.report.judge_signal import Signal, signal_warnings
from judge.report.report import Report
from judge.schema import Order, Verdict
from judge.stats.significance import Conclusion
from judge.tables.formats import written
from judge.tables.tables import comparison_document
from judge.tables.words import conclusion, position

Judge = Callable[[int], tuple[Verdict, Verdict]]
FIRST, SECOND, TIE = Verdict.FIRST, Verdict.SECOND, Verdict.TIE


def coin(seed: int = 7) -> Judge:
    source = random.Random(seed)  # noqa: S311 - a fixed judge
    return lambda _: (source.choice([FIRST, SECOND, TIE]), source.choice([FIRST, SECOND, TIE]))


def by_slot_or_coin(n: int, share: float = 0.6, seed: int = 5) -> tuple[Verdict, Verdict]:
    source = random.Random(f"{seed}{n}")  # noqa: S311 - a fixed judge
    return (
        (FIRST, FIRST) if source.random() < share else (source.choice([FIRST, SECOND]), source.choice([FIRST, SECOND]))
    )


NO_SIGNAL: dict[str, Judge] = {
    "always first": lambda _: (FIRST, FIRST),
    "always second": lambda _: (SECOND, SECOND),
    "nearly always first": lambda n: (FIRST, SECOND if n % 20 == 0 else SECOND if n % 20 == 10 and n < 0 else FIRST),
    "always tie": lambda _: (TIE, TIE),
    "one slot or a coin": by_slot_or_coin,
}
SIGNAL: dict[str, Judge] = {
    "always a": lambda _: (FIRST, SECOND),
    "always b": lambda _: (SECOND, FIRST),
    "a or b by item": lambda n: (FIRST, SECOND) if n % 2 else (SECOND, FIRST),
    "a or tie by item": lambda n: (FIRST, SECOND) if n % 2 else (TIE, TIE),
}


def reported(judge: Judge, n: int = 200) -> CriterionReport:
    return report_on(rows_of([judge(i) for i in range(n)]), n_items=n)


def whole(judge: Judge, n: int = 200, extras: Extras = Extras(), **options: Any) -> Report:  # noqa: ANN401, B008 - frozen
    rows = [judgment(f"q{i}", order, v) for i in range(n) for order, v in zip(Order, judge(i), strict=True)]
    return report_of(rows, [pair(i) for i in range(n)], extras=extras, **options)


@pytest.mark.parametrize("judge", ["always first", "always second", "always tie", "one slot or a coin"])
def test_a_judge_that_ignores_the_traces_shows_no_signal_in_words(judge: str) -> None:
    report = reported(NO_SIGNAL[judge])
    assert report.signal is Signal.NO_SIGNAL
    (warning,) = signal_warnings({"overall": report, "knowledge": report}, "openai:m")
    assert warning.startswith("Judge openai:m shows no signal on overall, knowledge:")
    assert conclusion(whole(NO_SIGNAL[judge])).endswith("; the judge shows no signal: no conclusion about the models.")


@pytest.mark.parametrize("judge", SIGNAL)
def test_a_judge_that_follows_the_traces_is_not_called_out(judge: str) -> None:
    report = reported(SIGNAL[judge])
    assert report.signal is Signal.SIGNAL
    assert (report.consistency.estimate, report.first_slot.estimate) == (1, 0.5)
    assert signal_warnings({"overall": report}, "j") == []


def test_a_coin_is_neither_shown_to_follow_the_traces_nor_to_ignore_them() -> None:
    report = reported(coin())
    assert report.signal is Signal.TOO_FEW
    (warning,) = signal_warnings({"overall": report}, "j")
    assert warning.startswith("Too few items to tell whether judge j follows the traces on overall")
    assert "too few items to tell whether the judge follows the traces" in conclusion(whole(coin()))


def test_the_warning_says_that_an_interval_holds_chance_only_where_it_does() -> None:
    report = reported(coin())
    below = report.consistency.model_copy(update={"low": 0.01, "high": 0.1})
    none = report.consistency.model_copy(update={"low": None, "high": None})
    told = {name: report.model_copy(update={"consistency": own}) for name, own in {"x": below, "y": none}.items()}
    holding, not_above = signal_warnings({"overall": report, **told}, "j")
    assert holding.endswith("on overall: the interval of its position consistency holds what chance would give.")
    assert not_above.endswith("on x, y: its position consistency is not above chance, or has no interval.")


def test_few_items_in_one_slot_are_too_few_to_tell() -> None:
    assert reported(NO_SIGNAL["always first"], 9).signal is Signal.TOO_FEW
    assert reported(NO_SIGNAL["always first"], 10).signal is Signal.NO_SIGNAL


def mostly_first_but_for_a(n: int) -> tuple[Verdict, Verdict]:
    return (FIRST, SECOND) if n % 5 == 0 else (FIRST, FIRST)


def test_a_small_p_value_refutes_that_the_traces_are_ignored_and_the_sentence_tells_of_the_slot_too() -> None:
    report = whole(mostly_first_but_for_a)
    row = report.criteria["overall"]
    assert row.p_value < 1e-9
    assert row.first_slot.estimate == 0.9
    assert (row.signal, row.verdict) == (Signal.SIGNAL, Conclusion.BETTER)
    assert (row.consistency.estimate, row.chance_consistency) == (0.2, 0.18)
    assert not any("signal" in warning for warning in report.warnings)
    sentence = conclusion(report)
    assert "x (a) is preferred to y (b): " in sentence
    assert "; the judge leans to the first slot all the same (90.0 % of its decisive verdicts)" in sentence
    assert "is not shown to agree with itself over both orders beyond chance" in sentence
    turned = whole(lambda n: (SECOND, FIRST) if n % 5 == 0 else (SECOND, SECOND))
    assert "y (b) is preferred to x (a): " in conclusion(turned)
    assert "leans to the second slot all the same (90.0 %" in conclusion(turned)


def test_a_judge_without_a_lean_is_quoted_without_a_word_of_it() -> None:
    assert conclusion(whole(SIGNAL["always a"])).endswith("sign-flip p < 0.0001.")


def test_the_p_value_alone_between_a_fortieth_and_a_twentieth_is_told_as_such() -> None:
    said: Judge = lambda n: (FIRST, SECOND) if n < 6 else (FIRST, FIRST) if n < 30 else (SECOND, SECOND)  # noqa: E731
    report = whole(said, 54)
    row = report.criteria["overall"]
    assert 0.025 < row.p_value <= 0.05
    assert (row.signal, row.verdict) == (Signal.TOO_FEW, Conclusion.BETTER)
    assert "that the judge follows the traces is shown by nothing but this test" in conclusion(report)


def one_order(verdict: Callable[[int], str], order: Callable[[int], str], n: int = 200) -> CriterionReport:
    rows: list[Row] = [(f"q{i}", "j", 0, order(i), "overall", verdict(i)) for i in range(n)]
    return report_on(rows, n_items=n, orders=Orders.ONE)


def in_turn(n: int) -> str:
    return ("forward", "swapped")[n % 2]


def test_with_one_order_a_pair_a_judge_of_one_slot_is_called_out_and_one_of_one_model_is_not() -> None:
    first = one_order(lambda _: "first", in_turn)
    assert (first.signal, first.win_rate.estimate, first.consistency.estimate) == (Signal.NO_SIGNAL, 0.5, None)
    always_a = one_order(lambda n: ("first", "second")[n % 2], in_turn)
    assert (always_a.signal, always_a.win_rate.estimate, always_a.wins_a) == (Signal.SIGNAL, 1, 200)
    assert always_a.chance_consistency is None


def test_a_slot_that_mostly_holds_one_model_is_no_signal_for_it() -> None:
    lopsided = one_order(lambda _: "first", lambda n: "swapped" if n % 10 == 0 else "forward")
    assert (lopsided.win_rate.estimate, lopsided.verdict) == (0.9, Conclusion.BETTER)
    assert lopsided.signal is Signal.TOO_FEW


def test_with_rows_of_one_order_alone_there_is_no_first_slot_no_statement_and_no_warning() -> None:
    report = one_order(lambda n: "second" if n % 10 == 0 else "first", lambda _: "forward")
    assert (report.win_rate.estimate, report.verdict) == (0.9, Conclusion.BETTER)
    assert (report.signal, report.first_slot.estimate, report.first_slot.n) == (None, None, 0)
    assert signal_warnings({"overall": report}, "j") == []


def test_the_position_sentence_has_no_first_slot_of_one_order() -> None:
    rows = [judgment(f"q{n}", Order.FORWARD, FIRST) for n in range(20)]
    report = report_of(rows, [pair(n) for n in range(20)], orders=Orders.ONE)
    assert position("overall", report.position["overall"]) == []


def test_a_panel_of_judges_that_each_stick_to_a_slot_shows_no_signal_though_their_slots_cancel() -> None:
    slots = {"j": FIRST, "k": SECOND}
    rows = [
        judgment(f"q{n}", order, v, judge=judge) for judge, v in slots.items() for n in range(60) for order in Order
    ]
    report = report_of(rows, [pair(n) for n in range(60)], judges=("j", "k"))
    row = report.criteria["overall"]
    assert (row.first_slot.estimate, row.chance_consistency, row.consistency.estimate) == (0.5, 0, 0)
    assert {own["overall"].signal for own in report.by_judge.values()} == {Signal.NO_SIGNAL}
    assert row.signal is Signal.NO_SIGNAL
    assert "the judge shows no signal" in conclusion(report)


def test_a_panel_has_a_signal_where_one_of_its_judges_makes_it_one() -> None:
    says: dict[str, Judge] = {"j": SIGNAL["a or b by item"], "k": NO_SIGNAL["always first"]}
    rows = [
        judgment(f"q{n}", order, v, judge=judge)
        for judge, own in says.items()
        for n in range(60)
        for order, v in zip(Order, own(n), strict=True)
    ]
    row = report_of(rows, [pair(n) for n in range(60)], judges=("j", "k")).criteria["overall"]
    assert (row.consistency.estimate, row.chance_consistency) == (0.5, 0.25)
    assert row.signal is Signal.SIGNAL


def test_a_judge_without_a_signal_finds_no_models_equivalent() -> None:
    report = whole(NO_SIGNAL["always tie"], extras=Extras(equivalence=0.1))
    assert report.criteria["overall"].verdict is Conclusion.INCONCLUSIVE
    assert conclusion(report).startswith("On overall, inconclusive between x (a) and y (b): ")
    follows = whole(SIGNAL["a or b by item"], 2000, extras=Extras(equivalence=0.1))
    assert follows.criteria["overall"].verdict is Conclusion.EQUIVALENT


CONTRADICTIONS = {
    Signal.NO_SIGNAL: ("is preferred to", "equivalent within"),
    Signal.SIGNAL: ("shows no signal", "too few items to tell"),
    Signal.TOO_FEW: ("shows no signal",),
}


@given(runs(), st.sampled_from([None, 0.3]))
@costly
def test_the_sentence_to_quote_never_contradicts_the_statement(run: dict[str, Any], margin: float | None) -> None:
    report = report_of(**run, extras=Extras(equivalence=margin))
    row = report.criteria["overall"]
    assert row.signal is not Signal.NO_SIGNAL or row.p_value > 0.025
    for words in CONTRADICTIONS.get(row.signal, ()) if row.signal else ():
        assert words not in conclusion(report)
    for form in (ReportFormat.MARKDOWN, ReportFormat.LATEX, ReportFormat.CSV, ReportFormat.HTML_FRAGMENT):
        assert (row.signal or "-") in written(comparison_document(report), form)


def rows_with(counts: Sequence[tuple[tuple[Verdict | None, Verdict | None], int]]) -> list[Row]:
    pairs = [both for both, count in counts for _ in range(count)]
    return [row for n, both in enumerate(pairs) for row in both_orders(f"q{n}", *both)]


def quoted(counts: Sequence[tuple[tuple[Verdict | None, Verdict | None], int]], n: int) -> str:
    rows = [
        judgment(item, Order(order), Verdict(verdict))
        for item, _, _, order, _, verdict in rows_with(counts)
        if verdict is not None
    ]
    return conclusion(report_of(rows, [pair(i) for i in range(n)]))


def test_where_interval_and_exact_test_part_the_sentence_says_so() -> None:
    parts = quoted([((FIRST, SECOND), 9), ((SECOND, FIRST), 2), ((TIE, TIE), 1)], 12)
    assert "p = 0.065; the interval excludes 50 %, the test does not" in parts
    together = quoted([((FIRST, SECOND), 7), ((SECOND, FIRST), 5)], 12)
    assert "excludes 50 %" not in together


def test_what_the_missing_items_could_change_stands_in_the_sentence_and_nothing_else_of_them() -> None:
    a, b, lost = (FIRST, SECOND), (SECOND, FIRST), (None, FIRST)
    changed = quoted([(a, 20), (b, 4), (lost, 12)], 36)
    assert "; had the 12 missing items all gone to y it would be 55.6 % (inconclusive)" in changed
    assert "to x it" not in changed
    silent = quoted([((FIRST, FIRST), 40), (lost, 30)], 70)
    assert silent.endswith("p = 1; the judge shows no signal: no conclusion about the models.")
    kept = quoted([(a, 60), (b, 4), (lost, 2)], 66)
    assert "x (a) is preferred to y (b)" in kept
    assert "missing" not in kept
    either = quoted([(a, 10), (b, 9), (lost, 30)], 49)
    assert "inconclusive between " in either
    assert "all gone to y it would be 20.4 % (y preferred), to x it would be 81.6 % (x preferred)" in either


def test_missing_items_that_could_end_an_equivalence_are_told() -> None:
    rows = [
        judgment(f"q{n}", order, v)
        for n in range(1000)
        for order, v in zip(Order, SIGNAL["a or b by item"](n), strict=True)
    ]
    asked: dict[str, Any] = {"extras": Extras(equivalence=0.1)}
    assert "missing" not in conclusion(report_of(rows, [pair(n) for n in range(1050)], **asked))
    sentence = conclusion(report_of(rows, [pair(n) for n in range(1400)], **asked))
    assert "had the 400 missing items all gone to y or to x, the win rate of a would be 35.7 and 64.3 %" in sentence
