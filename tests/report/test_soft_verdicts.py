"""Verdicts that are probabilities: one road to the report, on which a hard verdict is a soft one of 1."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError, structs
from msgspec.json import encode
from report.test_report_sections import judgment, pair, report_of, runs
from tables.test_recounted_rates import FORMS, assert_csv_recounted, assert_recounted

from judge.enums import Orders
from judge.outcomes.fingerprint import fingerprint
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import latest_judgments
from judge.outcomes.tally import fold
from judge.report.build_report import SOFT
from judge.report.report import Report
from judge.runs.members import JUDGMENT
from judge.schema import Chances, Failed, Judged, Judgment, Order, Verdict

HARD = {
    Verdict.FIRST: Chances(1.0, 0.0, 0.0),
    Verdict.TIE: Chances(0.0, 1.0, 0.0),
    Verdict.SECOND: Chances(0.0, 0.0, 1.0),
}


def softly(item: str, order: Order, chances: Chances, **fields: Any) -> Judgment:  # noqa: ANN401 - a judgment's
    hard = judgment(item, order, Verdict.TIE, **fields)
    return structs.replace(hard, result=Judged.softly({"overall": chances}))


def soft_run(n: int, *, judge: str = "j", sample: int = 0, orders: int = 2, seed: int = 1) -> list[Judgment]:
    drawn = np.random.default_rng([seed, sample, len(judge)]).dirichlet([2, 0.5, 1], size=(n, 2)).round(3)
    return [
        softly(f"q{i}", order, Chances(first, round(1 - first - second, 9), second), judge=judge, sample=sample)
        for i in range(n)
        for order, (first, _, second) in list(zip(Order, drawn[i].tolist(), strict=True))[
            i % 2 if orders == 1 else 0 :
        ][:orders]
    ]


def without_the_name(report: Report) -> dict[str, Any]:
    told = report.model_dump(mode="json")
    told.pop("n_soft", None)
    told["warnings"] = [text for text in told["warnings"] if not text.endswith(SOFT[-40:])]
    return told


def as_soft(one: Judgment) -> Judgment:
    """The same judgment with probabilities of 0 and 1, where it has verdicts that decide."""
    if isinstance(one.result, Failed):
        return one
    assert isinstance(one.result, Judged)
    own = {name: HARD[said] for name, said in one.result.verdicts.items() if said in HARD}
    return structs.replace(one, result=Judged(one.result.verdicts, own))


@given(runs())
@costly
def test_hard_verdicts_given_as_probabilities_of_0_and_1_make_the_same_report(run: dict[str, Any]) -> None:
    by = WantedFields(None, ("part",))
    hard = report_of(**run, wanted=by)
    soft = report_of(**{**run, "judgments": [as_soft(one) for one in run["judgments"]]}, wanted=by)
    assert json.dumps(without_the_name(soft)) == json.dumps(without_the_name(hard))


def test_credits_agreement_and_the_first_slot_are_expected_values_by_hand() -> None:
    """Forward a is first: .6, .1, .3, hence credit .65. Swapped b is first: .2, .3, .5, hence a's credit is .5 + .15 =
    .65. They agree on a with .6 x .5, on b with .3 x .2, on a tie with .1 x .3: .39 in all. The first slot is picked
    .8 times of 1.6 that decide. The most probable verdicts are first and second: a win of a.
    """
    said = [
        softly("q0", Order.FORWARD, Chances(0.6, 0.1, 0.3)),
        softly("q0", Order.SWAPPED, Chances(0.2, 0.3, 0.5)),
    ]
    (row,) = fold(latest_judgments(said).on("overall"), orders=Orders.BOTH).iter_rows(named=True)
    assert row["forward"] == pytest.approx(0.65)
    assert row["swapped"] == pytest.approx(0.65)
    assert row["consistent"] == pytest.approx(0.39)
    assert (row["first_picks"], row["decisive"]) == (pytest.approx(0.8), pytest.approx(1.6))
    assert (row["on_forward"], row["on_swapped"], row["outcome"]) == (1.0, 1.0, "a")


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 3).filter(any), min_size=2, max_size=2))
def test_the_orders_agree_as_often_as_verdicts_drawn_from_them(parts: list[tuple[int, int, int]]) -> None:
    shares = [[Fraction(part, sum(three)) for part in three] for three in parts]
    said = [softly("q", order, Chances(*map(float, own))) for order, own in zip(Order, shares, strict=True)]
    (row,) = fold(latest_judgments(said).on("overall"), orders=Orders.BOTH).iter_rows(named=True)
    (first, tie, second), (swapped_first, swapped_tie, swapped_second) = shares
    agree = first * swapped_second + second * swapped_first + tie * swapped_tie
    assert row["consistent"] == pytest.approx(float(agree), abs=1e-12)
    credit = (first + tie / 2 + swapped_second + swapped_tie / 2) / 2
    assert row["credit"] == pytest.approx(float(credit), abs=1e-12)


def test_the_win_rate_and_its_error_are_those_of_the_credits_and_no_verdict_is_rounded() -> None:
    rows = soft_run(60)
    report = report_of(rows, [pair(n) for n in range(60)])
    on = latest_judgments(rows).on("overall")
    forward = pl.when(pl.col("order") == Order.FORWARD)
    credit = on.with_columns(
        c=forward.then(1 - pl.col("p_second") - pl.col("p_tie") / 2).otherwise(
            1 - pl.col("p_first") - pl.col("p_tie") / 2
        )
    )
    x = credit.group_by("item").agg(pl.col("c").mean())["c"].to_numpy()
    rate = report.criteria["overall"].win_rate
    assert rate.estimate == pytest.approx(x.mean(), abs=1e-6)
    assert rate.se == pytest.approx(x.std(ddof=1) / np.sqrt(60), abs=1e-6)
    assert rate.low is not None
    assert rate.high is not None
    half = 1.96 * x.std() / 60**0.5
    assert rate.low == pytest.approx(x.mean() - half, abs=0.01)
    assert rate.high == pytest.approx(x.mean() + half, abs=0.01)
    assert report.criteria["overall"].p_method == "Monte-Carlo"
    assert report.n_soft == 120
    assert SOFT.format(n=120) in report.warnings


@pytest.mark.parametrize("form", FORMS)
def test_each_rate_of_a_soft_report_follows_from_what_is_printed_beside_it(form: str) -> None:
    pairs = [pair(n) for n in range(40)]
    panel = [row for judge in ("j", "kk") for row in soft_run(40, judge=judge)]
    samples = [row for sample in range(2) for row in soft_run(40, sample=sample)]
    for report in (
        report_of(soft_run(40), pairs, wanted=WantedFields(by=("part",))),
        report_of(panel, pairs, judges=("j", "kk")),
        report_of(samples, pairs, samples=2),
        report_of(soft_run(40, orders=1), pairs, orders=Orders.ONE),
    ):
        assert assert_recounted(report, form) > 0
        assert_csv_recounted(report)


def test_exchanging_the_models_mirrors_a_soft_report() -> None:
    rows = soft_run(30)
    turned = {Order.FORWARD: Order.SWAPPED, Order.SWAPPED: Order.FORWARD}
    one = report_of(rows, [pair(n) for n in range(30)]).criteria["overall"]
    other = report_of([structs.replace(j, order=turned[j.order]) for j in rows], [pair(n) for n in range(30)])
    mirrored = other.criteria["overall"]
    assert one.win_rate.low is not None
    assert mirrored.win_rate.high == pytest.approx(1 - one.win_rate.low, abs=1e-9)
    assert (one.p_value, one.first_slot, one.consistency) == (
        mirrored.p_value,
        mirrored.first_slot,
        mirrored.consistency,
    )
    assert (one.wins_a, one.wins_b, one.splits) == (mirrored.wins_b, mirrored.wins_a, mirrored.splits)


@pytest.mark.parametrize(
    ("chances", "likeliest"),
    [
        ((0.5, 0.1, 0.4), Verdict.FIRST),
        ((0.4, 0.1, 0.5), Verdict.SECOND),
        ((0.3, 0.4, 0.3), Verdict.TIE),
        ((0.5, 0.0, 0.5), Verdict.TIE),
        ((0.45, 0.45, 0.1), Verdict.TIE),
    ],
)
def test_the_most_probable_verdict_is_a_tie_where_several_are(
    chances: tuple[float, float, float], likeliest: Verdict
) -> None:
    assert Chances(*chances).likeliest is likeliest


@pytest.mark.parametrize("wrong", [(0.5, 0.5, 0.5), (1.2, -0.2, 0.0), (0.5, 0.4, 0.0), (float("nan"), 0.5, 0.5)])
def test_what_are_no_probabilities_of_three_verdicts_is_refused_as_it_is_made_and_as_it_is_read(
    wrong: tuple[float, float, float],
) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        Chances(*wrong)
    fine = encode(softly("q", Order.FORWARD, Chances(0.25, 0.25, 0.5)))
    assert JUDGMENT(fine).result == Judged.softly({"overall": Chances(0.25, 0.25, 0.5)})
    with pytest.raises(ValidationError):
        JUDGMENT(fine.replace(b"0.5", b"0.6"))


def test_a_hard_verdict_is_written_as_ever_and_probabilities_change_the_fingerprint() -> None:
    hard = judgment("q", Order.FORWARD, Verdict.FIRST)
    assert b"chances" not in encode(hard)
    prints = [
        fingerprint(latest_judgments([one]), {}, None)
        for one in (
            hard,
            softly("q", Order.FORWARD, Chances(0.6, 0.0, 0.4)),
            softly("q", Order.FORWARD, Chances(0.7, 0.0, 0.3)),
        )
    ]
    assert len(set(prints)) == 3
