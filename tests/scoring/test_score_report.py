from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from builders import make_judge
from checklists import Said, all_groups, build, image, judged, make_case, shipped_plan
from msgspec import structs
from scipy import stats

from judge.costs.spending import Spending
from judge.enums import FailureMode, Method
from judge.errors import InputError
from judge.outcomes.latest_judgments import latest_judgments
from judge.schema import Case, FailureKind, Group, Judgment, Reply, Usage
from judge.scoring.score_report import ScoreReport
from judge.scoring.scores import FIGURES

RIGHT: Said = (2, 1, 1)
WRONG: Said = (2, -1, 0)
VAGUE: Said = (1, 1, 1)
ABSENT: Said = (0, 0, 0)
M = make_judge()
N = make_judge(model="n")
BLIND = make_judge(model="blind", sees_images=False)


def drawn(n: int, seed: int = 0) -> tuple[list[Case], list[Judgment]]:
    """Return n cases of 3, 2 and 4 units with drawn verdicts; a third of the answers is wrong."""
    rng = np.random.default_rng(seed)
    cases, judgments = [], []
    for place in range(n):
        item = f"q{place}"
        said = [
            [(int(rng.integers(3)), int(rng.integers(-1, 2)), int(rng.integers(-1, 2)), True) for _ in range(size)]
            for size in (3, 2, 4)
        ]
        judgments += all_groups(*said, item=item)
        cases.append(make_case(3, 2, 4, item=item, says="AAB"[rng.integers(3)], meta={"site": f"s{place % 2}"}))
    return cases, judgments


def test_the_intervals_of_means_are_those_of_an_independent_bootstrap() -> None:
    cases, judgments = drawn(60)
    run = build(judgments, cases, [M], method=Method.PERCENTILE)
    for name, found in (
        ("trace_score", run.report.trace_score),
        ("perception_presence", run.report.groups[Group.PERCEPTION].presence),
        ("rationale_score", run.report.groups[Group.RATIONALE].score),
    ):
        values = run.scores.items[name].to_numpy()
        expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1)
        assert found.estimate == pytest.approx(values.mean(), abs=1e-6)
        assert found.n == 60
        assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), abs=0.004)


def test_the_interval_of_an_accuracy_is_wilsons_by_the_t_quantile() -> None:
    """The variance has n - 1 beneath, so that n_eff = 49; the centre and half are written out from Wilson's formula."""
    cases = [make_case(item=f"q{place}", says="A" if place < 43 else "B") for place in range(50)]
    found = build([], cases, [M]).report.answer_accuracy
    assert (found.estimate, found.n) == (0.86, 50)
    t, n_eff, p = stats.t(49).ppf(0.975), 49, 0.86
    center = (p + t**2 / (2 * n_eff)) / (1 + t**2 / n_eff)
    half = t / (1 + t**2 / n_eff) * np.sqrt(p * (1 - p) / n_eff + t**2 / (4 * n_eff**2))
    assert (found.low, found.high) == pytest.approx((center - half, center + half), abs=1e-6)
    assert found.low == pytest.approx(stats.binomtest(43, 50).proportion_ci(method="wilson").low, abs=0.01)


def test_the_intervals_are_over_images_where_items_share_them() -> None:
    cases, judgments = drawn(60)
    shared = [
        Case(item=structs.replace(case.item, images=(image(f"i{place // 3}"),)), trace=case.trace)
        for place, case in enumerate(cases)
    ]
    run = build(judgments, shared, [M], method=Method.PERCENTILE)
    values = run.scores.items.sort("item")
    assert run.report.clusters.n == 20
    assert run.report.clusters.field == "image"
    clusters = values.group_by("cluster", maintain_order=True).agg(own="trace_score")["own"].to_list()
    rng = np.random.default_rng(3)
    means = [np.mean(np.concatenate([clusters[place] for place in rng.integers(20, size=20)])) for _ in range(10_000)]
    found = run.report.trace_score
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.005)


def test_the_report_holds_every_figure_with_its_interval_in_json() -> None:
    cases, judgments = drawn(30)
    report = build(judgments, cases, [M]).report
    made = json.loads(report.model_dump_json())
    assert set(made["groups"]) == {"perception", "knowledge", "rationale"}
    for figures in made["groups"].values():
        assert set(figures) == {"presence", "correctness", "consistency", "score"}
        for estimate in figures.values():
            assert set(estimate) == {"estimate", "low", "high", "n", "numerator", "se"}
            assert 0 <= estimate["low"] <= estimate["estimate"] <= estimate["high"] <= 1
    assert (
        set(made["trace_score"]) == set(made["answer_accuracy"]) == {"estimate", "low", "high", "n", "numerator", "se"}
    )
    assert set(made["failure_modes"]["all"]) == set(FailureMode)
    assert ScoreReport.model_validate_json(report.model_dump_json()) == report


def test_every_item_is_counted_once_in_each_group() -> None:
    cases = [
        make_case(item="whole"),
        make_case(item="failed"),
        make_case(item="unseen", images=()),
        make_case(0, 1, 1, item="without"),
        make_case(item="silent"),
        make_case(item="not asked"),
        make_case(item="unknown", answer=None),
        make_case(item="unread", says="?"),
    ]
    judgments = [
        *all_groups([RIGHT], [RIGHT], [RIGHT], item="whole"),
        *all_groups([], [RIGHT], [RIGHT], item="failed"),
        judged(Group.PERCEPTION, FailureKind.UNPARSED, item="failed"),
        *all_groups([], [RIGHT], [RIGHT], item="unseen"),
        *all_groups([], [RIGHT], [RIGHT], item="without"),
        *all_groups([ABSENT], [ABSENT], [RIGHT], item="silent"),
        *all_groups([RIGHT], [RIGHT], [RIGHT], item="unknown"),
        *all_groups([RIGHT], [RIGHT], [RIGHT], item="unread"),
    ]
    report = build(judgments, cases, [M]).report
    counts = {group: report.group_counts[group].model_dump() for group in Group}
    assert counts[Group.PERCEPTION] == {
        "scored": 4,
        "missing": 2,
        "unseen": 1,
        "without_units": 1,
        "nothing_present": 1,
    }
    assert counts[Group.KNOWLEDGE] == {"scored": 7, "missing": 1, "unseen": 0, "without_units": 0, "nothing_present": 1}
    assert report.groups[Group.PERCEPTION].presence.n == 4
    assert report.groups[Group.PERCEPTION].correctness.n == 3
    assert report.trace_score.n == 5
    assert (report.answer_accuracy.n, report.n_without_answer, report.n_unread) == (7, 1, 1)
    assert report.right_and_grounded.n == 6
    assert (report.n_judgments, report.n_failed, report.n_not_asked) == (19, 1, 3)
    assert report.failures == {"unparsed": 1}
    assert report.failure_modes.all[FailureMode.JUDGE_ERROR] == 1
    assert sum(report.failure_modes.all.values()) == 19


def test_failure_modes_are_counted_by_group_and_importance() -> None:
    cases = [make_case(2, 1, 0)]
    judgments = all_groups([RIGHT, WRONG], [ABSENT], [])
    modes = build(judgments, cases, [M]).report.failure_modes
    assert modes.by_group[Group.PERCEPTION][FailureMode.FACTUAL_ERROR] == 1
    assert modes.by_group[Group.KNOWLEDGE][FailureMode.OMISSION] == 1
    assert sum(modes.by_group[Group.RATIONALE].values()) == 0
    assert sum(modes.by_importance["core"].values()) == 3
    assert sum(modes.by_importance["supporting"].values()) == 0


def test_a_panel_is_reported_together_and_judge_by_judge() -> None:
    judgments = [*all_groups([RIGHT], [RIGHT], [RIGHT]), *all_groups([VAGUE], [WRONG], [RIGHT], judge="openai:n")]
    report = build(judgments, [make_case()], [M, N]).report
    assert report.groups[Group.PERCEPTION].score.estimate == 0.75
    assert report.by_judge["openai:m"].trace_score.estimate == 1
    assert report.by_judge["openai:n"].trace_score.estimate == pytest.approx(0.5)
    assert report.trace_score.estimate == pytest.approx(0.75)
    assert build(judgments, [make_case()], [M]).report.by_judge == {}


def test_subgroups_report_their_own_items() -> None:
    cases, judgments = drawn(45)
    run = build(judgments, cases, [M], by=("site",))
    parts = run.report.subgroups["site"]
    assert {value: (part.n, part.small) for value, part in parts.items()} == {"s0": (23, False), "s1": (22, False)}
    for value, part in parts.items():
        own = run.scores.items.filter(run.scores.items["by:site"] == value)
        assert part.trace_score.estimate == pytest.approx(own["trace_score"].to_numpy().mean(), abs=1e-6)
    with pytest.raises(InputError, match="no item has a field 'region'"):
        build(judgments, cases, [M], by=("region",))


def words(judgments: list[Judgment], cases: list[Case], judges: list[Any] | None = None) -> list[str]:
    return list(build(judgments, cases, judges or [M]).report.warnings)


def test_a_judge_that_says_the_same_of_every_unit_is_called_out() -> None:
    cases = [make_case(1, 0, 1, item=f"q{place}") for place in range(20)]
    judgments = []
    for place in range(20):
        judgments += all_groups([RIGHT], [], [(2, 1, place % 2)], item=f"q{place}")
    assert [text.partition(":")[0] + text[6:40] for text in words(judgments, cases)] == [
        "Judge openaiopenai:m gives all 20 perception u"
    ]
    assert words(judgments[:-2], cases) == []


def test_what_a_reader_must_know_first_is_said_in_words() -> None:
    cases, judgments = drawn(30)
    assert words(judgments, cases) == []
    assert words(judgments, cases[:19]) == ["Only 19 items: read little into these figures."]
    one = [Case(item=structs.replace(case.item, images=(image("i"),)), trace=case.trace) for case in cases]
    assert words(judgments, one) == ["All items are in one cluster: there is no interval."]
    assert words(judgments, [*one[:15], *cases[15:20]]) == ["Only 6 clusters: too few for a reliable interval."]
    blind = words([judgment for judgment in judgments if judgment.group is not Group.PERCEPTION], cases, [BLIND])
    assert blind[0].startswith("No judge could be shown the images of 30 of 30 items")
    silent = [Case(item=case.item, trace=structs.replace(case.trace, answer=None)) for case in cases[:2]]
    assert words(judgments, [*silent, *cases[2:]])[0].startswith("The final answers of 2 of 30 traces cannot be read")
    kin = build(judgments, cases, [make_judge(model="tested-qwen")]).report
    assert kin.warnings == ()


def test_every_reply_that_was_paid_for_is_counted_once() -> None:
    reply = Reply(text="", usage=Usage(input=10, output=2))
    judgment = structs.replace(judged(Group.KNOWLEDGE, {"k1": RIGHT}), reply=reply)
    spending = Spending({})
    latest_judgments([judgment, judgment], spending)
    assert spending.of("openai:m").replies == 2


def test_the_number_of_requests_not_asked_yet_is_that_of_the_plan() -> None:
    cases = [make_case(1, 1, 0, item="q1"), make_case(1, 1, 1, item="q2", images=()), make_case(2, 0, 1, item="q3")]
    for judges in ([M], [BLIND], [M, BLIND]):
        plan = shipped_plan(samples=3)
        planned = sum(len(list(plan.requests(cases, judge))) for judge in judges)
        assert build([], cases, judges, samples=3).report.n_not_asked == planned


def test_a_run_of_no_cases_has_no_figures() -> None:
    run = build([], [], [M])
    assert run.report.trace_score.estimate is None
    assert run.report.n_items == 0
    assert set(FIGURES) <= set(run.scores.items.columns)
