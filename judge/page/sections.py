"""Sections of a page's first screen: sentences, and rows of numbers for its tables and plots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from judge.costs.cost_words import dollars
from judge.enums import Orders, Stratum
from judge.files.files import as_json_bytes
from judge.page.control_sections import control_plots, tables_by_name
from judge.page.plots import Forest, Plotted, around_even, plotted, shares, versus
from judge.tables import first_screen, notes, reliability_words, words
from judge.tables.control_tables import control_lines
from judge.tables.notes import INPUT, LEFT_OUT
from judge.tables.tables import STRATA

if TYPE_CHECKING:
    from judge.costs.cost_words import Costed
    from judge.outcomes.rates import Estimate
    from judge.report.criterion import CriterionReport
    from judge.report.report import Report
    from judge.runs.manifest import Manifest
    from judge.scoring.score_report import ScoreReport

WIDE = 100.0
"""percent of a bar's width"""
PHONE, DESK = 340, 800
"""pixels of a bar's width"""
DIGIT = 9
"""pixels of a digit's width"""


class Part(NamedTuple):
    """A segment of a bar of item counts; positions are percent of the bar's width."""

    kind: str
    """a word of docs/architecture.md: a, b, tie, split or missing"""
    items: int
    start: float
    width: float

    @property
    def room(self) -> str:
        """Where its number fits into it: `wide` everywhere, `tight` on a desk alone, or empty."""
        needed = WIDE * DIGIT * (1 + len(str(self.items)))
        return "wide" if self.width * PHONE > needed else "tight" if self.width * DESK > needed else ""


def sections(run: str, report: Report, manifest: Manifest) -> dict[str, Any]:
    """Return what the template of the report shows, by name."""
    names, overall = report.models.names, list(report.criteria)[-1]
    claim, *advice = first_screen.headline(report, run)
    warned = {warning.removesuffix(".") for warning in report.warnings}
    judges = [plotted(judge, own[overall].win_rate) for judge, own in report.by_judge.items()]
    return {
        "claim": parted(claim, names),
        "worth": [line for line in first_screen.judge_lines(report) if not line.startswith((" ", "A judge"))],
        "trust": [*words.trust(report), *advice],
        "names": dict(zip("ab", names, strict=True)),
        "overall": overall,
        "both": report.orders is Orders.BOTH,
        "counts": judgment_counts(report),
        "notes": [note for note in notes.notes(report) if note.removesuffix(".") not in warned],
        "win_rates": _win_rates(report.criteria, names),
        "judges": versus("judge", judges, names) if judges else None,
        "alone": {judge: _win_rates(own, names) for judge, own in report.by_judge.items()},
        "subgroups": {
            field: versus(
                field,
                [subgroup(value, own.win_rate[overall], small=own.small) for value, own in values.items()],
                names,
            )
            for field, values in report.subgroups.items()
        },
        "interactions": {field: " ".join(told) for field, told in _checks(report).items() if told},
        "bars": {name: bar(row, report.n_items) for name, row in report.criteria.items()},
        "ledgers": [words.ledger(name, row, names[0]) for name, row in report.criteria.items()],
        "consistency": shares(
            "criterion",
            "Position consistency, %; the thin mark is what chance would give",
            [_agreeing(name, row) for name, row in report.criteria.items()],
        ),
        "first_slot": _first_slot(report),
        "figures": _figures(report, overall),
        "strata": _strata(report),
        "controls": tables_by_name(report),
        "control_plots": control_plots(report),
        "control_lines": control_lines(report),
        "spending": spending(report),
        "manifest_json": as_json_bytes(manifest.model_dump(mode="json", by_alias=True)).decode(),
    }


def parted(text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return a text in parts, each with the side whose model it names: a, b, or neither."""
    sides = {name: "ab"[place] if place < len("ab") else "more" for place, name in enumerate(names)}
    longest_first = "|".join(re.escape(name) for name in sorted(sides, key=len, reverse=True))
    parts = re.split(rf"(?<![\w-])({longest_first})(?![\w-])", text)
    return [(part, sides[part] if place % 2 else "") for place, part in enumerate(parts) if part]


def _win_rates(criteria: Mapping[str, CriterionReport], names: Sequence[str]) -> Forest:
    return versus("criterion", [plotted(name, row.win_rate) for name, row in criteria.items()], names)


def _first_slot(report: Report) -> Forest:
    rows = [plotted(name, row.first_slot) for name, row in report.criteria.items()]
    ends = ("second slot", "first slot")
    return Forest("criterion", "Verdicts for the trace shown first, %", rows, around_even(rows), "verdicts", ends)


def _figures(report: Report, overall: str) -> list[str]:
    """Return what else is known of the judge, in sentences."""
    name, length, agreement = report.models.names[0], report.length[overall], report.agreement[overall]
    told = words.position(overall, report.position[overall], name)
    if length:
        told.append(words.length(overall, length, name))
    if agreement:
        told.append(reliability_words.agreement(overall, agreement))
    if report.judge_sensitivity:
        found = report.judge_sensitivity[overall]
        told.append(reliability_words.judge_sensitivity(overall, found, report.criteria[overall].win_rate))
    if report.variance_components:
        told.append(reliability_words.variance(overall, report.variance_components[overall]))
    if report.halo:
        told.append(reliability_words.halo(report.halo))
    return [line for line in told if line]


def _checks(report: Report) -> dict[str, list[str]]:
    """Return what is said of the values of each field together."""
    told = (words.interaction(report), words.standardised(report))
    return {field: [own[field] for own in told if field in own] for field in report.subgroups}


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
    """Return the position consistency of a criterion, with what chance would give and the signal."""
    chance = "" if row.chance_consistency is None else f"by chance {100 * row.chance_consistency:.1f}; "
    return plotted(name, row.consistency, f"{chance}{row.signal or 'no signal to tell'}", row.chance_consistency)


def _strata(report: Report) -> dict[str, Any] | None:
    """Return the rates by whose final answer is right; None where the items have no answers."""
    known = {name: row.strata for name, row in report.criteria.items() if row.strata}
    if not known:
        return None
    names = report.models.names
    titles = STRATA | {"only_a_right": f"only {names[0]} right", "only_b_right": f"only {names[1]} right"}
    rates = {name: {one: getattr(own, one).win_rate for one in Stratum} for name, own in known.items()}
    rates |= {name: {one: own[one].win_rate for one in Stratum} for name, own in words.letters_alike(report).items()}
    plots = {
        name: versus("final answers", [plotted(titles[one], rate) for one, rate in own.items()], names)
        for name, own in rates.items()
    }
    last = list(known.values())[-1]
    return {
        "overall": plots[list(known)[-1]],
        "others": {name: plot for name, plot in plots.items() if name != list(known)[-1]},
        "unreadable": last.unreadable,
        "answer_only": words.percent_sign(words.counted(last.answer_only)),
    }


def judgment_counts(report: Report | ScoreReport) -> list[tuple[str, str]]:
    """Return the counts of items and judgments of a report of any kind, each with its name."""
    failures = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in report.failures.items())
    optional = {
        "with identical traces": getattr(report, "n_identical", 0),
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
