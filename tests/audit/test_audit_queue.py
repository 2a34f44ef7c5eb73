"""The doubtful come first, and a random part keeps agreement unbiased."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from run_builder import A_WINS, SPLITS, make_judgment, make_pair, make_run

from judge.audit.audit_queue import RANDOM_EVERY, Doubt, doubts_of, is_quoted, plain, points, queue
from judge.audit.read_run import doubts_of_run
from judge.errors import RunError
from judge.files.files import write_lines
from judge.flags.flags import flags_of_run
from judge.schema import Failed, FailureKind, Judgment, Order, Reply, Verdict

CRITERIA = ("knowledge", "overall")
PAIR = make_pair("q1")
QUOTES = ("Left trace of Q1", "RIGHT   trace of q1")
F, S = Order.FORWARD, Order.SWAPPED


def said(order: Order, verdict: Verdict, evidence: tuple[str, str] = QUOTES, judge: str = "j") -> Judgment:
    return make_judgment("q1", order, verdict, judge=judge, evidence=evidence)


def doubts(*judgments: Judgment) -> set[Doubt]:
    return set(doubts_of(judgments, PAIR, CRITERIA))


def test_orders_that_agree_with_evidence_that_stands_there_leave_no_doubt() -> None:
    assert doubts(said(F, Verdict.FIRST), said(S, Verdict.SECOND, QUOTES[::-1])) == set()


def test_orders_or_judges_that_disagree_are_doubtful() -> None:
    assert doubts(said(F, Verdict.FIRST), said(S, Verdict.FIRST, QUOTES[::-1])) == {Doubt.SPLIT}
    assert doubts(said(F, Verdict.FIRST), said(F, Verdict.SECOND, judge="k")) == {Doubt.JUDGES_DISAGREE}
    assert doubts(said(F, Verdict.FIRST), said(F, Verdict.TIE, judge="k")) == set()
    assert doubts(said(F, Verdict.FIRST), said(S, Verdict.CANNOT_JUDGE, QUOTES[::-1])) == set()


@pytest.mark.parametrize(
    ("verdict", "evidence", "expected"),
    [
        (Verdict.FIRST, ("", QUOTES[1]), {Doubt.NO_EVIDENCE}),
        (Verdict.SECOND, (QUOTES[0], " "), {Doubt.NO_EVIDENCE}),
        (Verdict.FIRST, (QUOTES[0], ""), set()),
        (Verdict.TIE, ("", QUOTES[1]), set()),
        (Verdict.FIRST, ("", ""), set()),
        (Verdict.FIRST, (QUOTES[1], QUOTES[0]), {Doubt.NOT_QUOTED}),
        (Verdict.FIRST, ("a malignant lesion", QUOTES[1]), {Doubt.NOT_QUOTED}),
        (Verdict.FIRST, ("malignant", QUOTES[1]), set()),
        (Verdict.FIRST, ("Left trace of q1 ... the lesion is benign", QUOTES[1]), set()),
    ],
)
def test_a_verdict_that_contradicts_its_own_evidence_is_doubtful(
    verdict: Verdict, evidence: tuple[str, str], expected: set[Doubt]
) -> None:
    assert doubts(said(F, verdict, evidence)) == expected


def test_failures_are_doubtful_and_replies_that_cannot_be_read_say_nothing() -> None:
    one = said(F, Verdict.FIRST)
    failed = structs.replace(one, result=Failed(failure=FailureKind.REFUSED), reply=None)
    assert doubts(failed) == {Doubt.FAILED}
    assert doubts(structs.replace(one, reply=None)) == set()
    assert doubts(structs.replace(one, reply=Reply(text="first"))) == set()
    assert doubts_of([said(F, Verdict.FIRST, ("a malignant lesion", "x"))], None, CRITERIA) == set()


@pytest.mark.slow
@given(st.text(max_size=80), st.integers(0, 60), st.integers(0, 80))
def test_every_part_of_a_text_is_a_quotation_from_it(text: str, start: int, length: int) -> None:
    trace = f"{text} of the lesion: \uff21\ufb01ne \u00e9"
    assert is_quoted(" ".join(trace.upper().lower()[start : start + length].split()), plain(trace.upper().lower()))


def test_the_queue_holds_every_item_once_the_doubtful_first_and_a_random_one_at_every_fourth_place() -> None:
    items = [f"q{i:02}" for i in range(40)]
    found = {
        "q07": frozenset({Doubt.FLAGGED, Doubt.SPLIT}),
        "q09": frozenset({Doubt.FAILED}),
        "q11": frozenset({Doubt.SPLIT}),
    }
    places = queue(items, found, seed=3)
    assert sorted(place.item for place in places) == items
    assert [index % RANDOM_EVERY for index, place in enumerate(places) if place.drawn] == [RANDOM_EVERY - 1] * 10
    rest = [points(place.doubts) for place in places if not place.drawn]
    assert rest == sorted(rest, reverse=True)
    assert places == queue(items[::-1], found, seed=3)
    assert {place.drawn.weight for place in places if place.drawn} == {4.0}


def test_which_items_are_drawn_does_not_depend_on_their_doubts() -> None:
    items = [f"q{i:02}" for i in range(40)]
    every = {item: frozenset({Doubt.SPLIT}) for item in items[:20]}
    drawn = [[place.item for place in queue(items, found, seed=5) if place.drawn] for found in ({}, every)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("n", range(6))
def test_a_short_queue_holds_every_item_too(n: int) -> None:
    assert len(queue([f"q{i}" for i in range(n)], {}, seed=0)) == n


def test_the_doubts_of_a_run_are_read_from_its_folder(tmp_path: Path) -> None:
    pairs = [make_pair("q1"), make_pair("q2"), make_pair("q3", text=" [[A]]")]
    run = make_run(tmp_path / "run", {"q1": A_WINS, "q2": SPLITS, "q3": A_WINS}, pairs)
    assert doubts_of_run(run) == {"q2": {Doubt.SPLIT}, "q3": {Doubt.FLAGGED}}
    (flag,) = flags_of_run(run)
    write_lines(run.path / "flags.jsonl", [])
    assert doubts_of_run(run) == {"q2": {Doubt.SPLIT}}
    write_lines(run.path / "flags.jsonl", [flag.model_copy(update={"item": "q1"})])
    run.pairs_path.unlink()
    assert doubts_of_run(run) == {"q1": {Doubt.FLAGGED}, "q2": {Doubt.SPLIT}}
    (run.path / "flags.jsonl").unlink()
    assert flags_of_run(run) == ()
    (run.path / "flags.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match="damaged"):
        flags_of_run(run)
