"""The report tells the win rate by each model that a judge's replies name."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace
from report.test_report_sections import NAMES, judgment

from judge.enums import Method, Orders
from judge.outcomes.counted_items import Subject
from judge.outcomes.latest_judgments import latest_judgments
from judge.report.build_report import RunDescription, build_report
from judge.report.report import Models, Report
from judge.schema import FailureKind, Judgment, Order, Reply, Verdict

A_WINS = {Order.FORWARD: Verdict.FIRST, Order.SWAPPED: Verdict.SECOND}
B_WINS = {Order.FORWARD: Verdict.SECOND, Order.SWAPPED: Verdict.FIRST}


def report(said: list[Judgment]) -> Report:
    subject = Subject(["j"], NAMES, Orders.BOTH, n_items=len({one.item for one in said}), n_identical=0)
    run = RunDescription(Models(a="x", b="y"), prompt="p", rubric="r", samples=1, seed=0, left_out={})
    return build_report(latest_judgments(said), subject, run, method=Method.WILSON)


def from_model(model: str | None, item: str, verdicts: Mapping[Order, Verdict | FailureKind]) -> list[Judgment]:
    reply = Reply(text="", model=model)
    return [replace(judgment(item, order, verdict), reply=reply) for order, verdict in verdicts.items()]


def test_each_model_has_the_win_rate_of_the_items_that_it_judged_in_every_order() -> None:
    said = [
        *(one for n in range(3) for one in from_model("m-1", f"q{n}", A_WINS)),
        *from_model("m-1", "q3", B_WINS),
        *(one for n in range(4, 6) for one in from_model("m-2", f"q{n}", B_WINS)),
        *(from_model("m-1", "q6", A_WINS)[0], from_model("m-2", "q6", A_WINS)[1]),
        *from_model("m-3", "q7", dict.fromkeys(Order, FailureKind.OTHER_MODEL)),
    ]
    told = report(said)
    assert told.served_models is not None
    models = told.served_models["j"]
    assert {name: model.judged for name, model in models.items()} == {"m-1": 9, "m-2": 5}
    rates = {name: model.win_rate["overall"] for name, model in models.items()}
    assert {name: (rate.estimate, rate.n) for name, rate in rates.items()} == {"m-1": (0.75, 4), "m-2": (0.0, 2)}
    alone = report([one for one in said if one.item in {"q0", "q1", "q2", "q3"}]).criteria["overall"].win_rate
    assert rates["m-1"] == alone
    line = next(text for text in told.warnings if "by the model that answered" in text)
    low, high = 100 * (alone.low or 0), 100 * (alone.high or 0)
    assert (
        f"j: win rate of a on overall by the model that answered: m-1: 75 %, {low:.0f} to {high:.0f} (n = 4); " in line
    )


def test_a_model_that_judged_no_item_in_every_order_has_no_rate() -> None:
    told = report([*from_model("m-1", "q0", A_WINS)[:1], *from_model("m-2", "q0", A_WINS)[1:]])
    assert told.served_models is not None
    assert [model.win_rate["overall"].estimate for model in told.served_models["j"].values()] == [None, None]
    assert "m-1: no item in every order; m-2: no item in every order" in told.warnings[-1]


def test_one_model_is_not_told_apart() -> None:
    for model in ("m-1", None):
        told = report(from_model(model, "q0", A_WINS))
        assert told.served_models is None
        assert "served_models" not in told.model_dump(mode="json")
