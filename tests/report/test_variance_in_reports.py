"""What a report says of the variance of its verdicts, and what more samples, judges or items would buy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawing import costly
from hypothesis import given
from report.test_report_sections import exchanged, hundred, judgment, pair, report_of, runs, turned

from judge.enums import Orders
from judge.outcomes.item_features import WantedFields
from judge.report.build_report import Extras
from judge.report.report import Report
from judge.schema import Judgment, Order, Verdict
from judge.tables import reliability_words
from judge.tables.tables import tables

if TYPE_CHECKING:
    from judge.stats.intervals import Floats

FIRST, SECOND, TIE = Verdict.FIRST, Verdict.SECOND, Verdict.TIE


def said(credit: float, order: Order) -> Verdict:
    """Return what a judge says that gives a this credit."""
    return {1.0: FIRST, 0.5: TIE, 0.0: SECOND}[credit if order is Order.FORWARD else 1 - credit]


def judged(credits_: Floats) -> list[Judgment]:
    """Return the judgments of a table of credits, shape (items, judges, orders, samples)."""
    return [
        judgment(f"q{item:03}", order, said(credit, order), judge="jkl"[judge], sample=sample)
        for (item, judge, place, sample), credit in np.ndenumerate(credits_)
        for order in [list(Order)[place]]
    ]


def components(report: Report) -> dict[str, float | None]:
    assert report.variance_components is not None
    dumped = report.variance_components["overall"].model_dump()
    return {name: dumped[name] for name in ("item", "judge", "item_judge", "slot", "noise")}


def test_a_panel_has_the_components_counted_by_hand_and_a_judge_with_one_sample_none() -> None:
    table = np.repeat(np.array([[1, 0.5], [0.5, 0], [1, 1]])[:, :, None, None], 2, axis=2)
    pairs = [pair(n) for n in range(3)]
    report = report_of(judged(table), pairs, judges=("j", "k"))
    by_hand = {"item": (7 / 24 - 1 / 24) / 2, "judge": (1 / 6 - 1 / 24) / 3, "item_judge": 1 / 24, "slot": 0}
    assert components(report) == pytest.approx({**by_hand, "noise": None}, abs=1e-6)
    assert "variance_components" in report.model_dump(mode="json")
    assert "variance_components" not in report_of(hundred(n=3), pairs).model_dump(mode="json")


def test_the_predicted_error_of_today_is_the_printed_one_and_more_of_each_takes_so_many_judgments() -> None:
    rng = np.random.default_rng(5)
    lean = rng.random((30, 1, 1, 1)) + rng.random((30, 3, 1, 1)) + rng.random((30, 3, 2, 2))
    pairs = [pair(n, same=n >= 30) for n in range(34)]
    same = [p.item.id for p in pairs[30:]]
    wanted = [WantedFields(), WantedFields(cluster="patient")]
    for fields in wanted:
        report = report_of(
            judged((lean > 1.6).astype(float)), pairs, judges=tuple("jkl"), samples=2, identical=same, wanted=fields
        )
        assert report.variance_components is not None
        assert report.judge_sensitivity is not None
        found, rate = report.variance_components["overall"], report.criteria["overall"].win_rate
        drawn = report.judge_sensitivity["overall"].random_judges
        now = found.predicted["now"]
        assert found.n == rate.n == 34
        assert drawn is not None
        assert now.se == rate.se
        if fields.cluster is None:
            assert now.se_random_judges == pytest.approx(drawn.se, abs=2e-6)
        assert {what: own.judgments for what, own in found.predicted.items()} == {
            "now": 0,
            "sample": 30 * 3 * 2,
            "judge": 30 * 2 * 2,
            "item": 3 * 2 * 2,
        }
        assert all(own.se < now.se for what, own in found.predicted.items() if what != "now")
    told = reliability_words.variance("overall", found)
    assert told.startswith("Variance of a verdict, overall: item ")
    assert f"; standard error of the win rate {100 * now.se:.2f}, " in told
    assert " with one more sample (180 judgments), " in told
    assert " with one more judge (120 judgments), " in told
    assert "; with judges drawn at random too " in told
    assert sum(int(part.rpartition(" ")[2]) for part in told.partition(";")[0].split(" %")[:-1]) in range(98, 103)


def test_one_judge_with_samples_has_noise_slot_and_items_and_no_judges() -> None:
    credits_ = np.array([[[[1, 0], [0, 0]]], [[[1, 1], [1, 1]]]], dtype=float)
    pairs = [pair(n) for n in range(2)]
    report = report_of(judged(credits_), pairs, samples=2)
    assert components(report) == pytest.approx(
        {"item": 9 / 32 - 1 / 32, "judge": None, "item_judge": None, "slot": 0, "noise": 1 / 8}, abs=1e-6
    )
    assert report.variance_components is not None
    found = report.variance_components["overall"]
    assert set(found.predicted) == {"now", "sample", "item"}
    assert "drawn at random" not in reliability_words.variance("overall", found)
    (table,) = (table for table in tables(report) if table.key == "variance_components")
    assert list(table.columns)[-3:] == ["se_now", "se_sample", "se_item"]


def test_samples_that_are_not_complete_leave_their_noise_in_the_slot_and_the_items() -> None:
    credits_ = np.array([[[[1], [0]]], [[[1], [1]]], [[[0], [0]]]], dtype=float)
    report = report_of(judged(credits_), [pair(n) for n in range(3)], samples=2)
    assert report.variance_components is not None
    found = report.variance_components["overall"]
    assert found.noise is None
    assert set(found.predicted) == {"now", "item"}
    assert reliability_words.variance("overall", found).startswith(
        "Variance of a verdict, overall: item with noise 75 %, slot with noise 25 %; "
    )


def test_one_order_a_pair_has_no_slot_and_a_majority_no_prediction() -> None:
    rows = [
        judgment(f"q{n}", list(Order)[n % 2], FIRST if n % 3 else SECOND, judge=judge)
        for n in range(12)
        for judge in ("jkl" if n % 4 else "jk")
    ]
    pairs = [pair(n) for n in range(12)]
    report = report_of(rows, pairs, judges=tuple("jkl"), orders=Orders.ONE)
    assert components(report)["slot"] is None
    assert report.variance_components is not None
    assert report.variance_components["overall"].n == 12
    assert report.criteria["overall"].win_rate.n == 9
    majority = report_of(rows, pairs, judges=tuple("jkl"), orders=Orders.ONE, extras=Extras(majority=True))
    assert majority.variance_components is not None
    found = majority.variance_components["overall"]
    assert found.predicted == {}
    assert reliability_words.variance("overall", found).endswith(" %.")


def test_judges_who_always_say_the_same_have_no_variance_and_no_sentence() -> None:
    pairs = [pair(n) for n in range(4)]
    report = report_of(judged(np.ones((4, 2, 2, 1))), pairs, judges=("j", "k"))
    assert components(report) == {"item": 0, "judge": 0, "item_judge": 0, "slot": 0, "noise": None}
    assert report.variance_components is not None
    assert reliability_words.variance("overall", report.variance_components["overall"]) == ""
    nothing = report_of([], pairs, judges=("j", "k"))
    assert set(components(nothing).values()) == {None}


@pytest.mark.slow
@given(runs())
@costly
def test_exchanging_the_models_changes_no_component_and_no_prediction(run: dict[str, object]) -> None:
    one = report_of(**run)  # type: ignore[arg-type]
    other = report_of(**{**run, "judgments": turned(run["judgments"]), "pairs": exchanged(run["pairs"])})  # type: ignore[arg-type]
    assert one.variance_components == other.variance_components
    for found in (one.variance_components or {}).values():
        assert all((value or 0) >= 0 for value in (found.item, found.judge, found.item_judge, found.slot, found.noise))
