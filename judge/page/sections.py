"""Sections of a page's first screen: sentences, and rows of numbers for its tables and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from judge.costs.cost_words import dollars
from judge.enums import Orders
from judge.files.files import as_json_bytes
from judge.tables import first_screen, reliability_words, words
from judge.tables.control_tables import control_lines, control_tables
from judge.tables.notes import INPUT, LEFT_OUT
from judge.tables.tables import STRATA
from judge.tables.words import percent

if TYPE_CHECKING:
    from judge.costs.cost_words import Costed
    from judge.outcomes.rates import Estimate
    from judge.report.criterion import CriterionReport
    from judge.report.report import Report
    from judge.runs.manifest import Manifest
    from judge.scoring.score_report import ScoreReport

WIDE = 100.0
"""percent of a plot's width"""


class Plotted(NamedTuple):
    """A row of the forest plot; positions are percent of the plot's width, None where nothing was counted."""

    name: str
    rate: str
    at: float | None
    low: float | None
    width: float | None
    n: int
    note: str = ""

    @property
    def side(self) -> str:
        """The model on whose side of one half the whole interval lies: a, b, or neither."""
        if self.low is None or self.width is None:
            return ""
        return "a" if self.low > WIDE / 2 else "b" if self.low + self.width < WIDE / 2 else ""


class Part(NamedTuple):
    """A segment of a bar of item counts; positions are percent of the bar's width."""

    kind: str
    """a word of docs/architecture.md: a, b, tie, split or missing"""
    items: int
    start: float
    width: float


def sections(report: Report, manifest: Manifest) -> dict[str, Any]:
    """Return what the template of the report shows, by name."""
    overall = list(report.criteria)[-1]
    length, agreement, sensitivity = report.length[overall], report.agreement[overall], report.judge_sensitivity
    components = report.variance_components
    identical = [("identical traces", f"{report.n_identical:,}")] if report.n_identical else []
    panels = {"": report.criteria, **report.by_judge}
    return {
        "claim": first_screen.headline(report, "")[0],
        "worth": [line for line in first_screen.judge_lines(report) if not line.startswith((" ", "A judge"))],
        "trust": words.trust(report),
        "conclusion": words.conclusion(report),
        "names": dict(zip("ab", report.models.names, strict=True)),
        "overall": overall,
        "both": report.orders is Orders.BOTH,
        "counts": judgment_counts(report) + identical,
        "panels": panels,
        "plots": {view: [plotted(n, row.win_rate) for n, row in own.items()] for view, own in panels.items()},
        "subgroups": {
            field: [subgroup(value, own.win_rate[overall], small=own.small) for value, own in values.items()]
            for field, values in report.subgroups.items()
        },
        "interactions": {field: " ".join(told) for field, told in _checks(report).items() if told},
        "bars": {name: bar(row, report.n_items) for name, row in report.criteria.items()},
        "ledgers": [words.ledger(name, row) for name, row in report.criteria.items()],
        "consistency": [_agreeing(name, row) for name, row in report.criteria.items()],
        "first_slot": [plotted(name, row.first_slot) for name, row in report.criteria.items()],
        "leanings": [
            *words.position(overall, report.position[overall]),
            *([words.length(overall, length)] if length else []),
            *([reliability_words.agreement(overall, agreement)] if agreement else []),
            *(
                [reliability_words.judge_sensitivity(overall, sensitivity[overall], report.criteria[overall].win_rate)]
                if sensitivity
                else []
            ),
            *([reliability_words.variance(overall, components[overall])] if components else []),
            *([reliability_words.halo(report.halo)] if report.halo else []),
        ],
        "strata": _strata(report),
        "controls": list(control_tables(report)),
        "control_plots": _control_plots(report),
        "control_lines": control_lines(report),
        "spending": spending(report),
        "manifest_json": as_json_bytes(manifest.model_dump(mode="json", by_alias=True)).decode(),
    }


def _control_plots(report: Report) -> dict[str, list[Plotted]]:
    """Return by control, and judge where there are several, the share of pairs with another outcome."""
    return {
        f"{kind}{f', {judge}' if len(report.judges) > 1 else ''}": [
            plotted(name, own.changed, own.effect or "") for name, own in criteria.items()
        ]
        for kind, control in (report.controls or {}).items()
        for judge, criteria in control.moved.items()
    }


def _checks(report: Report) -> dict[str, list[str]]:
    """Return what is said of the values of each field together."""
    told = (words.interaction(report), words.standardised(report))
    return {field: [own[field] for own in told if field in own] for field in report.subgroups}


def plotted(name: str, rate: Estimate, note: str = "") -> Plotted:
    """Return the position of a rate and its interval on a scale from 0 to 100 %."""
    at = None if rate.estimate is None else round(WIDE * rate.estimate, 2)
    if rate.low is None or rate.high is None:
        return Plotted(name, percent(rate), at, None, None, round(rate.n), note)
    low, width = round(WIDE * rate.low, 2), round(WIDE * (rate.high - rate.low), 2)
    return Plotted(name, percent(rate), at, low, width, round(rate.n), note)


def bar(row: CriterionReport, n_items: int) -> list[Part]:
    """Return the outcomes of a criterion as segments of one bar."""
    counts = {"a": row.wins_a, "tie": row.ties, "split": row.splits, "b": row.wins_b, "missing": row.missing}
    parts, start = [], 0.0
    for kind, count in counts.items():
        width = WIDE * count / n_items if n_items else 0.0
        if count:
            parts.append(Part(kind, count, round(start, 3), round(width, 3)))
        start += width
    return parts


def subgroup(value: str, rate: Estimate, *, small: bool) -> Plotted:
    """Return the row of a subgroup, with a note where it has few items."""
    return plotted(value, rate, "few items: read nothing into it" if small else "")


def _agreeing(name: str, row: CriterionReport) -> Plotted:
    """Return the position consistency of a criterion, noted with what chance would give and the signal."""
    chance = "" if row.chance_consistency is None else f"by chance {WIDE * row.chance_consistency:.1f}; "
    return plotted(name, row.consistency, f"{chance}{row.signal or 'no signal to tell'}")


def _strata(report: Report) -> dict[str, Any] | None:
    """Return the rates by whose final answer is right; None where the items have no answers."""
    known = {name: row.strata for name, row in report.criteria.items() if row.strata}
    if not known:
        return None
    a, b = report.models.names
    titles = dict(STRATA) | {"only_a_right": f"only {a} right", "only_b_right": f"only {b} right"}
    last = list(known.values())[-1]
    return {
        "plot": [plotted(title, getattr(last, stratum).win_rate) for stratum, title in titles.items()],
        "titles": list(titles.values()),
        "rows": {
            name: [words.counted(getattr(row, stratum).win_rate) for stratum in STRATA] for name, row in known.items()
        },
        "sizes": [getattr(last, stratum).n for stratum in STRATA],
        "unreadable": last.unreadable,
        "answer_only": words.percent_sign(words.counted(last.answer_only)),
    }


def judgment_counts(report: Report | ScoreReport) -> list[tuple[str, str]]:
    """Return the counts of items and judgments of a report of any kind, each with its name."""
    failures = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in report.failures.items())
    optional = {
        "not asked yet": report.n_not_asked,
        **{f"left out: {LEFT_OUT[reason]}": count for reason, count in report.left_out.items()},
        **{INPUT[name]: count for name, count in getattr(report, "input_counts", {}).items()},
    }
    return [
        ("items", f"{report.n_items:,}"),
        ("judgments", f"{report.n_judgments:,}"),
        (f"failed ({failures})" if failures else "failed", f"{report.n_failed:,}"),
        *((name, f"{count:,}") for name, count in optional.items() if count),
    ]


def spending(report: Costed) -> dict[str, list[str]]:
    """Return by judge: input tokens, those from a cache, output tokens, those of reasoning, US dollars."""
    return {
        judge: [
            *(f"{count:,}" for count in (cost.input_tokens, cost.cache_read, cost.output_tokens, cost.reasoning)),
            "unknown" if cost.usd is None else dollars(cost.usd),
        ]
        for judge, cost in report.costs.items()
    }
