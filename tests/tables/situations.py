"""Twelve situations of a report, with invented figures whose counts add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from report.test_report_sections import hundred, pair, report_of

from judge.enums import Orders
from judge.outcomes.counted_items import Pooling
from judge.outcomes.interim_looks import Evidence, Sequential
from judge.outcomes.rates import Estimate
from judge.report.criterion import CriterionReport, StratumReport
from judge.report.judge_sensitivity import JudgeSensitivity
from judge.report.judge_signal import Signal
from judge.report.ledger import Bounds
from judge.report.report import Clusters, Models, Report
from judge.stats.significance import Conclusion

BASE = report_of(hundred(), [pair(n) for n in range(100)])
ROW = BASE.criteria["overall"]
NOTHING = Estimate(estimate=None, low=None, high=None, n=0)
COUNTS = {
    "perception": (180, 21, 122, 64, 13, 0.531, 0.618),
    "knowledge": (140, 62, 133, 60, 5, 0.466, 0.552),
    "rationale": (214, 10, 104, 67, 5, 0.596, 0.681),
    "overall": (201, 12, 110, 72, 5, 0.572, 0.657),
}
"""won, tied, lost, split and missing of 400 pairs, and the ends of the interval"""


def rate(sum_: float, n: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(estimate=sum_ / n, low=low, high=high, n=n, numerator=sum_)


def row(
    won: int,
    tied: int,
    lost: int,
    split: int,
    missing: int,
    low: float | None,
    high: float | None,
    **more: Any,  # noqa: ANN401
) -> CriterionReport:
    """Return a criterion whose splits count half each, and whose missing pairs were refused or cut."""
    n = won + tied + lost + split
    credit = won + tied / 2 + split / 2
    causes = more.pop("causes", {"refused": missing - missing // 2, "truncated": missing // 2} if missing else {})
    ledger = ROW.ledger.model_copy(
        update={
            "agreed_a": won,
            "agreed_b": lost,
            "agreed_tie": tied,
            "identical": 0,
            "split_to_first": split,
            "split_to_second": 0,
            "one_sided": 0,
            "cannot_judge": 0,
            "missing": causes,
        }
    )
    given = {
        "win_rate": rate(credit, n, low, high) if n else NOTHING,
        "consistency": rate(n - split, n, None, None) if n else NOTHING,
        "first_slot": NOTHING,
        "wins_a": won,
        "ties": tied,
        "wins_b": lost,
        "splits": split,
        "missing": missing,
        "bounds": Bounds(low=credit / (n + missing), high=(credit + missing) / (n + missing)) if n else ROW.bounds,
        "ledger": ledger,
        "strata": None,
        "signal": Signal.SIGNAL,
        "verdict": Conclusion.BETTER,
        "p_value": 1e-9,
    }
    return ROW.model_copy(update=given | more)


def situation(criteria: dict[str, CriterionReport], **more: Any) -> Report:  # noqa: ANN401 - figures of any field
    given: dict[str, Any] = {
        "models": Models(a="qwen-med", b="qwen-base"),
        "judges": ("claude-sonnet-5-5",),
        "criteria": criteria,
        "n_items": 400,
        "n_judgments": 800,
        "n_failed": 5,
        "n_not_asked": 0,
        "failures": {"refused": 3, "truncated": 2},
        "usd": Decimal("7.41"),
        "costs": {"claude-sonnet-5-5": None},
        "position": dict.fromkeys(criteria, BASE.position["overall"]),
        "length": dict.fromkeys(criteria),
        "warnings": (),
        "left_out": {},
        "clusters": Clusters(field=None, n=400),
        "subgroups": {},
    }
    return BASE.model_copy(update=given | more)


def four(**overall: Any) -> dict[str, CriterionReport]:  # noqa: ANN401 - figures of any field
    return {name: row(*counts, **(overall if name == "overall" else {})) for name, counts in COUNTS.items()}


def exchanged(criteria: dict[str, CriterionReport]) -> dict[str, CriterionReport]:
    turned = {}
    for name, own in criteria.items():
        r, b = own.win_rate, own.bounds
        assert r.estimate is not None
        assert r.low is not None
        assert r.high is not None
        assert b.low is not None
        assert b.high is not None
        turned[name] = own.model_copy(
            update={
                "win_rate": rate(r.n - (r.numerator or 0), r.n, 1 - r.high, 1 - r.low),
                "bounds": Bounds(low=1 - b.high, high=1 - b.low),
                "wins_a": own.wins_b,
                "wins_b": own.wins_a,
                "verdict": Conclusion.WORSE,
            }
        )
    return turned


def stratum(estimate: Estimate) -> Any:  # noqa: ANN401 - of a stand-in
    one = StratumReport(n=180, win_rate=estimate)
    assert ROW.strata is not None
    return ROW.strata.model_copy(update={"both_right": one})


def length() -> Any:  # noqa: ANN401 - of a stand-in
    base = BASE.length["overall"]
    assert base is not None
    longer, matched = rate(141, 224, 0.563, 0.69), rate(116.5, 200, 0.529, 0.633)
    return base.model_copy(update={"longer_wins": longer, "matched": matched, "adjusted": None})


def silent() -> Report:
    none = row(0, 0, 0, 7, 5, 0.392, 0.667).model_copy(
        update={
            "win_rate": rate(3.75, 7, 0.392, 0.667),
            "bounds": Bounds(low=3.75 / 12, high=8.75 / 12),
            "first_slot": rate(10, 13, 0.405, 0.948),
            "consistency": rate(0, 7, 0, 0.294),
            "signal": Signal.NO_SIGNAL,
            "verdict": Conclusion.INCONCLUSIVE,
            "p_value": 1.0,
        }
    )
    ledger = none.ledger.model_copy(update={"cannot_judge": 5, "missing": {}})
    criteria = dict.fromkeys(COUNTS, none.model_copy(update={"ledger": ledger}))
    return situation(
        criteria,
        judges=("local:SmolLM2-135M-Instruct.Q4_1",),
        models=Models(a="omr-judge authors", b="SmolLM2-135M-Instruct"),
        n_items=12,
        n_judgments=24,
        n_failed=0,
        failures={},
        usd=Decimal(0),
        warnings=("Judge local:SmolLM2-135M-Instruct.Q4_1 shows no signal on overall: as above.",),
    )


def panel() -> Report:
    judges = ("claude-sonnet-5-5", "gpt-6-luna", "qwen3:32b")
    rows = four()
    alone = {
        judges[0]: row(205, 15, 106, 69, 5, 0.581, 0.666),
        judges[1]: row(190, 20, 116, 74, 0, 0.549, 0.634, signal=Signal.SIGNAL),
        judges[2]: row(196, 18, 112, 74, 0, 0.562, 0.647, signal=Signal.TOO_FEW),
    }
    without = {judge: rate(value, 395, None, None) for judge, value in zip(judges, (236, 240, 246), strict=True)}
    return situation(
        rows,
        judges=judges,
        n_judgments=2400,
        pooling=Pooling.MEAN,
        by_judge={judge: {"overall": own} for judge, own in alone.items()},
        judge_sensitivity={"overall": JudgeSensitivity(without=without, random_judges=None)},
    )


def stopped() -> Report:
    found = Sequential(
        look_every=50,
        alpha=0.05,
        evidence=Evidence.CREDITS,
        decided=True,
        winner="a",
        n_looks=3,
        n_looks_planned=8,
        items_asked=150,
        items_planned=400,
        items_missing=0,
        wins=90,
        losses=40,
        estimate=101 / 150,
        low=0.54,
        high=0.79,
        p_value=0.012,
        log10_e=1.9,
        cluster=None,
    )
    criteria = {"overall": row(90, 5, 38, 17, 0, None, None)}
    more = {"n_items": 150, "n_judgments": 300, "n_failed": 0, "failures": {}, "usd": Decimal("1.39")}
    return situation(criteria, sequential=found, n_not_asked=500, **more)


OPEN: dict[str, Any] = {"verdict": Conclusion.INCONCLUSIVE, "p_value": 0.7}
EQUIVALENT: dict[str, Any] = {"verdict": Conclusion.EQUIVALENT, "p_value": 0.7, "equivalence_p": 0.0021}
FEW: dict[str, Any] = OPEN | {"signal": Signal.TOO_FEW, "p_value": 0.625}
SMALL: dict[str, Any] = {"n_items": 4, "n_judgments": 8, "n_failed": 0, "failures": {}, "usd": Decimal("0.02")}
LOST: dict[str, Any] = {"failures": {"refused": 800}, "n_failed": 800, "usd": None}
SITUATIONS = {
    "preferred": situation(
        four(strata=stratum(rate(97.5, 180, 0.479, 0.602))), length=dict.fromkeys(COUNTS) | {"overall": length()}
    ),
    "other-preferred": situation(exchanged(four()), models=Models(a="qwen-base", b="qwen-med")),
    "no-preference": situation({"overall": row(*COUNTS["knowledge"], **OPEN)}),
    "no-signal": silent(),
    "too-few": situation({"overall": row(3, 0, 1, 0, 0, 0.37, 0.94, **FEW)}, **SMALL),
    "unfinished": situation(
        {"overall": row(12, 2, 13, 3, 295, 0.331, 0.626, causes={"not_asked": 295}, **OPEN)},
        n_items=325,
        n_judgments=60,
        n_failed=0,
        failures={},
        n_not_asked=590,
        usd=Decimal("0.28"),
    ),
    "panel": panel(),
    "equivalent": situation({"overall": row(*COUNTS["knowledge"], **EQUIVALENT)}, equivalence=0.06),
    "stopped-early": stopped(),
    "one-order": situation(
        {"overall": row(230, 25, 140, 0, 5, 0.569, 0.658, signal=None)}, orders=Orders.ONE, n_judgments=400
    ),
    "clusters": situation(
        four(), clusters=Clusters(field="patient", n=57), costs={}, usd=None, left_out={"only_a": 75}
    ),
    "nothing-judged": situation({"overall": row(0, 0, 0, 0, 400, None, None, causes={"refused": 400}, **OPEN)}, **LOST),
}
