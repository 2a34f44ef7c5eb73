"""The first screen in twelve situations and three widths, as texts that were written beside the rules."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from tables.situations import SITUATIONS

from judge.report.report import Report
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
    assert screen(SITUATIONS[name], width) == (SCREENS / f"{name}.{width}.txt").read_text(encoding="utf-8")


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
