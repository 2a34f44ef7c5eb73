"""Pairwise preference beside the difference of checklist scores."""

from __future__ import annotations

import polars as pl
import pytest
from builders import both_orders, frame
from drawing import costly
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

from judge.enums import Method, Orders
from judge.outcomes.counted_items import Subject, fold_panel
from judge.outcomes.rates import Basis
from judge.report.instruments import Instruments, compare_instruments
from judge.schema import Verdict

FIRST, SECOND = Verdict.FIRST, Verdict.SECOND
VERDICTS = {"a": (FIRST, SECOND), "b": (SECOND, FIRST), "split": (FIRST, FIRST)}
Row = tuple[str, float | None, float | None]


def compared(preferred: dict[str, str], scores: dict[str, Row]) -> Instruments:
    rows = [row for item, who in preferred.items() for row in both_orders(item, *VERDICTS[who])]
    subject = Subject(["j"], ["overall"], Orders.BOTH, len(preferred), 0)
    counted = fold_panel(frame(rows), subject, Basis(Method.JEFFREYS, seed=0)).together
    schema = {"item": pl.String, "trace_score": pl.Float64}
    sides = (
        pl.DataFrame({"item": list(scores), "trace_score": [row[side] for row in scores.values()]}, schema=schema)
        for side in (1, 2)
    )
    return compare_instruments(counted, *sides)["overall"]


def test_six_items_counted_by_hand() -> None:
    preferred = {"q1": "a", "q2": "a", "q3": "split", "q4": "b", "q5": "b", "q6": "a", "not scored": "a"}
    scores: dict[str, Row] = {
        "q1": ("", 0.9, 0.1),
        "q2": ("", 0.2, 0.6),
        "q3": ("", 0.5, 0.4),
        "q4": ("", 0.1, 0.8),
        "q5": ("", None, 0.8),
        "q6": ("", 0.5, 0.5),
        "not compared": ("", 1.0, 0.0),
    }
    found = compared(preferred, scores)
    assert (found.figure, found.n) == ("trace_score", 5)
    assert found.preference.estimate == pytest.approx((1 + 1 + 0.5 + 0 + 1) / 5)
    assert found.table == {
        "a": {"a": 1, "neither": 1, "b": 1},
        "neither": {"a": 1, "neither": 0, "b": 0},
        "b": {"a": 0, "neither": 0, "b": 1},
    }
    assert found.same_side.estimate == pytest.approx(2 / 3, abs=1e-6)
    assert found.same_side.n == 3
    assert [(one.item, one.preferred, one.score_a, one.score_b) for one in found.disagreements] == [
        ("q2", "a", 0.2, 0.6)
    ]
    assert found.agreement.raw is not None
    assert found.agreement.raw.estimate == pytest.approx(2 / 5)
    assert found.agreement.kappa is not None
    assert found.agreement.kappa.estimate == pytest.approx(
        cohen_kappa_score([0, 0, 1, 2, 0], [0, 2, 0, 2, 1]), abs=1e-6
    )


def test_nothing_in_common_is_said_so() -> None:
    found = compared({"q1": "a"}, {"q2": ("", 0.1, 0.2)})
    assert (found.n, found.preference.estimate, found.agreement.n, found.disagreements) == (0, None, 0, ())


@given(st.lists(st.tuples(st.sampled_from(list(VERDICTS)), st.integers(0, 4), st.integers(0, 4)), min_size=1))
@costly
def test_exchanging_the_models_mirrors_both_instruments(items: list[tuple[str, int, int]]) -> None:
    other = {"a": "b", "b": "a", "split": "split"}
    names = [f"q{n}" for n in range(len(items))]
    one = compared(
        {name: who for name, (who, _, _) in zip(names, items, strict=True)},
        {name: ("", a / 4, b / 4) for name, (_, a, b) in zip(names, items, strict=True)},
    )
    two = compared(
        {name: other[who] for name, (who, _, _) in zip(names, items, strict=True)},
        {name: ("", b / 4, a / 4) for name, (_, a, b) in zip(names, items, strict=True)},
    )
    assert one.agreement == two.agreement
    assert one.same_side == two.same_side
    assert one.preference.estimate is not None
    assert two.preference.estimate is not None
    assert one.preference.estimate + two.preference.estimate == pytest.approx(1, abs=1e-6)
    turned = {"a": "b", "neither": "neither", "b": "a"}
    assert two.table == {turned[x]: {turned[y]: n for y, n in row.items()} for x, row in one.table.items()}
    assert {item.item for item in one.disagreements} == {item.item for item in two.disagreements}
