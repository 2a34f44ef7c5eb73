"""Which items a look is over, and what the looks of a run show."""

from __future__ import annotations

import math

import polars as pl
import pytest
from builders import Row, both_orders, frame, make_pair
from hypothesis import given
from hypothesis import strategies as st

from judge.enums import Orders
from judge.errors import InputError
from judge.outcomes.interim_looks import Evidence, LookPanel, Stopping, follow, number_looks, plan_looks, read_looks
from judge.outcomes.item_features import units_of_pairs
from judge.outcomes.latest_judgments import LatestJudgments
from judge.schema import Image, Verdict

PANEL = LookPanel(["j"], Orders.BOTH, 1, "overall")
FIRST, SECOND, TIE = Verdict.FIRST, Verdict.SECOND, Verdict.TIE
A_WINS, B_WINS = (FIRST, SECOND), (SECOND, FIRST)


def planned(units: list[str], looks: list[int], identical: tuple[str, ...] = ()) -> pl.DataFrame:
    items = [f"q{number}" for number in range(len(units))]
    plan = plan_looks(items, units, identical, seed=0, every=1)
    return plan.with_columns(look=pl.Series(looks))


def judged(*verdicts: tuple[Verdict | None, Verdict | None], judge: str = "j") -> LatestJudgments:
    rows: list[Row] = []
    for number, (forward, swapped) in enumerate(verdicts):
        rows += both_orders(f"q{number}", forward, swapped)
    return frame([(item, judge, sample, order, name, said) for item, _, sample, order, name, said in rows])


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=60), st.integers(0, 9), st.integers(1, 20))
def test_looks_are_numbered_in_turn_hold_whole_units_and_enough_items(units: list[str], seed: int, every: int) -> None:
    looks = number_looks(units, seed=seed, every=every)
    last = max(looks)
    assert set(looks) == set(range(last + 1))
    assert all(looks.count(look) >= every for look in range(last))
    of_unit = {unit: {look for own, look in zip(units, looks, strict=True) if own == unit} for unit in units}
    assert all(len(found) == 1 for found in of_unit.values())
    backwards = number_looks(units[::-1], seed=seed, every=every)
    assert backwards[::-1] == looks


def test_the_seed_decides_which_items_come_first() -> None:
    items = [f"q{n}" for n in range(200)]
    one, same, other = (number_looks(items, seed=seed, every=50) for seed in (0, 0, 1))
    assert one == same != other
    assert [one.count(look) for look in range(4)] == [50] * 4


def test_units_lean_by_the_mean_of_their_items_and_failures_lean_to_nobody() -> None:
    # c1: won, tied, failed: leans to a; c2: won and lost: to nobody; q5 failed; q6 lost; q7 identical
    plan = planned(["c1", "c1", "c1", "c2", "c2", "q5", "q6", "q7"], [0, 0, 0, 0, 0, 1, 1, 1], identical=("q7",))
    said = judged(A_WINS, (TIE, TIE), (None, FIRST), A_WINS, B_WINS, (None, None), B_WINS).on("overall")
    followed = follow(plan, said, PANEL)
    assert followed.to_dict(as_series=False) == {
        "look": [0, 1],
        "n_items": [5, 3],
        "missing": [1, 1],
        "complete": [True, True],
        "wins": [1, 0],
        "losses": [0, 1],
        "sums": [[1.5, 1.0], [0.0, 0.0, 0.5]],
        "sizes": [[2.0, 2.0], [0.0, 1.0, 1.0]],
    }


def test_a_look_is_complete_when_every_judge_and_sample_answered_or_failed() -> None:
    plan = planned(["q0", "q1"], [0, 1])
    said = pl.concat([judged(A_WINS, A_WINS).on("overall"), judged(A_WINS, judge="k").on("overall")])
    assert follow(plan, said, PANEL)["complete"].to_list() == [True, True]
    both = follow(plan, said, PANEL._replace(judges=["j", "k"]))
    assert both.select("complete", "wins", "missing").rows() == [(True, 1, 0), (False, 0, 1)]
    assert follow(plan, said, PANEL._replace(samples=2))["complete"].to_list() == [False, False]


def looked(credits_: list[list[float]], complete: list[bool]) -> pl.DataFrame:
    """Return looks at items of their own, of so many credits each."""
    return pl.DataFrame(
        {
            "look": range(len(credits_)),
            "n_items": 100,
            "missing": 0,
            "complete": complete,
            "wins": [sum(credit > 0.5 for credit in look) for look in credits_],
            "losses": [sum(credit < 0.5 for credit in look) for look in credits_],
            "sums": credits_,
            "sizes": [[1.0] * len(look) for look in credits_],
        },
        schema_overrides={"sums": pl.List(pl.Float64), "sizes": pl.List(pl.Float64)},
    )


def outcomes(wins: int, losses: int, ties: int = 0) -> list[float]:
    return [1.0] * wins + [0.0] * losses + [0.5] * ties


CREDITS = Stopping(evidence=Evidence.CREDITS, look_every=100)


@pytest.mark.parametrize("rule", [CREDITS, Stopping(look_every=100)])
def test_the_evidence_is_that_of_whole_looks_before_the_first_that_is_not(rule: Stopping) -> None:
    looks = [outcomes(30, 20), outcomes(30, 20), outcomes(60, 40)]
    found = read_looks(looked(looks, [True, True, True]), rule, 1)
    assert (found.wins, found.losses, found.n_looks, found.items_asked) == (120, 80, 3, 300)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.6, 0.494, 0.700), abs=6e-4)  # published
    assert (found.decided, found.winner) == (False, None)
    partial = read_looks(looked(looks, [True, False, True]), rule, 1)
    assert (partial.wins, partial.losses, partial.n_looks, partial.n_looks_planned) == (30, 20, 1, 3)
    assert (partial.items_asked, partial.items_planned) == (100, 300)


@pytest.mark.parametrize("rule", [CREDITS, Stopping()])
def test_what_was_decided_at_a_look_stays_decided_and_its_p_value_with_it(rule: Stopping) -> None:
    found = read_looks(looked([outcomes(0, 20), outcomes(10, 0)], [True, True]), rule, 1)
    assert (found.decided, found.winner) == (True, "b")
    # E of 20 losses: 2^20 B(30, 10) / B(10, 10)
    beta = [math.gamma(a) * math.gamma(10) / math.gamma(a + 10) for a in (30, 10)]
    assert found.p_value == pytest.approx(beta[1] / (2**20 * beta[0]), rel=1e-4)
    turned = read_looks(looked([outcomes(0, 20), outcomes(40, 0)], [True, True]), rule, 1)
    assert (turned.decided, turned.winner) == (True, None)
    nothing = read_looks(looked([outcomes(5, 0)], [False]), rule, 1)
    assert (nothing.n_looks, nothing.low, nothing.high, nothing.p_value, nothing.log10_e) == (0, 0.0, 1.0, 1.0, 0.0)
    assert nothing.estimate is None


def test_a_win_rate_below_one_half_is_never_decided_for_a_however_many_units_lean_to_it() -> None:
    # 150 items with a win and a tie, 100 lost in both orders: mean credit .45
    look = looked([[0.75] * 150 + [0.0] * 100], [True])
    by_signs, by_credits = (read_looks(look, rule, 1) for rule in (Stopping(), CREDITS))
    assert (by_signs.winner, by_signs.estimate) == ("a", 0.6)
    assert (by_credits.winner, by_credits.estimate) == (None, 0.45)
    assert by_credits.low < 0.45 < by_credits.high


def test_ties_count_in_the_win_rate_and_change_no_evidence() -> None:
    with_ties, without = (read_looks(looked([outcomes(40, 20, ties)], [True]), CREDITS, 1) for ties in (40, 0))
    assert (with_ties.estimate, without.estimate) == (0.6, 0.666667)
    assert with_ties.p_value == without.p_value
    assert with_ties.high - with_ties.low < without.high - without.low


def test_items_that_share_an_image_or_a_field_are_one_unit() -> None:
    scan = Image(path="/x.png", sha256="ab", media_type="image/png")
    pairs = [
        make_pair(id="q1", images=[scan], subgroup={"ward": "w1"}),
        make_pair(id="q2", images=[scan]),
        make_pair(id="q3", subgroup={"ward": "w1"}),
    ]
    assert units_of_pairs(pairs, None) == (["q1", "q2", "q3"], ["cluster_ab", "cluster_ab", "item_q3"])
    assert units_of_pairs(pairs, "ward")[1] == ["cluster_w1", "item_q2", "cluster_w1"]
    assert units_of_pairs(pairs[1:], None)[1] == ["item_q2", "item_q3"]
    with pytest.raises(InputError, match="no item has a field 'bed'"):
        units_of_pairs(pairs, "bed")
