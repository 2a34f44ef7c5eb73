from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from builders import SHARED, make_judge
from checklists import Said, all_groups, build, judged, make_case, units
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from polars.testing import assert_frame_equal

from judge.enums import FailureMode
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import BLOCK, FrameBuilder, latest_judgments
from judge.schema import Case, FailureKind, Group, Item, Judgment, Trace, Unit
from judge.scoring.cases import _letters_pattern, argues_by_letters, features_of_cases
from judge.scoring.scores import FIGURES, Scores, Standing, score

RIGHT: Said = (2, 1, 1)
ABSENT: Said = (0, 0, 0)
M = make_judge()
N = make_judge(model="n")


def scored(judgments: list[Judgment], cases: list[Case], judges: list[Any] | None = None) -> Scores:
    return score(latest_judgments(judgments), features_of_cases(cases, WantedFields()), judges or [M])


def row(scores: Scores, item: str = "q1") -> dict[str, Any]:
    return scores.items.row(by_predicate=pl.col("item") == item, named=True)


def figures(scores: Scores, group: Group) -> list[float | None]:
    return [row(scores)[f"{group}_{part}"] for part in ("presence", "correctness", "consistency", "score")]


def modes(scores: Scores) -> list[str]:
    return scores.units["mode"].to_list()


def test_the_formulas_hold_on_replies_counted_by_hand() -> None:
    # perception: presence (2 + 1 + 0 + 2) / 8; 2 of 3 present are right, 1 of 3 consistent
    # knowledge: presence (1 + 1) / 4; neither of 2 is right, both are consistent
    # rationale: presence 2 / 2; right, not consistent
    scores = scored(
        all_groups([(2, 1, 1), (1, 1, 0), (0, 0, 0), (2, -1, -1)], [(1, 0, 1), (1, -1, 1)], [(2, 1, 0, True)]),
        [make_case(4, 2, 1)],
    )
    assert figures(scores, Group.PERCEPTION) == pytest.approx([5 / 8, 2 / 3, 1 / 3, 5 / 12])
    assert figures(scores, Group.KNOWLEDGE) == pytest.approx([1 / 2, 0, 1, 0])
    assert figures(scores, Group.RATIONALE) == pytest.approx([1, 1, 0, 1])
    assert row(scores)["trace_score"] == pytest.approx((5 / 12 + 0 + 1) / 3)


@pytest.mark.parametrize(
    ("group", "said", "text", "mode"),
    [
        (Group.PERCEPTION, RIGHT, "", FailureMode.OK),
        (Group.PERCEPTION, (1, 0, 0), "", FailureMode.OK),
        (Group.PERCEPTION, ABSENT, "", FailureMode.OMISSION),
        (Group.PERCEPTION, (0, -1, -1), "", FailureMode.OMISSION),
        (Group.PERCEPTION, (2, -1, -1), "", FailureMode.FACTUAL_ERROR),
        (Group.PERCEPTION, (2, -1, 1), "Not (A), not (B).", FailureMode.FACTUAL_ERROR),
        (Group.KNOWLEDGE, (2, 1, -1), "", FailureMode.INTERNAL_INCONSISTENCY),
        (Group.RATIONALE, (2, -1, -1, False), "", FailureMode.FACTUAL_ERROR),
        (Group.RATIONALE, (2, -1, -1, False), "Not (A), not (B).", FailureMode.OPTION_ELIMINATION),
        (Group.RATIONALE, (2, 1, -1, False), "", FailureMode.INTERNAL_INCONSISTENCY),
        (Group.RATIONALE, (2, 1, 1, False), "", FailureMode.CHAIN_BREAK),
        (Group.RATIONALE, (2, 1, 1, True), "", FailureMode.OK),
        (Group.RATIONALE, (2, 1, 1, None), "", FailureMode.OK),
        (Group.RATIONALE, FailureKind.TIMEOUT, "", FailureMode.JUDGE_ERROR),
    ],
)
def test_the_first_failure_mode_that_applies_is_the_units(
    group: Group, said: Said | FailureKind, text: str, mode: FailureMode
) -> None:
    given_ = said if isinstance(said, FailureKind) else {f"{group[0]}1": said}
    assert modes(scored([judged(group, given_)], [make_case(text=text)])) == [mode]


def test_a_failed_call_is_no_absence_and_leaves_the_trace_without_a_score() -> None:
    judgments = all_groups([RIGHT], [RIGHT], [])
    failed = scored([*judgments, judged(Group.RATIONALE, FailureKind.UNPARSED)], [make_case()])
    assert figures(failed, Group.RATIONALE) == [None] * 4
    assert row(failed)["rationale_standing"] == Standing.MISSING
    assert row(failed)["trace_score"] is None
    assert row(failed)["right_and_grounded"] is None
    assert scored(judgments, [make_case()]).items.equals(failed.items)


def test_a_group_with_nothing_present_scores_nothing_and_has_no_correctness() -> None:
    scores = scored(all_groups([ABSENT, ABSENT], [RIGHT], [(2, 1, 1, True)]), [make_case(2)])
    assert figures(scores, Group.PERCEPTION) == [0, None, None, 0]
    assert row(scores)["trace_score"] == pytest.approx(2 / 3)


def test_a_group_without_units_is_left_out_of_the_trace_score() -> None:
    scores = scored(all_groups([(1, 1, 0)], [], [RIGHT]), [make_case(1, 0, 1)])
    assert figures(scores, Group.KNOWLEDGE) == [None] * 4
    assert row(scores)["knowledge_standing"] == Standing.WITHOUT_UNITS
    assert row(scores)["trace_score"] == pytest.approx((0.5 + 1) / 2)


def test_perception_that_no_judge_can_see_is_null_and_so_is_the_trace_score() -> None:
    blind = make_judge(sees_images=False)
    for case, judge in ((make_case(), blind), (make_case(images=()), M), (make_case(missing_images=("x",)), M)):
        scores = scored(all_groups([], [RIGHT], [RIGHT]), [case], [judge])
        assert figures(scores, Group.PERCEPTION) == [None] * 4
        assert row(scores)["perception_standing"] == Standing.UNSEEN
        assert row(scores)["trace_score"] is None
        assert row(scores)["knowledge_score"] == 1


def test_samples_are_averaged_and_a_failed_one_is_left_out() -> None:
    first = all_groups([(2, 1, 1)], [(1, 1, 1)], [ABSENT])
    second = all_groups([(0, 0, 0)], [(2, 0, 0)], [RIGHT], sample=1)
    failed = [judged(group, FailureKind.TIMEOUT, sample=2) for group in Group]
    scores = scored([*first, *second, *failed], [make_case()])
    assert figures(scores, Group.PERCEPTION) == [0.5, 1, 1, 0.5]
    assert figures(scores, Group.KNOWLEDGE) == [0.75, 0.5, 0.5, 0.25]
    assert figures(scores, Group.RATIONALE) == [0.5, 1, 1, 0.5]
    assert row(scores)["trace_score"] == pytest.approx((0.5 + 0.25 + 0.5) / 3)


def test_judges_weigh_the_same_however_many_samples_they_answered() -> None:
    m = [judged(Group.KNOWLEDGE, {"k1": RIGHT}, sample=sample) for sample in range(3)]
    n = [judged(Group.KNOWLEDGE, {"k1": (1, 1, 0)}, judge="openai:n")]
    scores = scored([*m, *n], [make_case(0, 1, 0)], [M, N])
    assert figures(scores, Group.KNOWLEDGE) == [0.75, 1, 0.5, 0.75]


def test_a_panel_scores_a_group_only_where_each_judge_that_can_be_asked_has_a_verdict() -> None:
    blind = make_judge(model="n", sees_images=False)
    judgments = [*all_groups([RIGHT], [RIGHT], [RIGHT]), judged(Group.KNOWLEDGE, {"k1": (1, 1, 1)}, judge="openai:n")]
    with_blind = scored(judgments, [make_case()], [M, blind])
    assert [row(with_blind)[f"{group}_standing"] for group in Group] == ["scored", "scored", "missing"]
    assert row(with_blind)["knowledge_presence"] == 0.75
    with_seeing = scored(judgments, [make_case()], [M, N])
    assert [row(with_seeing)[f"{group}_standing"] for group in Group] == ["missing", "scored", "missing"]
    alone = scored(judgments, [make_case()], [M])
    assert row(alone)["trace_score"] == 1
    assert alone.units["judge"].cast(pl.String).unique().to_list() == ["openai:m"]


def test_of_judgments_with_one_key_the_last_with_verdicts_counts() -> None:
    first, second = judged(Group.KNOWLEDGE, {"k1": ABSENT}), judged(Group.KNOWLEDGE, {"k1": RIGHT})
    failed = judged(Group.KNOWLEDGE, FailureKind.TIMEOUT)
    case = make_case(0, 1, 0)
    assert row(scored([first, second, failed], [case]))["knowledge_score"] == 1
    assert row(scored([failed, second, first], [case]))["knowledge_score"] == 0
    assert latest_judgments([failed, failed]).failures == {"timeout": 1}
    assert latest_judgments([failed, first]).failures == {}


@pytest.mark.parametrize(
    ("fields", "right", "unread"),
    [
        ({"says": "A"}, 1, False),
        ({"says": "B"}, 0, False),
        ({"says": None}, 0, True),
        ({"says": "neither, really"}, 0, True),
        ({"says": "A", "answer": None}, None, False),
        ({"says": "A", "answer": "not an option"}, None, False),
    ],
)
def test_an_answer_that_cannot_be_read_is_not_right_and_one_that_cannot_be_checked_is_unknown(
    fields: dict[str, Any], right: float | None, *, unread: bool
) -> None:
    only = row(scored([], [make_case(**fields)]))
    assert (only["answer_accuracy"], only["unread"]) == (right, unread)


@pytest.mark.parametrize(
    ("says", "rationale", "expected"),
    [
        ("A", [(2, 1, 1, True), (1, 0, 0, None)], 1),
        ("A", [(2, 1, 1, True), ABSENT], 0),
        ("A", [(2, 1, 1, True), (2, 1, 1, False)], 0),
        ("B", [(2, 1, 1, True), (2, 1, 1, True)], 0),
    ],
)
def test_a_right_answer_is_grounded_when_every_rationale_unit_is_in_order(
    says: str, rationale: list[Said], expected: float
) -> None:
    scores = scored(all_groups([ABSENT], [ABSENT], rationale), [make_case(1, 1, 2, says=says)])
    assert row(scores)["right_and_grounded"] == expected


@pytest.mark.parametrize(
    ("text", "argues"),
    [
        ("Option A is unlikely. Option B fits.", True),
        ("We can rule out (A) and (C).", True),
        ("B is wrong since there is fever; C would show a mass.", True),
        ("choice a, then choice B and answer C", True),
        ("Therefore the answer is B, since option B fits.", False),
        ("A mass is seen. Vitamin B is low, and C-reactive protein high.", False),
        ("(E) and (F) are no options here.", False),
        ("", False),
    ],
)
def test_a_trace_argues_by_letters_when_it_names_two_options_by_theirs(text: str, *, argues: bool) -> None:
    item = Item(id="q", options={"A": "one", "B": "two", "C": "three"})
    assert argues_by_letters(text, item) is argues
    assert not argues_by_letters(text, Item(id="q"))


@given(
    st.lists(st.sampled_from([*"ABCD ()\n-", "option ", "Answers ", " is ", " seems", "xA", "B1", "é"]), max_size=12)
)
def test_a_quick_look_for_letters_misses_none_that_the_search_finds(parts: list[str]) -> None:
    text, options = "".join(parts), "ABC"
    named = {letter for match in _letters_pattern(options).finditer(text) for letter in match.groups() if letter}
    assert argues_by_letters(text, Item(id="q", options=dict.fromkeys(options, ""))) is (len(named) > 1)


PUBLISHED = {
    "Qwen2.5-VL-7B": ((34.3, 34.5, 43.5), 37.43, 37.4),
    "with OpenMedReason": ((65.2, 85.0, 83.1), 77.77, 77.8),
    "gpt-5-mini": ((61.9, 70.8, 80.2), 70.97, 70.9),
    "gemini-3-flash": ((64.6, 69.6, 77.3), 70.5, 70.5),
}
"""group means of the project page's table, their mean by hand, and the trace score that is printed: 70.97 as 70.9"""


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_trace_score_of_the_published_table_is_the_mean_of_its_groups(model: str) -> None:
    """1,000 traces whose groups are all present and right, or all absent: group means are the table's, to the digit."""
    shares, mean, printed = PUBLISHED[model]
    judgments, cases = [], []
    for place in range(1000):
        said = [[RIGHT] if place < round(10 * share) else [ABSENT] for share in shares]
        judgments += all_groups(*said, item=f"q{place}")
        cases.append(make_case(item=f"q{place}"))
    report = build(judgments, cases, [M]).report
    means = [report.groups[group].score.estimate for group in Group]
    assert means == pytest.approx([share / 100 for share in shares])
    assert report.trace_score.estimate is not None
    assert round(100 * report.trace_score.estimate, 2) == mean
    assert mean == pytest.approx(printed, abs=0.1)


@pytest.mark.shared
def test_the_pages_worked_example_scores_as_counted_by_hand() -> None:
    """The page marks a unit ok, missed or wrong: asserted and right, absent, or asserted and wrong.

    It shows 5 of 6 units of a (all ok) and 4 of 6 of b; what it does not show is not judged here. So a has every score
    1, and b 0 in each group that is shown: perception by omission, rationale by error.
    """
    path = SHARED / "data/openmedreason/worked_example.json"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    example = json.loads(path.read_text(encoding="utf-8"))
    meaning: dict[str, Said] = {"ok": RIGHT, "missed": ABSENT, "wrong": (2, -1, 0)}
    trace_scores, accuracies, found = {}, {}, {}
    for side in ("a", "b"):
        shown = example[side]["units_shown"]
        asked = {group: [unit for unit in shown if unit[0] == group[0].upper()] for group in Group}
        checklist = {
            group: tuple(Unit(id=unit, claim=dict(example["checklist"])[unit]) for unit in names)
            for group, names in asked.items()
            if names
        }
        says = "B" if example[side]["verdict"] == "correct" else "A"
        case = make_case(
            options={"A": "Normal", "B": "Abnormal"},
            answer=example["answer"],
            checklist=checklist,
            says=says,
            text=example[side]["trace"],
        )
        judgments = [judged(group, {unit: meaning[shown[unit]] for unit in asked[group]}) for group in checklist]
        scores = scored(judgments, [case])
        trace_scores[side], accuracies[side] = row(scores)["trace_score"], row(scores)["answer_accuracy"]
        found[side] = modes(scores)
    assert trace_scores == {"a": 1, "b": 0}
    assert accuracies == {"a": 1, "b": 0}
    assert found == {"a": ["ok"] * 5, "b": ["omission"] * 2 + ["factual_error"] * 2}


VERDICTS = st.tuples(st.integers(0, 2), st.integers(-1, 1), st.integers(-1, 1), st.sampled_from([True, False, None]))
SAID = st.one_of(
    st.just(FailureKind.TIMEOUT), st.lists(VERDICTS, min_size=3, max_size=3).map(lambda said: dict(enumerate(said)))
)


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["q1", "q2"]),
            st.sampled_from(["openai:m", "openai:n"]),
            st.integers(0, 1),
            st.sampled_from(list(Group)),
        ),
        SAID,
        min_size=1,
    ),
    st.randoms(),
)
def test_shuffling_judgments_and_units_changes_no_figure_and_a_recount_finds_the_same(
    said: dict[tuple[str, str, int, Group], Any],
    random: Any,  # noqa: ANN401 - hypothesis names no type
) -> None:
    cases = [make_case(3, 3, 3, item=item) for item in ("q1", "q2")]

    def make(*, shuffle: bool) -> list[Judgment]:
        made = []
        for (item, judge, sample, group), verdicts in said.items():
            given_ = verdicts
            if isinstance(verdicts, dict):
                rows = [(f"{group[0]}{place + 1}", one) for place, one in verdicts.items()]
                given_ = dict(random.sample(rows, len(rows)) if shuffle else rows)
            made.append(judged(group, given_, item=item, judge=judge, sample=sample))
        return random.sample(made, len(made)) if shuffle else made

    plain = scored(make(shuffle=False), cases, [M, N])
    shuffled = scored(make(shuffle=True), cases[::-1], [M, N])
    assert_frame_equal(plain.items, shuffled.items, rel_tol=1e-12)
    assert_frame_equal(
        plain.units.with_columns(pl.col("judge").cast(pl.String)),
        shuffled.units.with_columns(pl.col("judge").cast(pl.String)),
    )
    for item in ("q1", "q2"):
        for group in Group:
            expected = recount(said, item, group)
            assert row(plain, item)[f"{group}_score"] == (None if expected is None else pytest.approx(expected))
    assert all(plain.items[name].drop_nulls().is_between(0, 1).all() for name in FIGURES)


def recount(said: dict[tuple[str, str, int, Group], Any], item: str, group: Group) -> float | None:
    """Score one group of one item in plain Python; None where a judge has no verdict."""
    means: list[float] = []
    for judge in ("openai:m", "openai:n"):
        of_judge = [one for key, one in said.items() if (key[0], key[1], key[3]) == (item, judge, group)]
        scores: list[float] = []
        for verdicts in of_judge:
            if isinstance(verdicts, dict):
                present = [one for one in verdicts.values() if one[0]]
                right = sum(one[1] == 1 for one in present) / len(present) if present else 0
                scores.append(sum(one[0] for one in verdicts.values()) / 6 * right)
        if not scores:
            return None
        means.append(sum(scores) / len(scores))
    return float(sum(means)) / 2


def test_units_know_their_importance_and_their_group() -> None:
    mixed = (*units("p", 1), *(structs.replace(unit, id="p2") for unit in units("p", 1, importance="supporting")))
    case = make_case(checklist={Group.PERCEPTION: mixed})
    scores = scored([judged(Group.PERCEPTION, {"p1": RIGHT, "p2": ABSENT})], [case])
    assert scores.units.select("unit", "group", "core", "mode").rows() == [
        ("p1", "perception", True, "ok"),
        ("p2", "perception", False, "omission"),
    ]


def test_a_case_without_any_judgment_is_a_row_of_nothing() -> None:
    only = row(scored([], [Case(item=Item(id="q1"), trace=Trace(text="x"))]))
    assert [only[name] for name in FIGURES] == [None] * len(FIGURES)


def test_rows_stay_in_their_order_however_many_blocks_they_fill() -> None:
    rows = FrameBuilder({"place": pl.Int64()})
    for place in range(2 * BLOCK + 1):
        rows.add(place)
    assert rows.frame()["place"].to_list() == list(range(2 * BLOCK + 1))
