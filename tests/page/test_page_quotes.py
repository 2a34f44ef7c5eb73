"""The page leads from a quotation to its place in the trace, and puts the doubtful on top, as `list` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import opened, row_outcomes, wait_listed
from command import omr_judge
from msgspec import structs
from run_builder import A_WINS, SPLITS, TIES, make_judgment, make_pair, make_run

from judge.files.files import write_lines
from judge.schema import Order

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) \u202e</mark><script>alert(2)</script>"
LONG = "The rest is long. " * 2500
LATE = "Fünf Zentimeter: 右肺の下葉に腫瘤を認める。"
TRACE = f"The  Lesion\nis benign; it has grown since May.\n{HOSTILE}\n{LONG}\n{LATE}"
EVIDENCE = {
    "plain": ("the lesion IS benign", "nothing like it stands there at all"),
    "parts": ("The lesion is ... It has grown since may", "benign"),
    "late": ("右肺の下葉に 腫瘤を認める", LATE.upper()),
    "hostile": (HOSTILE, "final answer: b or not b"),
}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the page of four items whose traces are the same but for their ends; one item's orders disagree."""
    folder = tmp_path_factory.mktemp("quotes")
    pairs = [make_pair(name) for name in EVIDENCE]
    pairs = [
        structs.replace(
            pair,
            a=structs.replace(pair.a, text=TRACE),
            b=structs.replace(pair.b, text=f"{TRACE} too", answer="B or not B"),
        )
        for pair in pairs
    ]
    run = make_run(folder / "runs/r", dict.fromkeys(EVIDENCE), pairs)
    outcomes = {"plain": TIES, "parts": A_WINS, "late": SPLITS, "hostile": TIES}
    judgments = [
        make_judgment(name, order, verdict, evidence=quoted if order is Order.FORWARD else quoted[::-1])
        for name, quoted in EVIDENCE.items()
        for order, verdict in zip(Order, outcomes[name], strict=True)
    ]
    write_lines(run.judgments_path, judgments)
    omr_judge("report", "r", "--html", "report.html", cwd=folder)
    return folder / "report.html"


def marks(page: Page, side: str) -> list[str]:
    return page.locator(f".trace[data-side={side}] mark").all_inner_texts()


def test_quotations_are_marked_whatever_their_case_and_spaces_and_in_parts(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file, "#item=plain") as page:
        assert marks(page, "a") == ["The  Lesion\nis benign"]
        assert marks(page, "b") == []
        assert "not word for word in the trace" in page.locator(".evidence dd >> nth=1").inner_text()
    with opened(browser, page_file, "#item=parts") as page:
        assert marks(page, "a") == ["it has grown since May"], "the other part has eleven letters"
        assert marks(page, "b") == [], "too short to be looked up"
        assert page.locator(".evidence dd >> nth=1").inner_text() == "benign"


def test_a_key_leads_from_a_quotation_to_its_place_even_where_the_trace_is_folded(
    browser: Browser, page_file: Path
) -> None:
    with opened(browser, page_file, "#item=late") as page:
        assert marks(page, "a") == []
        page.locator(".to-quote").first.focus()
        page.keyboard.press("Enter")
        assert marks(page, "a") == ["右肺の下葉に腫瘤を認める"]
        assert page.evaluate("document.activeElement.textContent") == "右肺の下葉に腫瘤を認める"
        assert page.locator(":focus").evaluate("mark => mark.getBoundingClientRect().top > 0")
        page.locator(".to-quote >> nth=1").press("Enter")
        assert marks(page, "b") == [LATE.rstrip("。")]


def test_hostile_quotations_are_marked_as_text_and_a_quoted_final_answer_needs_no_mark(
    browser: Browser, page_file: Path
) -> None:
    with opened(browser, page_file, "#item=hostile") as page:
        assert marks(page, "a")[0].startswith("img src=x onerror=alert(1")
        assert page.locator("#item :is(img, script)").count() == 0
        text = page.locator(".trace[data-side=a] pre").first.text_content() or ""
        assert text[: TRACE.index(LONG)].startswith(TRACE[: TRACE.index(LONG)].replace("\u202e", "⟨U+202E⟩")[:90])
        assert page.locator(".evidence dd >> nth=1").inner_text() == "final answer: b or not b"


def test_blind_mode_marks_nothing_since_marks_tell_what_the_judge_looked_at(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file, "#item=plain") as page:
        page.click("#blind-mode")
        page.wait_for_selector(".hidden-judges")
        assert page.locator("mark").count() == 0
        assert page.locator(".doubts").count() == 0


def test_the_page_sorts_by_doubt_as_the_list_does_and_says_why(browser: Browser, page_file: Path) -> None:
    told = omr_judge("list", "r", "--json", cwd=page_file.parent).stdout.splitlines()
    listed = [json.loads(line) for line in told]
    with opened(browser, page_file, "#pairs") as page:
        assert list(row_outcomes(page)) == list(EVIDENCE)
        page.select_option("#sort", "doubt")
        wait_listed(page, [one["item"] for one in listed])
        page.keyboard.press("Escape")
        page.locator("#rows a").first.click()
        page.wait_for_selector(".doubts")
        assert page.locator(".doubts").inner_text() == f"Worth a look: {', '.join(listed[0]['doubts'])}"
        page.select_option("#sort", "item")
        wait_listed(page, list(EVIDENCE))
