"""Small builders shared by the tests of what computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import convert

from judge.enums import Method, Orders
from judge.outcomes.counted_items import Subject, fold_panel
from judge.outcomes.latest_judgments import LatestJudgments, latest_judgments
from judge.outcomes.rates import Basis
from judge.prompting.pairwise_prompt import PromptTemplate, parse_template
from judge.report.criterion import CriterionReport, report_criteria
from judge.schema import (
    Criterion,
    Failed,
    FailureKind,
    Item,
    Judged,
    JudgeSettings,
    JudgeSpec,
    Judgment,
    Order,
    Pair,
    Rubric,
    Trace,
    Verdict,
)

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
RUBRIC = Rubric(
    name="r",
    version=1,
    description="",
    criteria=tuple(Criterion(name=n, title=n, definition=f"about {n}", tie="same") for n in ("knowledge", "overall")),
)
NAMES = tuple(criterion.name for criterion in RUBRIC.criteria)
PLAIN = JudgeSettings(max_output_tokens=100)
Row = tuple[str, str, int, str, str, str | None]


def make_pair(a: str = "trace a", b: str = "trace b", **fields: object) -> Pair:
    item = convert({"id": "q1", "question": "Which?", "options": {"A": "one", "B": "two"}, **fields}, Item)
    return Pair(item=item, a=Trace(text=a, model="model-a"), b=Trace(text=b, model="model-b"))


def shipped_prompt() -> PromptTemplate:
    return parse_template((ROOT / "prompts/pairwise.v1.md").read_text(encoding="utf-8"), where="pairwise.v1.md")


def make_judge(**changes: object) -> JudgeSpec:
    return JudgeSpec.model_validate({"provider": "openai", "model": "m", "settings": PLAIN, **changes})


def frame(rows: list[Row]) -> LatestJudgments:
    """Return judgments that each speak of one criterion; without a verdict they failed."""

    def result(criterion: str, verdict: str | None) -> Judged | Failed:
        if verdict is None:
            return Failed(failure=FailureKind.TIMEOUT, criterion=criterion)
        return Judged(verdicts={criterion: Verdict(verdict)})

    return latest_judgments(
        Judgment(f"{place:032x}", item, Order(order), judge, sample, result(criterion, verdict))
        for place, (item, judge, sample, order, criterion, verdict) in enumerate(rows)
    )


def both_orders(item: str, forward: Verdict | None, swapped: Verdict | None, *, sample: int = 0) -> list[Row]:
    """Return an item's two verdicts of one judge; None is a failure."""
    given = {Order.FORWARD: forward, Order.SWAPPED: swapped}
    return [(item, "j", sample, order.value, "overall", v.value if v else None) for order, v in given.items()]


def criterion_reports(latest: LatestJudgments, subject: Subject, basis: Basis) -> dict[str, CriterionReport]:
    """Fold judgments and report each criterion, in the rubric's order."""
    return report_criteria(fold_panel(latest, subject, basis).together, latest, subject, margin=None)


def report_on(
    rows: list[Row],
    *,
    n_items: int,
    n_identical: int = 0,
    judges: Sequence[str] = ("j",),
    orders: Orders = Orders.BOTH,
    method: Method = Method.JEFFREYS,
) -> CriterionReport:
    """Report the criterion `overall` of verdict rows."""
    subject = Subject(judges, ["overall"], orders, n_items, n_identical)
    return criterion_reports(frame(rows), subject, Basis(method, seed=0))["overall"]
