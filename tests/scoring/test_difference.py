from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import polars as pl
import pytest
from builders import make_judge
from checklists import all_groups, build, image, make_case
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from judge.enums import Method
from judge.outcomes.estimates import Basis, Ratio, estimate_rate
from judge.report.report import Models
from judge.schema import Group
from judge.scoring.difference import Difference, ScoreDifference, compare_scores
from judge.scoring.figures import SCORE_METHOD
from judge.stats.significance import Conclusion, Distribution

PERCENTILE = Basis(Method.PERCENTILE, seed=0)
REPEATS = 1000
OWN = Basis(SCORE_METHOD, seed=0)


def drawn(seed: int, n: int, *, skill: float = 0.5, start: int = 0, share: int = 0) -> pl.DataFrame:
    """Return the item rows of a run of drawn verdicts; `share` items have each image (0: their own)."""
    rng = np.random.default_rng(seed)
    cases, judgments = [], []
    for place in range(start, start + n):
        item = f"q{place:04}"
        said = [
            [(int(rng.integers(3)), 1 if rng.random() < skill else -1, 1, True) for _ in range(size)]
            for size in (3, 2, 4)
        ]
        judgments += all_groups(*said, item=item)
        images = (image(f"i{place // share}" if share else item),)
        cases.append(make_case(3, 2, 4, item=item, says="A" if rng.random() < skill else "B", images=images))
    return build(judgments, cases, [make_judge()]).scores.items


def compare(a: pl.DataFrame, b: pl.DataFrame, basis: Basis = OWN) -> ScoreDifference:
    return compare_scores(a, b, Models(a="one", b="other"), basis)


def test_a_difference_and_its_interval_are_those_of_an_independent_paired_bootstrap() -> None:
    a, b = drawn(1, 80, skill=0.8), drawn(2, 80, skill=0.5)
    found = compare(a, b, PERCENTILE)
    for name, one in (("trace_score", found.trace_score), ("rationale_score", found.groups[Group.RATIONALE]["score"])):
        differences = a[name].to_numpy() - b[name].to_numpy()
        expected = stats.bootstrap((differences,), np.mean, n_resamples=20_000, method="percentile", rng=1)
        assert one.estimate == pytest.approx(differences.mean(), abs=2e-6)
        assert (one.low, one.high) == pytest.approx(tuple(expected.confidence_interval), abs=0.005)
        assert (one.a, one.b) == pytest.approx((a[name].to_numpy().mean(), b[name].to_numpy().mean()), abs=1e-6)
        assert one.n == 80


def test_the_test_is_the_paired_permutation_test() -> None:
    a, b = drawn(1, 12, skill=0.7), drawn(2, 12, skill=0.5)
    one = compare(a, b).groups[Group.KNOWLEDGE]["presence"]
    values = (a["knowledge_presence"].to_numpy(), b["knowledge_presence"].to_numpy())
    expected = stats.permutation_test(
        values, lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=10_000
    )
    assert one.p_method is Distribution.EXACT
    assert one.p_value == pytest.approx(expected.pvalue)


def test_the_test_of_accuracy_is_mcnemars() -> None:
    a, b = drawn(1, 60, skill=0.8), drawn(2, 60, skill=0.5)
    table = a.join(b, on="item", suffix="_b").group_by("answer_accuracy", "answer_accuracy_b").len()
    counts = {(right, other): n for right, other, n in table.iter_rows()}
    square = [[counts.get((x, y), 0) for y in (1, 0)] for x in (1, 0)]
    expected = importlib.import_module("statsmodels.stats.contingency_tables").mcnemar(square, exact=True)
    assert compare(a, b).answer_accuracy.p_value == pytest.approx(expected.pvalue, rel=1e-5)


def test_a_better_model_is_called_better_and_the_same_traces_show_nothing() -> None:
    a, b = drawn(1, 80, skill=0.9), drawn(2, 80, skill=0.3)
    assert compare(a, b).trace_score.verdict is Conclusion.BETTER
    assert compare(b, a).trace_score.verdict is Conclusion.WORSE
    same = compare(a, a).trace_score
    assert (same.estimate, same.p_value, same.verdict) == (0, 1, Conclusion.INCONCLUSIVE)
    assert same.low is not None
    assert same.high is not None
    assert same.low < 0 < same.high == -same.low


def test_the_trace_score_keeps_its_p_value_and_the_others_share_the_risk() -> None:
    found = compare(drawn(1, 40, skill=0.7), drawn(2, 40))
    assert found.trace_score.p_adjusted == found.trace_score.p_value
    others = [one for parts in found.groups.values() for one in parts.values()]
    assert all(one.p_adjusted >= one.p_value for one in others)
    assert min(one.p_adjusted for one in others) > min(one.p_value for one in others)


def test_items_of_one_run_only_and_items_with_another_checklist_are_counted_and_left_out() -> None:
    a, b = drawn(1, 30), drawn(2, 30, start=10)
    changed = b.with_columns(
        checklist=pl.when(pl.col("item") == "q0010").then(0).otherwise("checklist").cast(pl.UInt64)
    )
    found = compare(a, changed)
    assert (found.n_items, found.n_only_a, found.n_only_b, found.n_other_checklist) == (19, 10, 10, 1)
    assert found.trace_score.n == 19


def test_the_interval_is_over_images_where_items_share_them() -> None:
    a, b = drawn(1, 60, skill=0.8, share=3), drawn(2, 60, share=3)
    found = compare(a, b, PERCENTILE).trace_score
    differences = (a["trace_score"] - b["trace_score"]).to_numpy().reshape(20, 3)
    rng = np.random.default_rng(4)
    means = [differences[rng.integers(20, size=20)].mean() for _ in range(10_000)]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.006)
    alone = compare(drawn(1, 60, skill=0.8), drawn(2, 60), PERCENTILE).trace_score
    assert alone.estimate == found.estimate
    assert alone.low != found.low


def test_runs_without_a_common_item_have_no_difference() -> None:
    found = compare(drawn(1, 5), drawn(2, 5, start=5))
    assert found.n_items == 0
    assert found.trace_score == Difference(
        a=None,
        b=None,
        estimate=None,
        low=None,
        high=None,
        n=0,
        p_value=1.0,
        p_method=Distribution.EXACT,
        p_adjusted=1.0,
        verdict=Conclusion.INCONCLUSIVE,
    )


def flat(found: ScoreDifference) -> dict[str, Difference]:
    groups = {f"{group}_{part}": one for group, parts in found.groups.items() for part, one in parts.items()}
    return {**groups, "trace": found.trace_score, "answer": found.answer_accuracy, "both": found.right_and_grounded}


@settings(max_examples=12)
@given(st.integers(0, 9), st.integers(2, 25), st.sampled_from(list(Method)), st.sampled_from([0, 2]))
def test_exchanging_the_runs_mirrors_every_digit(seed: int, n: int, method: Any, share: int) -> None:  # noqa: ANN401
    a, b = drawn(seed, n, share=share), drawn(seed + 100, n, start=1, skill=0.7, share=share)
    basis = Basis(method, seed=0)
    there, back = flat(compare(a, b, basis)), flat(compare(b, a, basis))
    opposite = {Conclusion.BETTER: Conclusion.WORSE, Conclusion.WORSE: Conclusion.BETTER}
    for name, one in there.items():
        assert back[name] == one.model_copy(
            update={
                "a": one.b,
                "b": one.a,
                "estimate": None if one.estimate is None else 0.0 - one.estimate,
                "low": None if one.high is None else 0.0 - one.high,
                "high": None if one.low is None else 0.0 - one.low,
                "verdict": opposite.get(one.verdict, one.verdict),
            }
        )


def test_shuffling_the_rows_changes_nothing() -> None:
    a, b = drawn(1, 30), drawn(2, 30, skill=0.8)
    shuffled = compare(a.sample(fraction=1, shuffle=True, seed=1), b.sample(fraction=1, shuffle=True, seed=2))
    assert shuffled == compare(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 100])
def test_the_interval_of_a_difference_holds_its_level_and_is_hardly_longer_than_the_spread_asks(n: int) -> None:
    """Traces whose three groups share the item's difficulty, 4, 3 and 3 units each; the truth from 200,000 of them."""

    def scores(rng: np.random.Generator, size: int) -> np.ndarray:
        ease = rng.normal(size=size)
        pair = []
        for skill in (0.8, 0.3):
            chance = 1 / (1 + np.exp(-skill - ease))[:, None]
            groups = []
            for units in (4, 3, 3):
                presence = rng.binomial(2, np.repeat(chance, units, axis=1))
                right = (rng.random((size, units)) < chance) & (presence > 0)
                groups.append(presence.mean(axis=1) / 2 * right.sum(axis=1) / np.maximum(1, (presence > 0).sum(axis=1)))
            pair.append(np.mean(groups, axis=0))
        return np.asarray(pair[0] - pair[1])

    truth = scores(np.random.default_rng(1), 200_000).mean()
    rng, hits, widths, spreads = np.random.default_rng(2), 0, [], []
    for _ in range(REPEATS):
        differences = scores(rng, n)
        rate = estimate_rate(Ratio((1 + differences) / 2, np.ones(n), complement=True), None, OWN)
        assert rate.low is not None
        assert rate.high is not None
        hits += 2 * rate.low - 1 <= truth <= 2 * rate.high - 1
        widths.append(2 * (rate.high - rate.low))
        spreads.append(2 * stats.t(n - 1).ppf(0.975) * differences.std(ddof=1) / np.sqrt(n))
    assert 0.93 <= hits / REPEATS <= 0.97
    assert np.mean(widths) / np.mean(spreads) == pytest.approx(1, abs=0.03)
