from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from builders import Row, both_orders, criterion_reports, frame, report_on
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st

from judge.enums import Method, Orders
from judge.outcomes.counted_items import Subject
from judge.outcomes.latest_judgments import latest_judgments
from judge.outcomes.rates import Basis, Estimate
from judge.report.build_report import RunDescription, build_report
from judge.report.criterion import CriterionReport
from judge.report.judge_signal import Signal
from judge.report.report import Models, Report
from judge.schema import Failed, FailureKind, Judged, Judgment, Order, Reply, Usage, Verdict

TABLE = ((120, 6, 30), (4, 10, 5), (3, 2, 20))  # statistics.md, section 1: rows v1 = a, tie, b; columns v2
FORWARD = (Verdict.FIRST, Verdict.TIE, Verdict.SECOND)
SWAPPED = (Verdict.SECOND, Verdict.TIE, Verdict.FIRST)
MIRRORED = {"first": "second", "second": "first"}
RUN = RunDescription(models=Models(a="x", b="y"), prompt="p.v1", rubric="r.v1", samples=1, seed=0, left_out={})
DECIDED = ("wins_a", "wins_b", "ties", "splits")


def shuffled(rows: Sequence[Row], seed: int = 1) -> list[Row]:
    return random.Random(seed).sample(rows, len(rows))  # noqa: S311 - a fixed order


def worked_example() -> list[Row]:
    cells = [(v1, v2) for v1 in range(3) for v2 in range(3) for _ in range(TABLE[v1][v2])]
    return [row for n, (v1, v2) in enumerate(cells) for row in both_orders(f"q{n}", FORWARD[v1], SWAPPED[v2])]


def percent(estimate: Estimate) -> tuple[float, ...]:
    return tuple(round(100 * (value or 0), 2) for value in (estimate.estimate, estimate.low, estimate.high))


def rates(report: CriterionReport) -> dict[str, Estimate]:
    found = {name: value for name, value in report if isinstance(value, Estimate)}
    return found | dict(report.shares) | dict(report.by_order)


def test_the_worked_example_comes_out_to_the_printed_digits() -> None:
    report = report_on(shuffled(worked_example()), n_items=200)
    assert percent(report.win_rate) == (75.38, 70.18, 79.89)
    assert percent(report.consistent_only) == (75.0, 69.84, 79.43)
    assert percent(report.consistency) == (75.0, 68.66, 80.76)
    assert percent(report.first_slot) == pytest.approx((58.13, 55.04, 61.27), abs=0.03)  # ten items decide nothing
    assert percent(report.shares.wins_a) == (60.0, 52.94, 66.56)
    assert percent(report.shares.wins_b) == (10.0, 6.39, 14.9)
    assert report.first_slot.n == 363
    assert (report.wins_a, report.wins_b, report.ties, report.splits, report.missing) == (120, 20, 10, 50, 0)
    assert report.shares.ties.estimate == 0.05
    assert report.shares.splits.estimate == 0.25
    assert report.by_order.forward.estimate == (156 + 19 / 2) / 200
    assert report.by_order.swapped.estimate == (127 + 18 / 2) / 200
    assert report.chance_consistency == pytest.approx((2 * 211 * 152 + 37**2) / 400**2, abs=1e-6)
    assert report.signal is Signal.SIGNAL


def test_all_wins_in_both_orders_have_the_upper_end_one() -> None:
    rows = [row for n in range(50) for row in both_orders(f"q{n}", Verdict.FIRST, Verdict.SECOND)]
    report = report_on(rows, n_items=50)
    assert (report.win_rate.estimate, round(report.win_rate.low or 0, 3), report.win_rate.high) == (1, 0.952, 1)
    assert percent(report_on(rows, n_items=50, method=Method.PERCENTILE).win_rate) == (100.0, 100.0, 100.0)
    assert report.signal is Signal.SIGNAL


def mirror(rows: Sequence[Row]) -> list[Row]:
    """Exchange models a and b: what was shown stays, so that forward becomes swapped and the slots keep their words."""
    flipped = {"forward": "swapped", "swapped": "forward"}
    return [(item, judge, sample, flipped[order], *rest) for item, judge, sample, order, *rest in rows]  # type: ignore[misc]


verdict_or_failure = st.sampled_from([*Verdict, Verdict.FIRST, Verdict.SECOND, None])
items = st.lists(st.tuples(verdict_or_failure, verdict_or_failure), max_size=25)


def rows_of(verdicts: Sequence[tuple[Verdict | None, Verdict | None]]) -> list[Row]:
    return [row for n, pair in enumerate(verdicts) for row in both_orders(f"q{n}", *pair)]


@given(items)
@costly
def test_exchanging_the_models_mirrors_the_win_rate_and_nothing_else(
    verdicts: list[tuple[Verdict | None, Verdict | None]],
) -> None:
    rows = rows_of(verdicts)
    one, other = report_on(rows, n_items=len(verdicts)), report_on(mirror(rows), n_items=len(verdicts))
    assert (one.wins_a, one.wins_b, one.ties, one.splits) == (other.wins_b, other.wins_a, other.ties, other.splits)
    assert (one.missing, one.cannot_judge, one.signal) == (other.missing, other.cannot_judge, other.signal)
    for name in ("consistency", "first_slot"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a.estimate, a.n) == (b.estimate, b.n)
        if a.low is not None:
            assert (b.low, b.high) == pytest.approx((a.low, a.high), abs=0.03)
    for a, b in ((one.win_rate, other.win_rate), (one.by_order.forward, other.by_order.swapped)):
        if a.estimate is None:
            assert b.estimate is None
            continue
        assert b.estimate == pytest.approx(1 - a.estimate, abs=2e-6)
        assert b.low == pytest.approx(1 - (a.high or 0), abs=0.03)
        assert b.high == pytest.approx(1 - (a.low or 0), abs=0.03)


def test_exchanging_the_models_mirrors_the_worked_example() -> None:
    report = report_on(mirror(worked_example()), n_items=200)
    assert report.win_rate.estimate == pytest.approx(1 - 0.75375)
    assert report.win_rate.low == pytest.approx(1 - 0.7989, abs=0.003)
    assert report.win_rate.high == pytest.approx(1 - 0.7018, abs=0.003)
    assert (report.consistency.estimate, report.first_slot.estimate) == (0.75, round(211 / 363, 6))
    assert (report.wins_a, report.wins_b) == (20, 120)


@pytest.mark.parametrize("copies", [2, 3, 5])
def test_repeating_every_judgment_as_another_sample_changes_no_estimate_and_no_interval(copies: int) -> None:
    rows = worked_example()
    again = [(item, judge, sample, *rest) for item, judge, _, *rest in rows for sample in range(copies)]
    one, more = report_on(rows, n_items=200), report_on(again, n_items=200)  # type: ignore[arg-type]
    assert more.first_slot.n == copies * one.first_slot.n
    same = {"first_slot": one.first_slot, "n_verdicts": one.n_verdicts}
    assert more.first_slot.estimate == one.first_slot.estimate
    assert more.model_copy(update=same) == one


@pytest.mark.parametrize("method", Method)
def test_a_second_judge_who_says_the_same_changes_no_estimate(method: Method) -> None:
    rows = worked_example()
    both = [*rows, *((item, "k", *rest) for item, _, *rest in rows)]
    one = report_on(rows, n_items=200, method=method)
    two = report_on(both, n_items=200, method=method, judges=["j", "k"])  # type: ignore[arg-type]
    for name, estimate in rates(one).items():
        if name != "first_slot":
            assert rates(two)[name] == estimate


def add_up(report: CriterionReport) -> int:
    return report.wins_a + report.wins_b + report.ties + report.splits + report.missing


@st.composite
def panels(draw: st.DrawFn) -> tuple[list[Row], dict[str, Any]]:
    """Return rows of several judges and samples, with holes, and the subject that they are about."""
    orders = draw(st.sampled_from(Orders))
    judges = ["j", "k", "l"][: draw(st.integers(1, 3))]
    count, identical = draw(st.integers(0, 8)), draw(st.integers(0, 3))
    shown = (Order.FORWARD, Order.SWAPPED) if orders is Orders.BOTH else None
    rows: list[Row] = []
    for n in range(count):
        for order in shown or (draw(st.sampled_from(Order)),):
            for judge in judges:
                for sample in range(draw(st.integers(0, 2))):
                    verdict = draw(verdict_or_failure)
                    rows.append((f"q{n}", judge, sample, order.value, "overall", verdict and verdict.value))
    subject = {"orders": orders, "judges": judges, "n_items": count + identical, "n_identical": identical}
    return draw(st.permutations(rows)), subject


@given(panels())
def test_the_counts_add_up_to_all_items_whatever_failed(panel: tuple[list[Row], dict[str, Any]]) -> None:
    rows, subject = panel
    report = report_on(rows, **subject)
    assert add_up(report) == subject["n_items"]
    assert min(report.wins_a, report.wins_b, report.splits, report.missing, report.cannot_judge) >= 0
    assert report.ties >= report.identical == subject["n_identical"]
    assert report.cannot_judge <= report.missing
    assert report.win_rate.n == sum(getattr(report, name) for name in DECIDED)
    for estimate in rates(report).values():
        known = [value for value in (estimate.low, estimate.estimate, estimate.high) if value is not None]
        assert len(known) in (0, 3)
        assert known == sorted(known)
        assert all(0 <= value <= 1 for value in known)
    if subject["n_items"] > report.missing:
        assert sum(share.estimate or 0 for _, share in report.shares) == pytest.approx(1, abs=1e-5)


@given(st.lists(st.tuples(*[st.sampled_from([Verdict.FIRST, Verdict.SECOND, Verdict.TIE])] * 2), min_size=1), st.data())
@costly
def test_a_failure_moves_its_item_to_missing_and_touches_no_other(
    verdicts: list[tuple[Verdict, Verdict]], data: st.DataObject
) -> None:
    rows = rows_of(verdicts)
    before = report_on(rows, n_items=len(verdicts))
    at = data.draw(st.integers(0, len(rows) - 1))
    item = rows[at][0]
    alone = report_on([row for row in rows if row[0] == item], n_items=1)
    lost = data.draw(st.sampled_from([None, "cannot_judge"]))
    after = report_on([*rows[:at], (*rows[at][:5], lost), *rows[at + 1 :]], n_items=len(verdicts))
    assert after.missing == before.missing + 1
    assert after.cannot_judge == (lost is not None)
    for name in DECIDED:
        assert getattr(after, name) == getattr(before, name) - getattr(alone, name)
    without = report_on([row for row in rows if row[0] != item], n_items=len(verdicts) - 1)
    assert rates(after) == rates(without)


def test_without_verdicts_there_are_no_rates_and_no_signal_either_way() -> None:
    for rows in ([], rows_of([(None, None)] * 3), rows_of([(Verdict.CANNOT_JUDGE, Verdict.CANNOT_JUDGE)] * 3)):
        report = report_on(rows, n_items=3)
        assert (report.missing, report.signal, report.chance_consistency) == (3, None, None)
        assert {estimate.estimate for estimate in rates(report).values()} == {None}
        assert report.cannot_judge == (3 if rows and rows[0][5] else 0)


def test_identical_traces_are_ties_that_do_not_count_as_agreement() -> None:
    rows = rows_of([(Verdict.FIRST, Verdict.SECOND), (Verdict.FIRST, Verdict.FIRST)])
    report = report_on(rows, n_items=4, n_identical=2)
    assert (report.ties, report.identical, report.wins_a, report.splits) == (2, 2, 1, 1)
    assert report.win_rate.estimate == 2.5 / 4
    assert (report.consistency.estimate, report.consistency.n) == (0.5, 2)
    assert report.first_slot.n == 4
    nothing_asked = report_on([], n_items=2, n_identical=2)
    assert (nothing_asked.win_rate.estimate, nothing_asked.consistency.estimate, nothing_asked.signal) == (
        0.5,
        None,
        None,
    )


def test_criteria_are_reported_apart_and_in_the_rubrics_order() -> None:
    rows = rows_of([(Verdict.FIRST, Verdict.SECOND)])
    rows += [(item, judge, sample, order, "rationale", "tie") for item, judge, sample, order, *_ in rows]
    subject = Subject(judges=["j"], criteria=["rationale", "overall"], orders=Orders.BOTH, n_items=1, n_identical=0)
    reports = criterion_reports(frame(rows), subject, Basis(Method.JEFFREYS, seed=0))
    assert list(reports) == ["rationale", "overall"]
    assert (reports["rationale"].ties, reports["overall"].wins_a) == (1, 1)


def judgments(rows: Sequence[Row]) -> list[Judgment]:
    """Return a judgment for each row; every third with a reply of 10 tokens."""
    kinds = [FailureKind.TIMEOUT, FailureKind.UNPARSED]
    return [
        Judgment(
            key=f"{row[:4]}",
            item=row[0],
            judge=row[1],
            sample=row[2],
            order=Order(row[3]),
            result=Judged(verdicts={"overall": Verdict(row[5])}) if row[5] else Failed(failure=kinds[n % 2]),
            reply=Reply(text="", usage=Usage(input=10)) if n % 3 == 0 else None,
        )
        for n, row in enumerate(rows)
    ]


def whole_report(
    records: Sequence[Judgment],
    *,
    judges: Sequence[str] = ("j",),
    n_items: int = 200,
    n_identical: int = 0,
    seed: int = 0,
) -> Report:
    subject = Subject(judges, ["overall"], Orders.BOTH, n_items, n_identical)
    return build_report(latest_judgments(records), subject, RUN._replace(seed=seed), method=Method.JEFFREYS)


@pytest.mark.parametrize("judges", [["j"], ["j", "k"]])
def test_the_same_seed_gives_the_same_bytes_however_the_judgments_are_ordered(judges: list[str]) -> None:
    rows = worked_example()[:300]
    source = random.Random(5)  # noqa: S311 - a fixed second judge
    said = ["first", "second", "tie", "cannot_judge", None]
    rows += [(*row[:1], "k", *row[2:5], source.choice(said)) for row in rows if "k" in judges]
    records = judgments(rows)
    texts = {
        whole_report(random.Random(n).sample(records, len(records)), judges=judges).model_dump_json()  # noqa: S311
        for n in range(4)
    }
    assert len(texts) == 1
    assert whole_report(records, judges=judges, seed=1).model_dump_json() not in texts


def test_a_report_counts_failures_and_what_was_not_asked() -> None:
    rows = rows_of([(Verdict.FIRST, Verdict.SECOND), (Verdict.TIE, None), (None, None), (Verdict.TIE, Verdict.TIE)])
    report = whole_report(judgments(rows), n_items=6, n_identical=1)
    assert (report.n_judgments, report.n_failed, report.n_not_asked, report.n_identical) == (8, 3, 2, 1)
    assert report.failures == {"timeout": 1, "unparsed": 2}
    assert report.by_judge == {}
    overall = report.criteria["overall"]
    assert (overall.wins_a, overall.ties, overall.missing) == (1, 2, 3)
    assert add_up(overall) == report.n_items
    imported = build_report(
        latest_judgments(judgments(rows)),
        Subject(judges=["j"], criteria=["overall"], orders=Orders.ONE, n_items=6, n_identical=0),
        RUN._replace(prompt=None),
        method=Method.PERCENTILE,
    )
    assert (imported.n_not_asked, imported.interval.method) == (0, Method.PERCENTILE)


def test_a_panel_is_reported_judge_by_judge_and_together() -> None:
    follows = rows_of([(Verdict.FIRST, Verdict.SECOND)] * 40)
    ignores = [(item, "k", sample, order, name, "first") for item, _, sample, order, name, _ in follows]
    report = whole_report(judgments([*follows, *ignores]), judges=["j", "k"], n_items=40)
    assert list(report.by_judge) == ["j", "k"]
    assert (report.by_judge["j"]["overall"].wins_a, report.by_judge["k"]["overall"].splits) == (40, 40)
    overall = report.criteria["overall"]
    assert (overall.win_rate.estimate, overall.consistency.estimate) == (0.75, 0.5)
    assert [warning.split(" on ")[0] for warning in report.warnings] == ["Judge k shows no signal"]
    one_missing = whole_report(judgments([*follows, *ignores[2:]]), judges=["j", "k"], n_items=40)
    assert one_missing.criteria["overall"].missing == 1
    assert one_missing.by_judge["j"]["overall"].missing == 0
    assert one_missing.n_not_asked == 2


def test_verdict_words_are_mirrored_by_exchanging_slots_too() -> None:
    rows = worked_example()
    renamed = [(*row[:5], MIRRORED.get(row[5] or "", row[5])) for row in rows]
    one, other = report_on(rows, n_items=200), report_on(renamed, n_items=200)
    assert (one.wins_a, one.wins_b) == (other.wins_b, other.wins_a)
    assert other.first_slot.estimate == pytest.approx(1 - (one.first_slot.estimate or 0), abs=2e-6)


def test_an_item_where_a_call_failed_is_missing_but_not_for_want_of_a_judgment() -> None:
    rows = rows_of([(Verdict.CANNOT_JUDGE, None), (Verdict.CANNOT_JUDGE, Verdict.FIRST), (None, Verdict.TIE)])
    report = report_on(rows, n_items=3)
    assert (report.missing, report.cannot_judge) == (3, 1)
