from __future__ import annotations

import random
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from builders import Row, both_orders, frame
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st

from judge.enums import Method, Orders
from judge.outcomes.counted_items import Pooling, Subject, fold_panel
from judge.outcomes.latest_judgments import LatestJudgments, latest_judgments
from judge.outcomes.rates import Basis
from judge.outcomes.tally import fold, identical_items, winner
from judge.schema import Attempt, Failed, FailureKind, Judged, Judgment, Order, Reply, Usage, Verdict, Winner

HALF = Fraction(1, 2)
WORTH = {"first": Fraction(1), "tie": HALF, "second": Fraction(0)}
FIELDS = ("forward", "swapped", "credit", "consistent")
CRITERIA = ("knowledge", "overall")


class Folded(NamedTuple):
    """One item by the reference below."""

    forward: Fraction | None
    swapped: Fraction | None
    credit: Fraction
    consistent: Fraction | None
    first_picks: int
    decisive: int
    n_verdicts: int
    outcome: str


def mean(values: list[Fraction | None]) -> Fraction | None:
    known = [value for value in values if value is not None]
    return sum(known, Fraction(0)) / len(known) if known else None


def side(credit: Fraction) -> int:
    return (credit > HALF) - (credit < HALF)


def fold_by_hand(rows: list[Row], judges: list[str], orders: Orders) -> dict[tuple[str, str], Folded]:
    """Fold in plain Python and fractions, by the words of the architecture and statistics.md section 1."""
    table = {(criterion, item, judge, sample, order): v for item, judge, sample, order, criterion, v in rows}
    result = {}
    for criterion, item in sorted({(row[4], row[0]) for row in rows}):
        per_judge = [_judge_by_hand(table, criterion, item, judge, orders) for judge in judges]
        complete = [judge for judge in per_judge if judge is not None]
        if len(complete) < len(judges):
            continue
        forward = mean([judge[0] for judge in complete])
        swapped = mean([judge[1] for judge in complete])
        consistent = mean([judge[2] for judge in complete])
        credit = mean([forward, swapped])
        assert credit is not None
        sides = {side(value) for value in (forward, swapped) if value is not None}
        outcome = "split" if len(sides) > 1 else {1: "a", -1: "b", 0: "tie"}[sides.pop()]
        said = [verdict for judge in complete for verdict in judge[3]]
        decisive = sum(verdict in ("first", "second") for verdict in said)
        counts = (said.count("first"), decisive, len(said))
        result[criterion, item] = Folded(forward, swapped, credit, consistent, *counts, outcome)
    return result


Table = dict[tuple[str, str, str, int, str], str | None]
PerJudge = tuple[Fraction | None, Fraction | None, Fraction | None, list[str]]


def _judge_by_hand(table: Table, criterion: str, item: str, judge: str, orders: Orders) -> PerJudge | None:
    forwards: list[Fraction | None] = []
    swappeds: list[Fraction | None] = []
    agree: list[Fraction | None] = []
    said: list[str] = []
    for sample in sorted({key[3] for key in table}):
        verdicts = [table.get((criterion, item, judge, sample, order)) for order in ("forward", "swapped")]
        forward = WORTH.get(verdicts[0] or "")
        swapped = 1 - WORTH[verdicts[1]] if verdicts[1] in WORTH else None
        needed = 2 if orders is Orders.BOTH else 1
        if sum(credit is not None for credit in (forward, swapped)) < needed:
            continue
        forwards.append(forward)
        swappeds.append(swapped)
        agree.append(None if forward is None or swapped is None else Fraction(side(forward) == side(swapped)))
        said += [verdict for verdict in verdicts if verdict in WORTH]
    return (mean(forwards), mean(swappeds), mean(agree), said) if forwards else None


def fold_rows(
    drawn: list[Row], judges: list[str], orders: Orders = Orders.BOTH, pooling: Pooling = Pooling.MEAN
) -> dict[tuple[str, str], dict[str, Any]]:
    """Fold rows by the program, by criterion and item."""
    subject = Subject(judges, CRITERIA, orders, n_items=len(drawn), n_identical=0)
    counted = fold_panel(frame(drawn), subject, Basis(Method.JEFFREYS, seed=0), pooling).together
    return {(name, row["item"]): row for name in CRITERIA for row in counted[name].items.iter_rows(named=True)}


@st.composite
def rows(draw: st.DrawFn, orders: Orders) -> tuple[list[Row], list[str]]:
    """Return verdict rows of up to 3 judges and 4 samples with failures, holes and cannot_judge; and the judges."""
    judges = [f"j{n}" for n in range(draw(st.integers(1, 3)))]
    samples = draw(st.integers(1, 4))
    source = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - hypothesis draws the seed
    weights = draw(st.sampled_from([(9, 9, 6, 1, 1), (3, 3, 3, 3, 3), (1, 8, 0, 0, 0), (5, 5, 1, 0, 0)]))
    verdicts = [*(verdict.value for verdict in Verdict), None]
    drawn: list[Row] = []
    for item in range(draw(st.integers(0, 8))):
        one = source.choice(list(Order)).value
        for judge in judges:
            for sample in range(samples):
                for order in Order:
                    if orders is Orders.ONE and order.value != one:
                        continue
                    for criterion in CRITERIA:
                        verdict = source.choices(verdicts, weights)[0]
                        drawn.append((f"q{item}", judge, sample, order.value, criterion, verdict))
    source.shuffle(drawn)
    return drawn[: len(drawn) - draw(st.integers(0, 3))], judges


@pytest.mark.parametrize("orders", Orders)
@given(data=st.data())
def test_folding_equals_a_reference_in_plain_python(orders: Orders, data: st.DataObject) -> None:
    drawn, judges = data.draw(rows(orders))
    expected = fold_by_hand(drawn, judges, orders)
    folded = fold_rows(drawn, judges, orders)
    assert list(folded) == list(expected)
    for row, by_hand in zip(folded.values(), expected.values(), strict=True):
        counts = ("outcome", "first_picks", "decisive", "n_verdicts")
        assert {name: row[name] for name in counts} == {name: getattr(by_hand, name) for name in counts}
        for name in FIELDS:
            value = getattr(by_hand, name)
            assert row[name] == (None if value is None else pytest.approx(float(value), abs=1e-12)), name


def test_mean_credits_that_are_half_but_for_the_rounding_of_thirds_are_a_tie() -> None:
    said = {"j0": "a a b", "j1": "a b b", "j2": "a a b", "j3": "a b b"}
    in_slots = {"forward": {"a": "first", "b": "second"}, "swapped": {"a": "second", "b": "first"}}
    drawn: list[Row] = [
        ("q", judge, sample, order, "overall", slots.get(one, one))
        for judge, verdicts in said.items()
        for sample, one in enumerate(verdicts.split())
        for order, slots in in_slots.items()
    ]
    assert fold_by_hand(drawn, list(said), Orders.BOTH)["overall", "q"].outcome == "tie"
    assert [row["outcome"] for row in fold_rows(drawn, list(said)).values()] == ["tie"]


@pytest.mark.parametrize("judges", [3, 5, 6, 7])
def test_no_outcome_of_many_samples_and_judges_is_decided_by_rounding(judges: int) -> None:
    source = random.Random(judges)  # noqa: S311 - a fixed table
    names = [f"j{n}" for n in range(judges)]
    drawn: list[Row] = []
    for item in range(60):
        for judge in names:
            for sample in range(source.choice([3, 5, 6, 7])):
                drawn += [
                    (f"q{item}", judge, sample, order.value, "overall", source.choice(["first", "second", "tie"]))
                    for order in Order
                ]
    expected = fold_by_hand(drawn, names, Orders.BOTH)
    outcomes = {key: row["outcome"] for key, row in fold_rows(drawn, names).items()}
    assert outcomes == {key: by_hand.outcome for key, by_hand in expected.items()}


@pytest.mark.parametrize(
    ("forward", "swapped", "outcome", "credit", "consistent"),
    [
        (Verdict.FIRST, Verdict.SECOND, "a", 1.0, 1.0),
        (Verdict.SECOND, Verdict.FIRST, "b", 0.0, 1.0),
        (Verdict.TIE, Verdict.TIE, "tie", 0.5, 1.0),
        (Verdict.FIRST, Verdict.FIRST, "split", 0.5, 0.0),
        (Verdict.SECOND, Verdict.SECOND, "split", 0.5, 0.0),
        (Verdict.FIRST, Verdict.TIE, "split", 0.75, 0.0),
        (Verdict.TIE, Verdict.SECOND, "split", 0.75, 0.0),
        (Verdict.SECOND, Verdict.TIE, "split", 0.25, 0.0),
        (Verdict.TIE, Verdict.FIRST, "split", 0.25, 0.0),
    ],
)
def test_two_orders_fold_to_half_credits(
    forward: Verdict, swapped: Verdict, outcome: str, credit: float, consistent: float
) -> None:
    (folded,) = fold(frame(both_orders("q", forward, swapped)).on("overall"), orders=Orders.BOTH).iter_rows(named=True)
    assert (folded["outcome"], folded["credit"], folded["consistent"]) == (outcome, credit, consistent)


@pytest.mark.parametrize("lost", [None, Verdict.CANNOT_JUDGE])
@pytest.mark.parametrize("said", Verdict)
def test_an_item_with_a_verdict_missing_in_either_order_is_out(said: Verdict, lost: Verdict | None) -> None:
    for verdicts in ((said, lost), (lost, said), (lost, lost)):
        assert not len(fold(frame(both_orders("q", *verdicts)).on("overall"), orders=Orders.BOTH))
    half = both_orders("q", said, None)[:1]
    assert not len(fold(frame(half).on("overall"), orders=Orders.BOTH))


def test_an_item_needs_a_complete_sample_of_every_judge() -> None:
    drawn = both_orders("q", Verdict.FIRST, None) + both_orders("q", Verdict.TIE, Verdict.TIE, sample=1)
    assert [row["credit"] for row in fold_rows(drawn, ["j"]).values()] == [0.5]
    assert fold_rows(drawn, ["j", "k"]) == {}


def test_identical_items_are_ties_that_nobody_judged() -> None:
    nothing = dict.fromkeys(["forward", "swapped", "on_forward", "on_swapped", "consistent"])
    tie = {**nothing, "credit": 0.5, "outcome": "tie", "first_picks": 0, "decisive": 0, "n_verdicts": 0}
    assert list(identical_items(["p", None]).iter_rows(named=True)) == [{**tie, "item": "p"}, {**tie, "item": None}]
    assert not len(identical_items([]))


def test_a_verdict_becomes_a_winner_by_undoing_its_order() -> None:
    expected = {
        (Verdict.FIRST, Order.FORWARD): Winner.A,
        (Verdict.FIRST, Order.SWAPPED): Winner.B,
        (Verdict.SECOND, Order.FORWARD): Winner.B,
        (Verdict.SECOND, Order.SWAPPED): Winner.A,
        (Verdict.TIE, Order.FORWARD): Winner.TIE,
        (Verdict.TIE, Order.SWAPPED): Winner.TIE,
        (Verdict.CANNOT_JUDGE, Order.FORWARD): Winner.CANNOT_JUDGE,
        (Verdict.CANNOT_JUDGE, Order.SWAPPED): Winner.CANNOT_JUDGE,
    }
    assert {(verdict, order): winner(verdict, order) for verdict in Verdict for order in Order} == expected


JUDGED = Judged(verdicts={"overall": Verdict.FIRST, "knowledge": Verdict.TIE})
FAILED = Failed(failure=FailureKind.TIMEOUT)


def judgment(result: Judged | Failed, *, key: str = "k", judge: str = "j", tokens: int | None = None) -> Judgment:
    reply = None if tokens is None else Reply(text="...", usage=Usage(input=tokens, output=1))
    return Judgment(
        key=key,
        item="q",
        order=Order.SWAPPED,
        judge=judge,
        sample=2,
        result=result,
        reply=reply,
        attempts=(Attempt(problem="busy"),),
    )


def test_judgments_become_one_row_a_criterion_and_failures_null_verdicts() -> None:
    one_failed = Failed(failure=FailureKind.OTHER, criterion="overall")
    results: list[Judged | Failed] = [JUDGED, FAILED, one_failed]
    latest = latest_judgments(judgment(result, key=str(n)) for n, result in enumerate(results))
    assert latest.failures == {"other": 1, "timeout": 1}
    columns = latest.requests.select("item", "judge", "sample", "order").rows()
    assert columns == [("q", "j", 2, "swapped")] * 3
    assert spoken(latest, "overall") == [("first", None), (None, "timeout"), (None, "other")]
    assert spoken(latest, "knowledge") == [("tie", None), (None, "timeout")]
    assert spoken(latest_judgments([]), "overall") == []


def spoken(latest: LatestJudgments, criterion: str) -> list[tuple[object, ...]]:
    return latest.on(criterion).select("verdict", "failure").rows()


def test_the_last_verdict_under_a_key_counts_and_a_failure_never_undoes_it() -> None:
    other = Judged(verdicts={"overall": Verdict.TIE})
    refused = Failed(failure=FailureKind.REFUSED)
    cases: list[tuple[list[Judged | Failed], Judged | Failed]] = [
        ([FAILED, JUDGED], JUDGED),
        ([JUDGED, FAILED], JUDGED),
        ([JUDGED, other], other),
        ([JUDGED, other, FAILED], other),
        ([FAILED, refused], refused),
    ]
    for results, kept in cases:
        latest = latest_judgments([judgment(result) for result in results])
        told = [(kept.verdicts["overall"], None) if isinstance(kept, Judged) else (None, kept.failure)]
        assert spoken(latest, "overall") == told


def says(item: str, *sides: str) -> list[Row]:
    """Return the rows of judges j0, j1, ... with each one's side in the two orders, e.g. "ab" for a, then b."""
    slots = {"forward": {"a": "first", "b": "second", "t": "tie"}, "swapped": {"a": "second", "b": "first", "t": "tie"}}
    return [
        (item, f"j{n}", 0, order, "overall", slots[order][side_])
        for n, both in enumerate(sides)
        for order, side_ in zip(slots, both, strict=True)
    ]


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        (("aa", "aa", "bb"), (1.0, 1.0, "a", 1, 2)),
        (("aa", "bb", "bb"), (0.0, 0.0, "b", 1, 2)),
        (("aa", "tt", "bb"), (0.5, 0.5, "tie", 0, 0)),  # no majority is a tie
        (("aa", "aa", "tt", "tt"), (0.5, 0.5, "tie", 0, 0)),  # a half is no majority
        (("tt", "tt", "aa"), (0.5, 0.5, "tie", 0, 0)),
        (("ab", "ab", "ba"), (1.0, 0.0, "split", 2, 2)),  # the slot shown first wins in both orders
        (("ba", "ba", "ab"), (0.0, 1.0, "split", 0, 2)),
        (("aa", "ab", "bb"), (1.0, 0.0, "split", 2, 2)),
        (("at", "at", "bb"), (1.0, 0.5, "split", 1, 1)),
        (("aa", "bb"), (0.5, 0.5, "tie", 0, 0)),
        (("ab", "aa"), (1.0, 0.5, "split", 1, 1)),
    ],
)
def test_a_panel_by_majority_is_on_the_side_of_more_than_half_of_its_judges_in_each_order(
    sides: tuple[str, ...], expected: tuple[float, float, str, int, int]
) -> None:
    forward, swapped, outcome, first_picks, decisive = expected
    judges = [f"j{n}" for n in range(len(sides))]
    row = fold_rows(says("q", *sides), judges, pooling=Pooling.MAJORITY)["overall", "q"]
    assert (row["forward"], row["swapped"], row["outcome"]) == (forward, swapped, outcome)
    assert (row["credit"], row["consistent"]) == ((forward + swapped) / 2, float(forward == swapped))
    assert (row["first_picks"], row["decisive"], row["n_verdicts"]) == (first_picks, decisive, 2)


def test_by_majority_an_item_needs_every_judge_and_samples_are_averaged_first() -> None:
    drawn = says("q1", "aa", "aa", "bb")[:-1] + says("q2", "aa", "bb", "aa")
    again = [(row[0], row[1], 1, *row[3:]) for row in says("q2", "bb", "bb", "aa")]
    judges = ["j0", "j1", "j2"]
    (key,) = fold_rows(drawn, judges, pooling=Pooling.MAJORITY)
    assert key == ("overall", "q2")
    pooled = fold_rows([*drawn, *again], judges, pooling=Pooling.MAJORITY)["overall", "q2"]
    assert pooled["outcome"] == "tie"  # j0 is torn between its samples: a, b and neither


@pytest.mark.parametrize("orders", Orders)
@given(data=st.data())
@costly
def test_exchanging_the_models_mirrors_a_majority(orders: Orders, data: st.DataObject) -> None:
    drawn, judges = data.draw(rows(orders))
    flipped = {"forward": "swapped", "swapped": "forward"}
    mirrored = [(*row[:3], flipped[row[3]], *row[4:]) for row in drawn]
    one, other = (fold_rows(each, judges, orders, Pooling.MAJORITY) for each in (drawn, mirrored))
    assert list(one) == list(other)
    for key, row in one.items():
        assert row["credit"] == pytest.approx(1 - other[key]["credit"])
        assert (row["consistent"], row["first_picks"]) == (other[key]["consistent"], other[key]["first_picks"])


def test_a_majority_in_one_order_is_one_verdict() -> None:
    drawn = [row for row in says("q", "aa", "aa", "bb") if row[3] == "swapped"]
    row = fold_rows(drawn, ["j0", "j1", "j2"], Orders.ONE, Pooling.MAJORITY)["overall", "q"]
    assert (row["forward"], row["swapped"], row["credit"], row["n_verdicts"]) == (None, 1.0, 1.0, 1)
    assert (row["first_picks"], row["decisive"], row["consistent"]) == (0, 1, None)


def test_keys_settle_apart() -> None:
    results: list[Judged | Failed] = [FAILED, JUDGED, FAILED, JUDGED]
    latest = latest_judgments([judgment(result, key=f"{n:032x}") for result in results for n in range(5)])
    assert len(latest) == 5
    assert latest.failures == {}
