"""Render one scored trace: its checklist with each unit's verdicts, and the course of each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.table import Table
from rich.text import Text

from judge.audit.audited_case import TRACE, describe_case, describe_reading
from judge.audit.read_run import case_prompts
from judge.audit.render_parts import (
    journey_lines,
    render_columns,
    render_next,
    render_question,
    render_raw,
    say,
    trace_text,
)
from judge.enums import FailureMode
from judge.files.safe_text import safe
from judge.schema import Group
from judge.scoring.scores import Standing

if TYPE_CHECKING:
    from rich.console import Console

    from judge.audit.audited_case import ScoreFindings
    from judge.audit.audited_item import Journey
    from judge.runs.manifest import ScoreManifest
    from judge.schema import Case

PRESENCE = ("absent", "vague", "asserted")
CORRECTNESS = {-1: "wrong", 0: "undecided", 1: "right"}
CONSISTENCY = {-1: "contradicted", 0: "not taken up", 1: "consistent"}
GROUNDED = {True: "grounded", False: "not grounded", None: ""}
"""of a unit that needs no premise nothing is said"""


class ShownCase(NamedTuple):
    """Everything about one scored trace."""

    manifest: ScoreManifest
    """of its run"""
    run: str
    case: Case
    found: ScoreFindings
    asked: Sequence[Journey]
    following: str | None
    """the next item by trace score"""


def render_case(shown: ShownCase, console: Console, *, raw: bool) -> None:
    """Render the trace and its units; with `raw`, what was sent and what came back too."""
    told = describe_case(shown.case, shown.found)
    say(console, f"Item {shown.case.item.id}", "bold")
    render_question(told, shown.case.item, console)
    render_columns([shown.manifest.model], [trace_text(told[TRACE], known=told["answer"] is not None)], console)
    for group in Group:
        if told["groups"][group]["units"]:
            _render_group(group, told["groups"][group], shown, console)
    say(console, f"Trace score: {_percent(told['trace_score'])}", "bold")
    prompts = case_prompts(shown.manifest, shown.case) if raw else {}
    for journey in shown.asked:
        judgment = journey.judgment
        say(console, "\n".join(journey_lines(f"{judgment.judge}, {judgment.group}", journey)))
        if raw:
            render_raw(judgment, prompts.get(judgment.key), shown.manifest.repair, console)
    render_next(shown.run, shown.following, console, all_of="traces", by="trace score")


def _render_group(group: Group, told: Mapping[str, Any], shown: ShownCase, console: Console) -> None:
    """Render a row for each unit of a group and reading of it."""
    scored = told["standing"] == Standing.SCORED.value
    say(console, f"{group}: {_percent(told['score']) if scored else told['standing'].replace('_', ' ')}", "bold")
    own = [describe_reading(journey, shown.found) for journey in shown.asked if journey.judgment.group == group]
    table = Table(expand=True)
    for title, ratio in {"unit": 4, "judge": 2, "what is wrong": 2, "said": 3, "evidence": 4}.items():
        table.add_column(title, ratio=ratio, overflow="fold")
    for unit in told["units"]:
        for reading in own or [{}]:
            cells = [f"{unit['id']} ({unit['importance']}): {unit['claim']}", *_reading(unit["id"], reading)]
            table.add_row(*(Text(safe(cell)) for cell in cells))
    console.print(table)


def _reading(unit: str, told: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return a unit's reading as cells: judge, failure mode, verdict, quotation."""
    if not told:
        return "-", "not asked", "-", "-"
    who = f"{told['judge']}, sample {told['sample'] + 1}"
    if "failure" in told:
        return who, FailureMode.JUDGE_ERROR.replace("_", " "), f"failed: {told['failure']['kind']}", "-"
    verdict = told["units"][unit]
    said = [PRESENCE[verdict["presence"]]]
    if verdict["presence"]:
        said += [CORRECTNESS[verdict["correctness"]], CONSISTENCY[verdict["consistency"]]]
        said += [GROUNDED[verdict.get("grounded")]]
    quotation = told["evidence"].get(unit, {}).get(TRACE, "")
    return who, verdict["mode"].replace("_", " "), ", ".join(filter(None, said)), quotation or "-"


def _percent(share: float | None) -> str:
    """Return a share in percent; "none" where there is none."""
    return "none" if share is None else f"{100 * share:.1f} %"
