"""What a report says beside its rates: where items went, tests, strata, clusters, groups, bias, agreement."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT, SHARED, Row, make_pair
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from judge.comparison.derive_report import make_report
from judge.comparison.import_judgments import import_verdicts
from judge.enums import Method, Orders
from judge.errors import InputError
from judge.inputs.families import families, kinship_warnings
from judge.outcomes.counted_items import Subject
from judge.outcomes.item_features import WantedFields, features_of_judgments, features_of_pairs
from judge.outcomes.latest_judgments import latest_judgments
from judge.prompting.correctness import is_right
from judge.report.build_report import Extras, RunDescription, build_report
from judge.report.report import Models, Report
from judge.runs.run_folder import RunFolder
from judge.schema import Failed, FailureKind, Image, Item, Judged, Judgment, Order, Pair, Trace, Verdict
from judge.tables.words import conclusion

NAMES = ("knowledge", "overall")
FLIPPED = {Order.FORWARD: Order.SWAPPED, Order.SWAPPED: Order.FORWARD}
SIDES = ("a", "b")
SIDES_RIGHT = ((True, True), (True, False), (False, True), (False, False))
LLMBAR = SHARED / "data" / "llmbar"
PUBLISHED: list[dict[str, Any]] = (
    json.loads((LLMBAR / "expected.json").read_bytes()) if (LLMBAR / "expected.json").exists() else []
)

spoken = st.sampled_from([*Verdict, Verdict.FIRST, Verdict.SECOND])
failed = st.sampled_from(FailureKind)
said = spoken | spoken | failed


def judgment(
    item: str,
    order: Order,
    verdict: Verdict | FailureKind | Mapping[str, Verdict],
    *,
    judge: str = "j",
    sample: int = 0,
) -> Judgment:
    key = f"{item}/{order}/{judge}/{sample}"
    if isinstance(verdict, FailureKind):
        return Judgment(key=key, item=item, order=order, judge=judge, sample=sample, result=Failed(failure=verdict))
    verdicts = dict.fromkeys(NAMES, verdict) if isinstance(verdict, Verdict) else dict(verdict)
    return Judgment(key=key, item=item, order=order, judge=judge, sample=sample, result=Judged(verdicts=verdicts))


def pair(n: int, *, same: bool = False) -> Pair:
    """Return a pair whose lengths, answers, groups and clusters depend on its number."""
    texts = "x" * (3 + 7 * n % 11), "y" * (3 + 5 * n % 13)
    item = Item(
        id=f"q{n}",
        options={"A": "one", "B": "two"},
        answer="A",
        subgroup={"part": f"p{n % 3}"},
        meta={"patient": n // 2},
    )
    one = Trace(text=texts[0], answer="AB?"[n % 3])
    return Pair(item=item, a=one, b=one if same else Trace(text=texts[1], answer="AB?"[n // 3 % 3]))


def exchanged(pairs: Sequence[Pair]) -> list[Pair]:
    return [Pair(item=p.item, a=p.b, b=p.a) for p in pairs]


def turned(judgments: Sequence[Judgment]) -> list[Judgment]:
    """Name the models the other way round: what was shown, and what was said of it, stays."""
    return [structs.replace(j, order=FLIPPED[j.order]) for j in judgments]


def report_of(
    judgments: Sequence[Judgment],
    pairs: Sequence[Pair],
    *,
    judges: Sequence[str] = ("j",),
    identical: Sequence[str] = (),
    samples: int = 1,
    orders: Orders = Orders.BOTH,
    method: Method = Method.JEFFREYS,
    wanted: WantedFields = WantedFields(),  # noqa: B008 - frozen
    extras: Extras = Extras(),  # noqa: B008 - frozen
) -> Report:
    features = features_of_pairs(pairs, wanted)
    subject = Subject(judges, NAMES, orders, len(pairs), len(identical), identical, features)
    run = RunDescription(
        models=Models(a="x", b="y"), prompt="p.v1", rubric="r.v1", samples=samples, seed=0, left_out={}
    )
    return build_report(latest_judgments(judgments), subject, run, method=method, extras=extras)


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """Return judgments of several judges and samples, with holes, on items in clusters and groups."""
    judges = ("j", "k", "l")[: draw(st.integers(1, 3))]
    samples, n_items, n_identical = draw(st.integers(1, 2)), draw(st.integers(1, 12)), draw(st.integers(0, 2))
    verdicts = st.fixed_dictionaries(dict.fromkeys(NAMES, spoken)) | spoken | failed
    judgments = [
        judgment(f"q{n}", order, draw(verdicts), judge=judge, sample=sample)
        for n, order, judge, sample in itertools.product(range(n_items), Order, judges, range(samples))
        if draw(st.integers(0, 9)) > 0
    ]
    pairs = [pair(n, same=n >= n_items) for n in range(n_items + n_identical)]
    identical = [p.item.id for p in pairs[n_items:]]
    return {"judgments": judgments, "pairs": pairs, "judges": judges, "samples": samples, "identical": identical}


@given(runs())
@costly
def test_the_ledger_of_every_criterion_and_judge_adds_up_to_all_items(run: dict[str, Any]) -> None:
    report = report_of(**run)
    for reports in (report.criteria, *report.by_judge.values()):
        for row in reports.values():
            counts = row.ledger
            others = counts.model_dump(exclude={"missing"}).values()
            assert sum(others) + sum(counts.missing.values()) == report.n_items
            assert (counts.agreed_a, counts.agreed_b, counts.cannot_judge) == (row.wins_a, row.wins_b, row.cannot_judge)
            assert counts.agreed_tie + counts.identical == row.ties
            assert counts.split_to_first + counts.split_to_second == row.splits
            assert counts.one_sided + counts.cannot_judge + sum(counts.missing.values()) == row.missing
            assert min(others) >= 0
            assert set(counts.missing) <= {*FailureKind, "not_asked"}


def test_the_ledger_tells_what_became_of_each_item() -> None:
    answers: list[tuple[Verdict | FailureKind | None, Verdict | FailureKind | None]] = [
        (Verdict.FIRST, Verdict.SECOND),
        (Verdict.SECOND, Verdict.FIRST),
        (Verdict.TIE, Verdict.TIE),
        (Verdict.FIRST, Verdict.FIRST),
        (Verdict.FIRST, Verdict.TIE),
        (Verdict.SECOND, Verdict.SECOND),
        (Verdict.FIRST, FailureKind.TIMEOUT),
        (None, Verdict.TIE),
        (Verdict.CANNOT_JUDGE, Verdict.FIRST),
        (FailureKind.REFUSED, FailureKind.TIMEOUT),
        (Verdict.CANNOT_JUDGE, FailureKind.TIMEOUT),
        (None, None),
    ]
    judgments = [
        judgment(f"q{n}", order, verdict)
        for n, both in enumerate(answers)
        for order, verdict in zip(Order, both, strict=True)
        if verdict is not None
    ]
    counts = report_of(judgments, [pair(n) for n in range(len(answers))]).criteria["overall"].ledger
    assert counts.model_dump() == {
        "agreed_a": 1,
        "agreed_b": 1,
        "agreed_tie": 1,
        "identical": 0,
        "split_to_first": 2,
        "split_to_second": 1,
        "one_sided": 2,
        "cannot_judge": 1,
        "missing": {"not_asked": 1, "refused": 1, "timeout": 1},
    }


@pytest.mark.slow
@given(st.lists(st.tuples(said, said), min_size=1, max_size=7))
@costly
def test_the_bounds_are_reached_by_giving_every_missing_item_to_one_model(
    answers: list[tuple[Verdict | FailureKind, Verdict | FailureKind]],
) -> None:
    def win_rate(to: tuple[Verdict, Verdict] | None) -> Any:  # noqa: ANN401
        judgments = []
        for n, both in enumerate(answers):
            whole = all(v in {Verdict.FIRST, Verdict.SECOND, Verdict.TIE} for v in both)
            given_ = both if whole or to is None else to
            judgments += [judgment(f"q{n}", order, v) for order, v in zip(Order, given_, strict=True)]
        return report_of(judgments, [pair(n) for n in range(len(answers))]).criteria["overall"]

    bounds, all_b, all_a = (
        win_rate(to) for to in (None, (Verdict.SECOND, Verdict.FIRST), (Verdict.FIRST, Verdict.SECOND))
    )
    bounds = bounds.bounds
    assert bounds.low == pytest.approx(all_b.win_rate.estimate, abs=1.1e-6)
    assert bounds.high == pytest.approx(all_a.win_rate.estimate, abs=1.1e-6)
    assert (bounds.p_value_low, bounds.p_value_high) == pytest.approx((all_b.p_value, all_a.p_value))


COMPLEMENTS = {
    "win_rate",
    "consistent_only",
    "answer_only",
    "matched",
    "forward",
    "swapped",
    "without",
    "random_judges",
}
EXCHANGED = {
    "wins_a": "wins_b",
    "agreed_a": "agreed_b",
    "only_a_right": "only_b_right",
    "forward": "swapped",
    "right_a": "right_b",
    "a": "b",
}
EXCHANGED |= {other: name for name, other in EXCHANGED.items()}
WORDS = {"better": "worse", "worse": "better"}


def mirrored(value: Any, path: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Return what a dumped report must become when the models are exchanged."""
    last = path[-1] if path else ""
    if isinstance(value, dict):
        if "low" in value and (set(path) & COMPLEMENTS or last == "bounds"):
            turned_ = {k: v if v is None or k in {"n", "se"} else round(1 - v, 6) for k, v in value.items()}
            if value.get("numerator") is not None:
                turned_["numerator"] = round(value["n"] - value["numerator"], 6)
            if last == "bounds":
                turned_ |= {"p_value_low": value["p_value_high"], "p_value_high": value["p_value_low"]}
            return {**turned_, "low": turned_["high"], "high": turned_["low"]}
        if "low" in value and last == "preference":
            negated = {k: v if v is None or k == "se" else -v + 0.0 for k, v in value.items()}
            return {**negated, "low": negated["high"], "high": negated["low"]}
        swap: dict[str, str] = EXCHANGED if last != "models" else {}
        return {swap.get(k, k): mirrored(v, (*path, str(swap.get(k, k)))) for k, v in value.items()}
    return WORDS.get(value, value) if last == "verdict" else value


@given(runs(), st.sampled_from(Method), st.sampled_from([None, "patient"]))
@costly
def test_exchanging_the_two_models_mirrors_every_number_exactly(
    run: dict[str, Any], method: Method, cluster: str | None
) -> None:
    asked: dict[str, Any] = {
        "method": method,
        "wanted": WantedFields(cluster, ("part",)),
        "extras": Extras(equivalence=0.2),
    }
    one = report_of(**run, **asked).model_dump(mode="json")
    turned_run = {**run, "judgments": turned(run["judgments"]), "pairs": exchanged(run["pairs"])}
    other = report_of(**turned_run, **asked).model_dump(mode="json")
    expected = mirrored(one)
    for section in one:
        if section != "warnings":
            assert other[section] == expected[section], section


@pytest.mark.slow
@given(runs(), st.randoms(use_true_random=False))
@costly
def test_the_order_of_judgments_and_items_changes_no_byte(run: dict[str, Any], source: random.Random) -> None:
    asked: dict[str, Any] = {"wanted": WantedFields("patient", ("part",)), "extras": Extras(length_control=True)}
    before = report_of(**run, **asked).model_dump_json()
    for part in ("judgments", "pairs"):
        run[part] = source.sample(run[part], len(run[part]))
    assert report_of(**run, **asked).model_dump_json() == before


def hundred(seed: int = 1, n: int = 100) -> list[Judgment]:
    source = random.Random(seed)  # noqa: S311 - a fixed judge that leans to a
    likely = [Verdict.FIRST] * 5 + [Verdict.SECOND] * 2 + [Verdict.TIE]
    undone = {Verdict.FIRST: Verdict.SECOND, Verdict.SECOND: Verdict.FIRST, Verdict.TIE: Verdict.TIE}
    return [
        judgment(f"q{i}", order, v if order is Order.FORWARD else undone[v])
        for i in range(n)
        for order in Order
        for v in [source.choice(likely)]
    ]


def test_duplicating_every_judgment_narrows_no_interval() -> None:
    pairs, judgments = [pair(n) for n in range(100)], hundred()
    again = [structs.replace(j, sample=1, key=j.key + "x") for j in judgments]
    wanted = WantedFields("patient", ("part",))
    one, two = (report_of(rows, pairs, wanted=wanted).model_dump() for rows in (judgments, [*judgments, *again]))
    for report in (one, two):
        for criterion in NAMES:
            report["criteria"][criterion]["n_verdicts"] = 0
            for section in ("criteria", "position"):
                report[section][criterion]["first_slot"] |= {"n": 0, "numerator": 0}
    for section in ("criteria", "subgroups", "interactions", "position", "length", "clusters", "halo"):
        assert one[section] == two[section], section


def test_one_cluster_per_item_is_the_same_as_none_and_clusters_of_like_items_widen_the_interval() -> None:
    pairs, judgments = [pair(n) for n in range(100)], hundred()
    alone = [structs.replace(p, item=structs.replace(p.item, meta={"patient": p.item.id})) for p in pairs]
    plain, single = report_of(judgments, pairs), report_of(judgments, alone, wanted=WantedFields("patient"))
    assert (plain.criteria, plain.position, plain.length) == (single.criteria, single.position, single.length)
    assert (plain.clusters.field, plain.clusters.n, single.clusters.field, single.clusters.n) == (
        None,
        100,
        "patient",
        100,
    )
    said_of = {(j.item, j.order): j.result for j in judgments}
    same = [structs.replace(j, result=said_of[f"q{int(j.item[1:]) // 2}", j.order]) for j in judgments]
    free, tied = report_of(same, pairs).criteria["overall"], report_of(same, pairs, wanted=WantedFields("patient"))
    rate = tied.criteria["overall"].win_rate
    assert tied.clusters.n == 50
    assert rate.estimate == free.win_rate.estimate
    assert (rate.high or 0) - (rate.low or 0) > 1.3 * ((free.win_rate.high or 0) - (free.win_rate.low or 0))
    assert tied.criteria["overall"].p_value > free.p_value


def with_images(p: Pair, *shas: str) -> Pair:
    images = tuple(Image(path=f"/{sha}.png", sha256=sha, media_type="image/png") for sha in shas)
    return structs.replace(p, item=structs.replace(p.item, images=images))


def test_items_linked_by_shared_images_form_one_cluster_without_being_asked() -> None:
    shown = [["1"], ["1", "2"], ["2"], ["3"], [], []]
    pairs = [with_images(pair(n), *shas) for n, shas in enumerate(shown)]
    report = report_of(hundred(n=6), pairs)
    assert (report.clusters.field, report.clusters.n) == ("image", 4)
    assert any("only 4 clusters" in text for text in report.warnings)
    apart = [with_images(pair(n), str(n)) for n in range(6)]
    assert report_of(hundred(n=6), apart).clusters.field is None


def test_a_single_cluster_has_an_estimate_and_no_interval() -> None:
    pairs = [with_images(pair(n), "same") for n in range(6)]
    report = report_of(hundred(n=6), pairs)
    rate = report.criteria["overall"].win_rate
    assert rate.estimate is not None
    assert (rate.low, rate.high) == (None, None)
    assert "All items are in one cluster: there is no interval." in report.warnings


@pytest.mark.parametrize(
    ("wanted", "option"), [(WantedFields("nope"), "--cluster"), (WantedFields(by=("nope",)), "--by")]
)
def test_an_unknown_field_is_refused_and_the_known_ones_are_named(wanted: WantedFields, option: str) -> None:
    with pytest.raises(InputError, match=rf"{option}: no item has a field 'nope' \(known fields: part, patient\)"):
        features_of_pairs([pair(0)], wanted)
    with pytest.raises(InputError, match="the items have no fields"):
        features_of_judgments([judgment("q", Order.FORWARD, Verdict.TIE)], wanted)


def test_the_primary_criterion_keeps_its_p_value_and_the_others_are_adjusted() -> None:
    report = report_of(hundred(), [pair(n) for n in range(100)])
    overall, knowledge = report.criteria["overall"], report.criteria["knowledge"]
    assert overall.p_adjusted == overall.p_value < 0.01
    assert knowledge.p_adjusted == knowledge.p_value
    assert (overall.verdict, overall.p_method) == ("better", "exact")


def test_not_significant_is_inconclusive_and_equivalent_only_within_a_margin_that_was_set() -> None:
    balanced = [Verdict.FIRST, Verdict.SECOND]
    judgments = [judgment(f"q{n}", order, balanced[(n + k) % 2]) for n in range(400) for k, order in enumerate(Order)]
    pairs = [pair(n) for n in range(400)]
    assert report_of(judgments, pairs).criteria["overall"].verdict == "inconclusive"
    for margin, verdict in ((0.2, "equivalent"), (0.01, "inconclusive")):
        report = report_of(judgments, pairs, extras=Extras(equivalence=margin))
        assert (report.criteria["overall"].verdict, report.equivalence) == (verdict, margin)


def test_each_value_of_a_field_is_reported_and_a_small_one_is_marked() -> None:
    pairs = [pair(n) for n in range(50)]
    report = report_of(hundred(n=50), pairs, wanted=WantedFields(by=("part", "patient")))
    parts = report.subgroups["part"]
    assert {name: group.n for name, group in parts.items()} == {"p0": 17, "p1": 17, "p2": 16}
    assert all(group.small and group.p_adjusted >= group.p_value for group in parts.values())
    assert set(parts["p0"].win_rate) == set(NAMES)
    interaction = report.interactions["part"]
    assert interaction is not None
    assert interaction.df == 2
    assert report_of(hundred(n=50), pairs).subgroups == {}


def test_items_without_answers_have_no_strata_and_unreadable_answers_are_counted() -> None:
    bare = [make_pair(id=f"q{n}") for n in range(3)]
    assert report_of(hundred(n=3), bare).criteria["overall"].strata is None
    strata = report_of(hundred(n=9), [pair(n) for n in range(9)]).criteria["overall"].strata
    assert strata is not None
    sizes = [strata.both_right.n, strata.only_a_right.n, strata.only_b_right.n, strata.both_wrong.n]
    assert sizes == [1, 1, 1, 1]
    assert (strata.unreadable.a, strata.unreadable.b, strata.unreadable.items) == (3, 3, 5)
    assert strata.answer_only.estimate == 0.5


def test_length_adjustment_is_made_only_when_asked_for_and_refused_in_words() -> None:
    pairs, judgments = [pair(n) for n in range(100)], hundred()
    plain = report_of(judgments, pairs).length["overall"]
    asked = report_of(judgments, pairs, extras=Extras(length_control=True)).length["overall"]
    assert plain is not None
    assert asked is not None
    assert (plain.adjusted, plain.not_identified) == (None, None)
    assert (asked.adjusted is None) != (asked.not_identified is None)
    longer = [structs.replace(p, a=Trace(text="z" * (900 + n))) for n, p in enumerate(pairs)]
    refused = report_of(judgments, longer, extras=Extras(length_control=True)).length["overall"]
    assert refused is not None
    assert refused.adjusted is None
    assert (refused.not_identified or "").startswith("not identified: a's trace is the longer one in 100%")


def test_agreement_needs_several_judges_or_samples() -> None:
    pairs, first = [pair(n) for n in range(100)], hundred()
    second = [structs.replace(j, judge="k", key=j.key + "k") for j in first]
    alone = report_of(first, pairs)
    assert alone.agreement == dict.fromkeys(NAMES)
    panel = report_of([*first, *second], pairs, judges=("j", "k")).agreement["overall"]
    assert panel is not None
    for value in (panel.raw, panel.ac1, panel.alpha_nominal, panel.alpha_interval, panel.kappa):
        assert value is not None
        assert value.estimate == 1
    assert panel.repeat_flip is None
    other = [structs.replace(j, sample=1) for j in hundred(seed=2)]
    again = [structs.replace(j, key=j.key + "s") for j in other]
    sampled = report_of([*first, *again], pairs, samples=2).agreement["overall"]
    assert sampled is not None
    assert sampled.raw is None
    assert sampled.repeat_flip is not None
    assert sampled.repeat_flip.n == 200
    assert 0.3 < (sampled.repeat_flip.estimate or 0) < 0.8


def test_the_last_sentence_says_what_may_be_said_and_never_equal() -> None:
    pairs = [pair(n) for n in range(100)]
    leaning = hundred()
    report = report_of(leaning, pairs, wanted=WantedFields("patient"))
    rate = report.criteria["overall"].win_rate
    shown = f"{100 * (rate.estimate or 0):.1f} % [{100 * (rate.low or 0):.1f}, {100 * (rate.high or 0):.1f}]"
    sentence = conclusion(report)
    assert sentence.startswith(
        f"On overall, x (a) is preferred to y (b): win rate of a {shown} over 100 items clustered by patient, exact"
    )
    assert conclusion(report_of(turned(leaning), pairs)).startswith("On overall, y (b) is preferred to x (a): ")
    assert "inconclusive between x (a) and y (b): " in conclusion(report_of(hundred(n=3), pairs[:3]))
    wide = report_of(hundred(n=30), pairs[:30], extras=Extras(equivalence=0.45))
    assert conclusion(wide).startswith("On overall, x (a) and y (b) are equivalent within ±0.45: ")
    assert "inconclusive: no item" in conclusion(report_of([], pairs))


def test_criteria_that_always_agree_explain_each_other() -> None:
    halo = report_of(hundred(), [pair(n) for n in range(100)]).halo
    assert halo is not None
    assert (halo.overall, halo.correlations["knowledge"]["overall"]) == ("overall", 1.0)
    assert halo.together is not None
    assert (halo.together.estimate, halo.together.low, halo.together.high) == (1, 1, 1)
    assert halo.alone == {"knowledge": 1.0}


def test_shares_of_variance_are_told_from_thirty_items_on() -> None:
    for n, known in ((29, False), (30, True)):
        halo = report_of(hundred(n=n), [pair(i) for i in range(n)]).halo
        assert halo is not None
        assert (halo.n, halo.together is not None, bool(halo.alone)) == (n, known, known)


def test_a_panel_of_three_judges_explains_the_same_share_when_the_models_are_exchanged() -> None:
    source = random.Random(4)  # noqa: S311 - fixed verdicts
    rows = [
        judgment(f"q{n}", order, {name: source.choice(list(Verdict)[:3]) for name in NAMES}, judge=judge, sample=sample)
        for n, order, judge, sample in itertools.product(range(60), Order, "jkl", range(2))
    ]
    pairs = [
        structs.replace(p, item=structs.replace(p.item, meta={"patient": n // 3 % 7}))
        for n, p in enumerate(map(pair, range(60)))
    ]
    asked: dict[str, Any] = {"judges": ("j", "k", "l"), "samples": 2, "wanted": WantedFields("patient")}
    one, other = report_of(rows, pairs, **asked), report_of(turned(rows), exchanged(pairs), **asked)
    assert one.halo == other.halo
    assert (
        mirrored(one.model_dump(mode="json")["judge_sensitivity"]) == other.model_dump(mode="json")["judge_sensitivity"]
    )


def test_a_judge_of_a_contestants_family_is_called_out() -> None:
    assert families("openai:gpt-4.1-mini") == families("o3") == families("ChatGPT") == {"GPT"}
    assert families("DeepSeek-R1-Distill-Qwen-7B") == {"DeepSeek", "Qwen"}
    assert families("olmo-1") == families("x") == families("photo3") == set()
    assert families("gpt-neox-20b") == families("palmyra-med") == families("my-command-model") == set()
    assert families("azure/o3-mini") == families("gpt4o") == families("gpt2") == {"GPT"}
    assert families("HuatuoGPT-o1-8B") == {"Qwen", "Llama"}
    assert families("meta-llama/Llama-3.1-Nemotron-70B") == families("llama3") == {"Llama"}
    assert families("command-r-plus") == families("command") == {"Command"}
    assert families("us.anthropic.claude-5") == {"Claude"}
    (warning,) = kinship_warnings(("openai:gpt-5", "anthropic:claude-5"), {"a": "gpt-4", "b": "llama-3"}, asked={})
    assert warning.startswith("Judge openai:gpt-5 and model a (gpt-4) are both of the GPT family")


def strata_by_hand(pairs: Sequence[Pair]) -> dict[tuple[bool | None, bool | None], int]:
    found: dict[tuple[bool | None, bool | None], int] = {}
    for p in pairs:
        right = is_right(p.a, p.item), is_right(p.b, p.item)
        found[right] = found.get(right, 0) + 1
    return found


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "data").exists(), reason="../shared is absent")
def test_thoughtsource_is_divided_by_whose_answer_is_right() -> None:
    folder = SHARED / "data" / "thoughtsource_med"
    a, b = (
        {r["id"]: r for r in map(json.loads, (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())}
        for name in SIDES
    )
    pairs = [
        Pair(
            item=Item(id=key, options=a[key]["options"], answer=a[key]["answer"]),
            a=Trace(text=a[key]["trace"], answer=a[key]["model_answer"]),
            b=Trace(text=b[key]["trace"], answer=b[key]["model_answer"]),
        )
        for key in a
    ]
    # A judge that follows the answers alone: 1/2 where they are alike or unreadable.
    judgments = []
    for p in pairs:
        right = is_right(p.a, p.item), is_right(p.b, p.item)
        forward = (
            Verdict.TIE if None in right or right[0] == right[1] else (Verdict.SECOND, Verdict.FIRST)[bool(right[0])]
        )
        swapped = {Verdict.FIRST: Verdict.SECOND, Verdict.SECOND: Verdict.FIRST}.get(forward, forward)
        judgments += [judgment(p.item.id, o, v) for o, v in zip(Order, (forward, swapped), strict=True)]
    strata = report_of(judgments, pairs).criteria["overall"].strata
    assert strata is not None
    by_hand = strata_by_hand(pairs)
    sizes = [strata.both_right.n, strata.only_a_right.n, strata.only_b_right.n, strata.both_wrong.n]
    assert sizes == [by_hand[key] for key in SIDES_RIGHT]
    assert strata.both_right.n == 105
    assert strata.only_a_right.n + by_hand.get((True, None), 0) == 41
    assert sum(sizes) + strata.unreadable.items == 200
    estimates = [strata.both_right, strata.only_a_right, strata.only_b_right, strata.both_wrong]
    assert [stratum.win_rate.estimate for stratum in estimates] == [0.5, 1, 0, 0.5]
    assert strata.answer_only.estimate == pytest.approx(0.5 + (sizes[1] - sizes[2]) / sum(sizes) / 2, abs=1e-6)


def slot(winner: str, order: str) -> str:
    return "first" if (winner == "1") == (order == "forward") else "second"


@pytest.mark.shared
@pytest.mark.skipif(not PUBLISHED, reason="../shared is absent")
def test_llmbars_orders_agree_as_published(tmp_path: Path) -> None:
    """Compare kappa and consistency of the two orders, for all judges, strategies and subsets.

    LLMBar's kappa counts a reply without a verdict as a category of its own where there are any.
    """
    subset = {r["id"]: r["subset"] for r in map(json.loads, (LLMBAR / "items.jsonl").read_text().splitlines())}
    replies = [json.loads(line) for line in (LLMBAR / "replies.jsonl").read_text().splitlines()]
    for row in PUBLISHED:
        own = [
            r
            for r in replies
            if (subset[r["id"]], r["judge"], r["strategy"]) == (row["subset"], row["judge"], row["strategy"])
        ]
        name = f"{row['subset']}-{row['judge']}-{row['strategy']}"
        source = tmp_path / f"{name}.jsonl"
        lines = [
            {
                "item": r["id"],
                "order": r["order"],
                "judge": name,
                "verdict": r["winner"] and slot(r["winner"], r["order"]),
            }
            for r in own
        ]
        source.write_text("".join(json.dumps(line) + "\n" for line in lines))
        report = make_report(import_verdicts(str(source), name=name, runs=tmp_path / "runs", command=()))
        found = report.position["overall"]
        silent = report.criteria["overall"].missing
        agreed = int(row["equal"].split()[0]) - silent
        assert report.criteria["overall"].consistency.estimate == pytest.approx(agreed / (row["n"] - silent), abs=1e-6)
        assert (found.to_first or 0) + (found.to_second or 0) == row["n"] - silent - agreed
        assert found.kappa is not None
        if not silent:
            assert found.kappa.estimate == pytest.approx(row["kappa_agreement"], abs=1e-6), name
        assert report.length == {"overall": None}


def test_imported_judgments_bring_their_clusters_and_fields(tmp_path: Path) -> None:
    rows: list[Row] = [(f"q{n}", "j", 0, order, "overall", "tie") for n in range(30) for order in Order]
    lines = [
        {
            "item": item,
            "order": order,
            "verdict": verdict,
            "cluster": str(int(item[1:]) // 2),
            "meta": {"site": item[1]},
        }
        for item, _, _, order, _, verdict in rows
    ]
    source = tmp_path / "v.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder: RunFolder = import_verdicts(str(source), name="v", runs=tmp_path / "runs", command=())
    report = make_report(folder, wanted=WantedFields(by=("site",)), extras=Extras(length_control=True))
    assert (report.clusters.field, report.clusters.n) == ("cluster", 15)
    assert report.subgroups["site"]["1"].n == 11
    assert (report.length, report.criteria["overall"].strata) == ({"overall": None}, None)
    assert "The traces of this run are not known: there is no length-controlled win rate." in report.warnings


def test_the_docs_name_every_field_of_the_report() -> None:
    text = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")

    def names(value: Any) -> set[str]:  # noqa: ANN401
        if not isinstance(value, dict):
            return set()
        own = {str(key) for key in value} - {*NAMES, "j", "k", "part", "p0", "p1", "p2"}
        return own.union(*(names(part) for part in value.values()))

    judgments = [*hundred(), *(structs.replace(j, judge="k", key=j.key + "k") for j in hundred())]
    report = report_of(
        judgments,
        [pair(n) for n in range(100)],
        judges=("j", "k"),
        wanted=WantedFields(by=("part",)),
        extras=Extras(length_control=True),
    )
    named = set(re.findall(r"(?<=[`.])\w+(?=[`.])", text))
    absent = names(report.model_dump(mode="json")) - named
    assert absent == set()
