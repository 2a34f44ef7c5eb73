"""Drawing, changing and counting controls: hand counts and properties."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Sequence

import pytest
from builders import RUBRIC as CRITERIA
from builders import Row, both_orders, frame, make_judge, make_pair, shipped_prompt
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st

from judge.enums import Method, Orders
from judge.errors import InputError
from judge.outcomes.item_features import WantedFields, features_of_pairs
from judge.outcomes.rates import Basis
from judge.prompting.pairwise_plan import PairPlan
from judge.prompting.pairwise_prompt import ShownParts, is_identical, shown_text
from judge.report.control_effect import JudgeVerdicts, Trial, compare_judge, compare_with_itself, item_states
from judge.report.control_report import ControlEffect, Effect
from judge.runs.control_kinds import Control, ControlKind, with_repeat
from judge.runs.control_sample import (
    Candidate,
    ControlSource,
    against_itself,
    choose,
    control_pairs,
    exchange_images,
    paraphrase,
)
from judge.schema import Image, Pair, Trace, Verdict

BASIS = Basis(Method.JEFFREYS, seed=0)
A, B = (Verdict.FIRST, Verdict.SECOND), (Verdict.SECOND, Verdict.FIRST)
TIE, SPLIT = (Verdict.TIE, Verdict.TIE), (Verdict.FIRST, Verdict.FIRST)
UNSEEN = (Verdict.CANNOT_JUDGE, Verdict.CANNOT_JUDGE)
FAILED = (Verdict.FIRST, None)
Said = tuple[Verdict, Verdict | None]
LINES = st.lists(
    st.sampled_from(["It is viral.  So we wait.", "- one", "* two", "1. first", "2) next", "", "e.g. Dr. X"])
)


def image(name: str) -> Image:
    return Image(path=f"/{name}.png", sha256=hashlib.sha256(name.encode()).hexdigest(), media_type="image/png")


def pair(name: str, *images: str, a: str = "left", b: str = "right") -> Pair:
    return make_pair(a, b, id=name, images=tuple(image(one) for one in images))


def source(pairs: Sequence[Pair], *, judged: set[str] | None = None) -> ControlSource:
    return ControlSource(lambda: iter(pairs), seed=3, answers=True, judged=judged)


def drawn(kind: ControlKind, pairs: Sequence[Pair], n: int = 200) -> list[Pair]:
    return list(control_pairs(Control(kind=kind, n=n), source(pairs)))


def heard(**said: Said) -> JudgeVerdicts:
    rows: list[Row] = [row for item, both in said.items() for row in both_orders(item, *both)]
    return JudgeVerdicts(frame(rows), Orders.BOTH)


def moved(run: JudgeVerdicts, control: JudgeVerdicts, repeat: JudgeVerdicts | None) -> ControlEffect:
    return compare_judge(Trial(run, control, repeat).of("j"), ["overall"], None, BASIS)["overall"]


# The paraphrase


@given(st.one_of(st.text(), LINES.map("\n".join)))
def test_a_paraphrase_has_the_same_words_and_is_never_the_same_text(text: str) -> None:
    assert re.findall(r"\w+", paraphrase(text)) == re.findall(r"\w+", text)
    assert paraphrase(text) != text


def test_a_paraphrase_changes_breaks_markers_and_spaces_alone() -> None:
    text = "Look here. Then  decide, e.g. Dr. X says:\n- one\n* two\n\n1. first\n2) next: -3 mmol"
    assert (
        paraphrase(text) == "Look here.\nThen decide, e.g. Dr. X says:\n\n* one\n\n- two\n1) first\n\n2. next: -3 mmol"
    )
    assert paraphrase("Viral") == "Viral\n"


# What is drawn, and how it is changed


def test_kinds_that_are_held_against_the_run_bring_its_repetition() -> None:
    kinds = (ControlKind.NO_IMAGE, ControlKind.NO_IMAGE, ControlKind.IDENTICAL)
    assert with_repeat(kinds) == (ControlKind.NO_IMAGE, ControlKind.IDENTICAL, ControlKind.REPEAT)
    assert with_repeat([ControlKind.IDENTICAL]) == (ControlKind.IDENTICAL,)
    assert with_repeat([ControlKind.REPEAT]) == (ControlKind.REPEAT,)


@given(st.integers(1, 12), st.integers(0, 5), st.permutations(range(12)))
def test_samples_of_different_sizes_and_kinds_nest_whatever_the_order_of_the_items(
    n: int, more: int, order: list[int]
) -> None:
    everything = [Candidate(str(number), ()) for number in order]
    with_images = [one for one in everything if int(one.item) % 2]
    few, many = (choose(everything, size, seed=1) for size in (n, n + more))
    assert many[:n] == few
    assert few == choose(sorted(everything), n, seed=1)
    assert set(few) & set(with_images) <= set(choose(with_images, n, seed=1))


def test_only_items_that_a_judge_is_asked_about_and_that_have_an_image_where_it_matters_are_drawn() -> None:
    pairs = [pair("q1", "x"), pair("q2"), pair("q3", "y", a="same", b="same"), pair("q4", "z")]
    assert [one.item.id for one in drawn(ControlKind.NO_IMAGE, pairs)] == ["q1", "q4"]
    assert [one.item.id for one in drawn(ControlKind.REPEAT, pairs)] == ["q1", "q2", "q4"]
    judged = control_pairs(Control(kind=ControlKind.HIDE_ANSWERS, n=9), source(pairs, judged={"q2"}))
    assert list(judged) == [pairs[1]]


def test_a_control_without_an_item_is_refused() -> None:
    with pytest.raises(InputError, match="no two items have different images"):
        drawn(ControlKind.WRONG_IMAGE, [pair("q1", "x"), pair("q2", "x")])
    with pytest.raises(InputError, match="no item has two traces"):
        drawn(ControlKind.IDENTICAL, [pair("q1", a="same", b="same")])


def test_hidden_images_are_told_as_images_that_cannot_be_shown() -> None:
    given_ = make_pair(images=(image("x"), image("y")), missing_images=("gone.png",))
    (hidden,) = drawn(ControlKind.NO_IMAGE, [given_])
    assert hidden.item.images == ()
    assert hidden.item.missing_images == ("gone.png", "/x.png", "/y.png")
    assert (hidden.a, hidden.b) == (given_.a, given_.b)


@given(st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=2, unique=True), max_size=14))
def test_each_item_is_shown_as_many_images_of_another_one_and_none_of_its_own(groups: list[list[str]]) -> None:
    chosen = [Candidate(f"q{place}", tuple(map(image, names))) for place, names in enumerate(groups)]
    exchanged = exchange_images(chosen, seed=5)
    own = {one.item: one.images for one in chosen}
    for item, images in exchanged.items():
        assert len(images) == len(own[item])
        assert not set(images) & set(own[item])
    assert sorted(map(str, exchanged.values())) == sorted(str(own[item]) for item in exchanged)


@given(st.integers(2, 30))
def test_where_every_item_has_an_image_of_its_own_none_is_left_out(n: int) -> None:
    chosen = [Candidate(f"q{number}", (image(str(number)),)) for number in range(n)]
    assert len(exchange_images(chosen, seed=5)) == n


def test_of_an_image_that_most_items_share_as_many_items_stay_as_there_are_others() -> None:
    chosen = [Candidate(f"q{number}", (image("x" if number < 5 else str(number)),)) for number in range(7)]
    assert len(exchange_images(chosen, seed=5)) == 4


def test_half_of_the_traces_stand_against_the_same_bytes_and_half_against_a_paraphrase() -> None:
    pairs = drawn(ControlKind.IDENTICAL, [pair(f"q{number}", a=f"It is {number}. So be it.") for number in range(7)])
    exact = [one for one in pairs if is_identical(one, answers=True)]
    assert (len(exact), len(pairs)) == (4, 7)
    assert all(one.b.text == paraphrase(one.a.text) for one in pairs if one not in exact)


def test_a_trace_stands_against_itself_as_the_judge_is_shown_it() -> None:
    given_ = Pair(
        item=make_pair().item, a=Trace(text="I think.", answer="B", model="m"), b=Trace(text="No.", model="n")
    )
    shown = against_itself(given_, answers=True, exact=False)
    assert shown.a.text == "I think.\n\nFinal answer: B"
    assert shown.b.text == "I think.\nFinal answer: B"
    assert (shown.a.model, shown.b.model) == ("m", "n")
    hidden = against_itself(given_, answers=False, exact=True)
    assert shown_text(hidden.a, answers=True) == shown_text(hidden.b, answers=True) == "I think."


def test_identical_traces_are_asked_about_in_both_orders_only_where_a_control_says_so() -> None:
    plan = PairPlan(shipped_prompt(), CRITERIA, ShownParts())
    same = make_pair("same", "same")
    assert not list(plan.requests([same], make_judge()))
    asking = PairPlan(shipped_prompt(), CRITERIA, ShownParts(), asks_identical=True)
    forward, swapped = asking.requests([same], make_judge())
    assert forward.prompt == swapped.prompt
    assert forward.key != swapped.key


# How far verdicts move


def test_a_judge_is_held_against_itself_item_by_item_as_counted_by_hand() -> None:
    run = heard(q1=A, q2=B, q3=TIE, q4=A, q5=A, q6=A)
    control = heard(q1=A, q2=A, q3=SPLIT, q4=UNSEEN, q5=FAILED)
    repeat = heard(q1=A, q2=B, q3=TIE, q4=B)
    found = moved(run, control, repeat)
    assert (found.n, found.withdrawn) == (4, 1)
    assert (found.changed.estimate, found.changed.n) == (0.75, 4)
    assert found.repeated is not None
    assert found.excess is not None
    assert (found.repeated.estimate, found.excess.estimate) == (0.25, 0.5)
    assert found.shift.estimate == pytest.approx(1 / 3, abs=1e-6)
    assert (found.p_value, found.effect) == (1.0, Effect.UNCLEAR)


def test_without_a_repetition_no_change_is_held_against_noise() -> None:
    found = moved(heard(q1=A), heard(q1=B), None)
    assert (found.repeated, found.excess, found.effect) == (None, None, None)
    assert (found.changed.estimate, found.shift.estimate) == (1.0, -1.0)


def test_a_word_that_it_cannot_be_judged_is_a_state_and_a_failure_is_none() -> None:
    found = item_states(heard(q1=UNSEEN, q2=FAILED, q3=(Verdict.CANNOT_JUDGE, None), q4=TIE), "overall")
    assert dict(zip(found["item"], found["state"], strict=True)) == {"q1": "cannot_judge", "q4": "tie"}


def test_items_whose_answers_hidden_traces_look_the_same_are_ties() -> None:
    control = heard(q1=A)._replace(identical=["q2"])
    found = moved(heard(q1=A, q2=A), control, heard(q1=A, q2=A))
    assert (found.n, found.changed.estimate, found.shift.estimate) == (2, 0.5, -0.25)


def test_a_judge_that_moves_one_way_moves_though_it_changes_its_mind_as_often_by_itself() -> None:
    items = [f"q{number}" for number in range(40)]
    run = heard(**dict.fromkeys(items, B))
    control = heard(**{item: A if place < 10 else B for place, item in enumerate(items)})
    repeat = heard(**{item: TIE if place < 10 else B for place, item in enumerate(items)})
    found = moved(run, control, repeat)
    assert found.excess is not None
    assert (found.excess.estimate, found.shift.estimate, found.effect) == (0, 0.25, Effect.MOVES)
    assert found.p_value == pytest.approx(2 / 2**10, rel=1e-5)


def test_changes_are_counted_over_clusters_of_items_that_share_an_image() -> None:
    items = [f"q{number}" for number in range(30)]
    features = features_of_pairs((pair(item, str(place // 10)) for place, item in enumerate(items)), WantedFields())
    run, control = heard(**dict.fromkeys(items, A)), heard(**{item: A if item < "q2" else B for item in items})
    own, apart = (
        compare_judge(Trial(run, control, run), ["overall"], known, BASIS)["overall"] for known in (features, None)
    )
    assert own.changed.estimate == apart.changed.estimate
    assert own.changed.low is not None
    assert apart.changed.low is not None
    assert own.changed.low < apart.changed.low


@pytest.mark.slow
@pytest.mark.parametrize(("share", "expected"), [(0.0, Effect.NO_EFFECT), (0.2, Effect.MOVES)])
def test_a_judge_with_noise_is_seldom_said_to_move_when_it_does_not_or_not_to_when_it_does(
    share: float, expected: Effect
) -> None:
    chance = random.Random(11)  # noqa: S311 - the same each time
    found: Counter[Effect | None] = Counter()
    for _ in range(60):
        truth = [chance.choice([A, B]) for _ in range(200)]
        other = [(B if one is A else A) if chance.random() < share else one for one in truth]
        asked = (
            heard(**{f"q{n}": chance.choice([A, B]) if chance.random() < 0.2 else one for n, one in enumerate(true)})
            for true in (truth, other, truth)
        )
        found[moved(*asked).effect] += 1
    wrong = Effect.MOVES if expected is Effect.NO_EFFECT else Effect.NO_EFFECT
    assert found[expected] >= 42
    assert found[wrong] <= 8


OUTCOMES = st.lists(st.tuples(*[st.sampled_from([A, B, TIE, SPLIT, UNSEEN, FAILED])] * 3), min_size=1, max_size=9)


@given(OUTCOMES)
@costly
def test_exchanging_the_models_turns_the_shift_round_and_nothing_else(said: list[tuple[Said, Said, Said]]) -> None:
    def turned(both: Said) -> Said:
        other = {Verdict.FIRST: Verdict.SECOND, Verdict.SECOND: Verdict.FIRST}
        forward, swapped = both
        return other.get(forward, forward), swapped and other.get(swapped, swapped)

    given_, mirrored = (
        moved(*(heard(**{f"q{place}": change(one[way]) for place, one in enumerate(said)}) for way in range(3)))
        for change in (lambda both: both, turned)
    )
    assert given_.model_dump(exclude={"shift"}) == mirrored.model_dump(exclude={"shift"})
    if given_.shift.estimate is not None and given_.shift.low is not None and mirrored.shift.high is not None:
        assert mirrored.shift.estimate == -given_.shift.estimate
        assert mirrored.shift.high == pytest.approx(-given_.shift.low, abs=3e-6)


# How often a trace is preferred to itself


def test_preferences_for_a_trace_over_itself_are_counted_as_by_hand() -> None:
    said = heard(q1=SPLIT, q2=TIE, q3=A, q4=(Verdict.TIE, Verdict.SECOND), q5=UNSEEN)
    found = compare_with_itself(said.of("j"), "overall", {"q1", "q2", "q5"}, None, BASIS)
    together = found.together
    assert (together.named.estimate, together.named.n) == (5 / 8, 8)
    assert (together.forward.estimate, together.swapped.estimate) == (2 / 4, 3 / 4)
    assert (together.consistent.estimate, together.first_slot.estimate) == (1 / 4, 3 / 5)
    assert (found.exact.named.estimate, found.rephrased.named.estimate) == (2 / 4, 3 / 4)


def test_with_one_order_nothing_is_said_of_both() -> None:
    said = JudgeVerdicts(frame(both_orders("q1", Verdict.FIRST, Verdict.TIE)[:1]), Orders.ONE)
    found = compare_with_itself(said, "overall", (), None, BASIS).together
    assert (found.named.estimate, found.consistent.estimate, found.consistent.n) == (1.0, None, 0)
