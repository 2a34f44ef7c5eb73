"""The first screen of a score: the sentence first, twenty-four lines, and no figure that does not exist."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from judge.outcomes.rates import Estimate
from judge.scoring.score_document import render_scores
from judge.scoring.score_report import ScoreReport

KEPT = Path(__file__).parents[1] / "kept/reports/score-a/report.json"
SCORE = ScoreReport.model_validate_json(KEPT.read_bytes())
NOTHING = Estimate(estimate=None, low=None, high=None, n=0)
BY_HAND = """\
alpha-7b has a trace score of 30.4 % [12.0, 58.3] over 7 traces; answer accuracy
30.0 % [10.4, 61.2] over 20 traces.
Judge openai:m.

group       presence  correctness  consistency              score
perception      70.0         55.0         70.0  43.8 [15.9, 76.2]
knowledge       47.4         41.7         58.3   18.4 [5.1, 48.7]
rationale       65.0         43.3         73.3  26.7 [14.8, 43.1]

1 final answer cannot be read, and counts as not right.
No judge could be shown the images of 7 of 20 items: these have no perception
figures and no trace score.
Failure modes of 86 units: omission 18, judge error 17, factual error 13, chain
break 12.
20 items, 53 judgments, 9 failed (3 refused, 6 unparsed), $0.05.
Percent: means over scored traces, with 95 % intervals over clusters (image).
--full has the rest.

Next: omr-judge view r · omr-judge list r · omr-judge report r --format latex
"""
"""2.125/7 = 30.36, 6/20 = 30.0; 18 + 17 + 13 + 12 of 86 units are not ok, the other 26 are"""


def drawn(width: int = 80, *, full: bool = False, **changed: Any) -> str:  # noqa: ANN401 - figures of any field
    made = io.StringIO()
    console = Console(file=made, width=width, highlight=False, markup=False, emoji=False)
    render_scores(SCORE.model_copy(update=changed), console, run="r", full=full)
    return made.getvalue()


def test_the_first_screen_of_a_score_is_the_text_worked_out_by_hand() -> None:
    assert drawn() == BY_HAND


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_score_fits_the_width_and_twenty_four_lines_whatever_there_is_to_say(width: int) -> None:
    warnings = tuple(
        f"Warning number {n} has quite a few words, more than a line of the first screen." for n in range(9)
    )
    text = drawn(width, warnings=warnings, n_not_asked=7, left_out={"no_checklist": 2}, n_without_answer=1)
    assert all(len(line) <= width for line in text.splitlines())
    assert len(text.splitlines()) <= 24 + 6 * (width < 80)
    assert text.startswith("Not finished: 53 of 60 calls made. So far alpha-7b has")
    assert re.search(r"^\d+ more notes?: --full$", text, re.MULTILINE)
    assert ("scored" in text.splitlines()[5 + (width < 80)]) == (width == 120) or width == 60


def test_a_score_of_nothing_has_no_figure() -> None:
    text = " ".join(drawn(trace_score=NOTHING, answer_accuracy=NOTHING).split())
    assert text.startswith(
        "alpha-7b: no trace has a score in every group of its checklist, so there is no trace score."
    )
    assert "- %" not in text


def test_on_request_everything_is_there() -> None:
    text = drawn(full=True)
    assert text.startswith("alpha-7b has a trace score of 30.4 % [12.0, 58.3] over 7 traces")
    assert all(title in text for title in ("Whole traces", "What is wrong with the units", "How it stands"))
