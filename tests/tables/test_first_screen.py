"""The first screen in twelve situations and three widths, as texts worked out by hand from the counts and the rules.

Lines that begin with `# ` in the texts of 80 columns tell how each figure follows; the program has drawn none of them.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from tables.situations import SITUATIONS

from judge.report.certificate import CertificateStanding, CertificateWord
from judge.report.escalation import EscalationReport
from judge.report.report import Models, Report
from judge.tables.terminal import render_report

SCREENS = Path(__file__).parent / "screens"
WIDTHS = (60, 80, 120)
LINES = 24
INTERVAL = re.compile(r"\[[^\[\]]*\]")


def screen(report: Report, width: int) -> str:
    drawn = io.StringIO()
    console = Console(file=drawn, width=width, highlight=False, markup=False, emoji=False)
    render_report(report, console, run="r1")
    return drawn.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_first_screen_of_a_situation_is_the_text_that_is_kept(name: str, width: int) -> None:
    text = (SCREENS / f"{name}.{width}.txt").read_text(encoding="utf-8")
    by_hand = [line for line in text.splitlines() if not line.startswith("# ")]
    assert screen(SITUATIONS[name], width).splitlines() == by_hand


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_first_screen_fits_its_lines_and_columns_and_parts_no_interval(name: str) -> None:
    report = SITUATIONS[name]
    for width in WIDTHS:
        text = screen(report, width)
        assert all(cell_len(line) <= width for line in text.splitlines())
        assert all(line.count("[") == line.count("]") for line in text.splitlines())
        assert "- %" not in text
        assert "nan" not in text
    assert len(report.judges) > 1 or len(screen(report, 80).splitlines()) <= LINES


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_sentence_names_both_models_and_no_interval_stands_twice_but_the_overall_one(name: str) -> None:
    report = SITUATIONS[name]
    text = screen(report, 120)
    assert report.models.a in text
    found = INTERVAL.findall(text)
    assert len(found) - len(set(found)) <= len(report.criteria) * (name == "no-signal") + 1


def test_exchanged_models_give_the_same_screen_but_for_what_is_told_beside_the_rates() -> None:
    plain = SITUATIONS["preferred"].model_copy(update={"length": {"overall": None}})
    rows = {name: own.model_copy(update={"strata": None}) for name, own in plain.criteria.items()}
    for width in WIDTHS:
        assert screen(SITUATIONS["other-preferred"], width) == screen(
            plain.model_copy(update={"criteria": rows}), width
        )


NOISE = tuple(
    f"Warning number {n} has quite a few words, so that it does not fit a line of the first screen." for n in range(9)
)
LONG = "a-model-whose-name-is-as-long-as-names-of-checkpoints-are-step-00012000"
FULLEST: dict[str, Any] = {
    "left_out": {"only_a": 3, "no_image": 2, "bad_row": 1},
    "n_identical": 7,
    "warnings": NOISE,
    "certificate": CertificateStanding(
        word=CertificateWord.CERTIFIED,
        run="certify-1",
        date="2026-02-03",
        detail="caught 0.93, 0.91 and 0.88 of errors",
    ),
    "escalation": EscalationReport(first="small", second="large", n_escalated=41, n_not_asked=3, first_alone={}),
}
MANY = {f"criterion-{n:02}": SITUATIONS["preferred"].criteria["overall"] for n in range(30)}


@pytest.mark.parametrize("name", [name for name, report in SITUATIONS.items() if len(report.judges) == 1])
@pytest.mark.parametrize("field", ["none", "models", "criteria"])
def test_the_first_screen_of_one_judge_fits_whatever_there_is_to_say(name: str, field: str) -> None:
    report = SITUATIONS[name].model_copy(update=FULLEST)
    if field == "models":
        report = report.model_copy(update={"models": Models(a=LONG, b=f"{LONG}-b")})
    if field == "criteria":
        position = dict.fromkeys(MANY, report.position["overall"]) | report.position
        criteria, length = MANY | report.criteria, dict.fromkeys(MANY) | report.length
        report = report.model_copy(update={"criteria": criteria, "position": position, "length": length})
    text = screen(report, 80)
    assert len(text.splitlines()) <= LINES
    assert re.search(r"^\d+ more notes?: --full$", text, re.MULTILINE)
    assert re.search(r"^overall ", text, re.MULTILINE)
    assert bool(re.search(r"^\(\d+ more: --full\)$", text, re.MULTILINE)) >= (field == "criteria")
