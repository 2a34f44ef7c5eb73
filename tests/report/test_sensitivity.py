"""What a win rate would be with other judges, with every subgroup alike; and the standard error beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import report_on
from command import omr_judge
from kept_runs import copy_runs
from msgspec import structs
from report.test_judge_signal import SIGNAL
from report.test_report import rows_of, worked_example
from report.test_report_sections import hundred, judgment, pair, report_of
from stats.oracles import oracle

from judge.outcomes.item_features import WantedFields
from judge.report.build_report import Extras
from judge.report.report import Report
from judge.schema import Order, Pair, Verdict
from judge.tables import reliability_words, words

FIRST, SECOND = Verdict.FIRST, Verdict.SECOND


def panel(*, majority: bool = False) -> Report:
    """Return the report of a judge for a, a judge for b, and one who is for a on 3 items of 4; 4 are identical."""
    for_a: dict[str, Callable[[int], bool]] = {"j": lambda _: True, "k": lambda _: False, "l": lambda n: n % 4 > 0}
    rows = [
        judgment(f"q{n}", order, FIRST if is_for_a(n) == (order is Order.FORWARD) else SECOND, judge=judge)
        for judge, is_for_a in for_a.items()
        for n in range(40)
        for order in Order
    ]
    pairs = [pair(n, same=n >= 40) for n in range(44)]
    identical = [p.item.id for p in pairs[40:]]
    return report_of(rows, pairs, judges=tuple(for_a), identical=identical, extras=Extras(majority=majority))


def test_each_judge_left_out_moves_the_win_rate_as_the_others_say_and_judges_at_random_widen_it() -> None:
    report = panel()
    assert report.judge_sensitivity is not None
    found, fixed = report.judge_sensitivity["overall"], report.criteria["overall"].win_rate
    rates = {judge: (rate.numerator, rate.n) for judge, rate in found.without.items()}
    assert rates == {"j": (15 + 2, 44), "k": (35 + 2, 44), "l": (20 + 2, 44)}
    assert found.random_judges is not None
    assert found.random_judges.estimate == fixed.estimate
    assert (found.random_judges.low or 0) < (fixed.low or 0) < (fixed.high or 0) < (found.random_judges.high or 0)
    told = reliability_words.judge_sensitivity("overall", found, fixed)
    assert told.startswith("Judges, overall: with one left out the win rate is 38.6 (without j) to 84.1 (without k); ")
    assert "with judges drawn at random too it is " in told


def test_a_majority_is_taken_of_those_that_are_left() -> None:
    report = panel(majority=True)
    assert report.judge_sensitivity is not None
    without = report.judge_sensitivity["overall"].without
    assert {judge: rate.numerator for judge, rate in without.items()} == {"j": 15 + 2, "k": 35 + 2, "l": 20 + 2}
    assert report.judge_sensitivity["overall"].random_judges is None


def test_one_judge_has_no_sensitivity_and_a_panel_without_items_no_rate() -> None:
    pairs = [pair(n) for n in range(3)]
    assert report_of(hundred(n=3), pairs).judge_sensitivity is None
    nothing = report_of([], pairs, judges=("j", "k"))
    assert nothing.judge_sensitivity is not None
    found = nothing.judge_sensitivity["overall"]
    assert found.random_judges is None
    assert reliability_words.judge_sensitivity("overall", found, nothing.criteria["overall"].win_rate) == ""
    one = [structs.replace(j, judge=judge, key=j.key + judge) for judge in "jk" for j in hundred(n=1)]
    single = report_of(one, pairs, judges=("j", "k"))
    assert single.judge_sensitivity is not None
    told = reliability_words.judge_sensitivity(
        "overall", single.judge_sensitivity["overall"], single.criteria["overall"].win_rate
    )
    assert told.endswith("(without k).")


def by_part(sizes: dict[str, tuple[int, int]]) -> tuple[Report, list[Pair]]:
    """Return the report of items that a, then b, wins in each part."""
    winners = [(part, n < wins) for part, (wins, losses) in sizes.items() for n in range(wins + losses)]
    pairs = [
        structs.replace(pair(n), item=structs.replace(pair(n).item, subgroup={"part": part}))
        for n, (part, _) in enumerate(winners)
    ]
    rows = [
        judgment(f"q{n}", order, FIRST if is_a == (order is Order.FORWARD) else SECOND)
        for n, (_, is_a) in enumerate(winners)
        for order in Order
    ]
    return report_of(rows, pairs, wanted=WantedFields(by=("part",))), pairs


def test_each_value_counts_alike_in_the_standardised_rate_and_reversals_are_named() -> None:
    report, _ = by_part({"big": (180, 20), "small": (2, 28), "mixed": (10, 9)})
    found = report.standardised["part"]
    assert found is not None
    assert found.win_rate.estimate == pytest.approx((180 / 200 + 2 / 30 + 10 / 19) / 3, abs=1e-6)
    assert (found.n_values, found.reversed) == (3, ("small",))
    low, high = found.win_rate.low, found.win_rate.high
    assert low is not None
    assert high is not None
    assert 0 < low < (found.win_rate.estimate or 0) < high < 1
    (told,) = words.standardised(report).values()
    assert told.startswith("Win rate on overall with each value of part alike: 49.8 [")
    assert told.endswith(", beside 77.1 over items; reversed, on the other side of 50 %: small.")
    turned, _ = by_part({"big": (20, 180), "small": (28, 2)})
    assert turned.standardised["part"] is not None
    assert turned.standardised["part"].reversed == ("small",)


@pytest.mark.slow
def test_reversals_are_no_accident_of_many_values_and_none_is_of_a_few_items() -> None:
    rng = np.random.default_rng(8)
    named = 0
    for _ in range(20):
        wins = rng.binomial(25, 0.5, size=16)
        report, _ = by_part({f"v{n}": (int(won), 25 - int(won)) for n, won in enumerate(wins)})
        found = report.standardised["part"]
        assert found is not None
        named += bool(found.reversed)
    assert named <= 3
    few, _ = by_part({"big": (180, 20), "few": (0, 19)})
    assert few.standardised["part"] is not None
    assert few.standardised["part"].reversed == ()


def test_of_two_judges_there_is_no_interval_over_judges() -> None:
    rows = [structs.replace(j, judge=judge, key=j.key + judge) for judge in "jk" for j in hundred(n=20)]
    report = report_of(rows, [pair(n) for n in range(20)], judges=("j", "k"))
    assert report.judge_sensitivity is not None
    assert report.judge_sensitivity["overall"].random_judges is None


def test_one_value_is_not_standardised_and_equal_models_reverse_nothing() -> None:
    alone, _ = by_part({"big": (10, 5)})
    assert alone.standardised == {"part": None}
    assert words.standardised(alone) == {}
    single, _ = by_part({"one": (1, 0), "other": (0, 1)})
    assert single.standardised["part"] is not None
    assert single.standardised["part"].win_rate.model_dump() == {"estimate": 0.5, "low": None, "high": None, "se": None}
    equal, _ = by_part({"one": (30, 0), "other": (0, 30)})
    assert equal.standardised["part"] is not None
    assert equal.standardised["part"].reversed == ()
    assert equal.standardised["part"].win_rate.low not in (None, 0.5)


def test_the_standard_error_of_a_win_rate_is_that_of_the_mean_of_credits() -> None:
    report = report_on(worked_example(), n_items=200)
    credits_ = np.repeat([1, 0.75, 0.5, 0.25, 0], [120, 6 + 4, 30 + 10 + 3, 5 + 2, 20])
    assert report.win_rate.se == pytest.approx(oracle("scipy.stats").sem(credits_), abs=1e-6)
    assert report.win_rate.numerator == credits_.sum()
    same = report_on(rows_of([SIGNAL["always a"](n) for n in range(50)]), n_items=50)
    assert (same.win_rate.se, same.win_rate.numerator) == (0, 50)
    assert report_on([], n_items=3).win_rate.se is None


def test_the_standard_error_of_a_clustered_rate_is_the_sandwich_of_statsmodels() -> None:
    pairs = [pair(n) for n in range(100)]
    report = report_of(hundred(), pairs, wanted=WantedFields("patient"))
    said = {(j.item, j.order): j.result.verdicts["overall"] for j in hundred()}  # type: ignore[union-attr]
    worth = {(Order.FORWARD, FIRST): 1, (Order.SWAPPED, SECOND): 1}
    credits_ = np.array(
        [
            np.mean([0.5 if said[f"q{n}", o] is Verdict.TIE else worth.get((o, said[f"q{n}", o]), 0) for o in Order])
            for n in range(100)
        ]
    )
    fit = (
        oracle("statsmodels.api")
        .OLS(credits_, np.ones(100))
        .fit(cov_type="cluster", cov_kwds={"groups": np.arange(100) // 2})
    )
    # CR1 corrects by (n - 1) / (n - 1) with one coefficient: G / (G - 1) is all that is left.
    assert report.criteria["overall"].win_rate.se == pytest.approx(float(fit.bse[0]), abs=1e-6)


def test_the_command_shows_standard_errors_where_asked_and_not_on_a_page(tmp_path: Path) -> None:
    copy_runs(tmp_path)
    runs = (["comparison"], ["score-a"], ["score-a", "--against", "score-b"])
    for run, form in zip(runs, ("terminal", "markdown", "markdown"), strict=True):
        plain, told = (
            omr_judge("report", *run, "--format", form, *more, cwd=tmp_path).stdout for more in ([], ["--se"])
        )
        assert "In parentheses: standard errors" in " ".join(told.split())
        assert "In parentheses" not in plain
    made = json.loads(omr_judge("report", "comparison", "--json", cwd=tmp_path).stdout)
    assert made == json.loads(omr_judge("report", "comparison", "--json", "--se", cwd=tmp_path).stdout)
    assert made["criteria"]["overall"]["win_rate"]["se"] > 0
    refused = omr_judge("report", "comparison", "--se", "--html", "page.html", cwd=tmp_path, code=3)
    assert "--se" in refused.stderr
