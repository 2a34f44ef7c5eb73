"""Verdicts stand beside the traces on a desk and above them on a phone; thinking is folded until a reader wants it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import DESKTOP, PHONE, opened, violations
from command import omr_judge
from msgspec import structs
from run_builder import A_WINS, make_judgment, make_pair, make_run

from judge.files.files import write_lines
from judge.schema import Order

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator

LONG_NAME = "vendor/a-very-long-model-name-that-no-line-of-a-phone-can-hold-instruct-2026-11-30"
THOUGHT = "The pulse is weak, and the lactate is raised. " * 40
FINAL = "Fluids come first in septic shock."
ITEMS = ("q1", "q2")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layout")
    pairs = [make_pair(name) for name in ITEMS]
    pairs = [
        structs.replace(
            pair,
            a=structs.replace(pair.a, text=THOUGHT, final=FINAL, model=LONG_NAME),
            b=structs.replace(pair.b, text=THOUGHT, final=f"{FINAL} So say I."),
        )
        for pair in pairs
    ]
    run = make_run(folder / "runs/r", dict.fromkeys(ITEMS), pairs)
    quoted = ("The pulse is weak, and the lactate is raised", FINAL)
    write_lines(
        run.judgments_path,
        [
            make_judgment(name, order, verdict, evidence=quoted)
            for name in ITEMS
            for order, verdict in zip(Order, A_WINS, strict=True)
        ],
    )
    omr_judge("report", "r", "--html", "report.html", cwd=folder)
    return folder / "report.html"


def place(element: Locator) -> FloatRect:
    found = element.bounding_box()
    assert found is not None
    return found


def test_verdicts_stand_beside_the_traces_on_a_desk_and_folded_above_them_where_there_is_no_room(
    browser: Browser, page_file: Path
) -> None:
    with opened(browser, page_file, "#item=q1", viewport=DESKTOP) as page:
        said, traces = place(page.locator(".verdicts")), place(page.locator(".traces"))
        assert said["x"] >= traces["x"] + traces["width"]
        assert abs(said["y"] - traces["y"]) < 1
        assert page.locator(".criterion:not([open])").count() == 0
        assert page.locator(".evidence").first.is_visible()
        page.click("#label-mode")
        page.wait_for_selector(".label-panel")
        panel, traces = place(page.locator(".label-panel")), place(page.locator(".traces"))
        assert panel["x"] >= traces["x"] + traces["width"], "labels are given with the traces in view"
    with opened(browser, page_file, "#item=q1", viewport=PHONE) as page:
        said, traces = place(page.locator(".verdicts")), place(page.locator(".traces"))
        assert said["y"] + said["height"] <= traces["y"]
        assert page.locator(".criterion[open]").count() == 0
        assert page.locator(".criterion > summary .badge").first.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.locator(".criterion > summary").first.click()
        page.locator(".evidence").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert violations(page) == []


def test_thinking_is_folded_until_a_reader_unfolds_it_and_stays_so_on_the_next_pair(
    browser: Browser, page_file: Path
) -> None:
    with opened(browser, page_file, "#item=q1") as page:
        thinking = page.locator(".thinking")
        assert thinking.evaluate_all("boxes => boxes.map(box => box.open)") == [False, False]
        assert thinking.first.locator("summary").inner_text() == f"Thinking ({len(THOUGHT):,} characters, 1 quoted)"
        assert page.locator(".trace", has_text=FINAL).count() == 2
        thinking.last.locator("summary").click()
        assert thinking.evaluate_all("boxes => boxes.map(box => box.open)") == [True, True]
        page.keyboard.press("j")
        page.wait_for_function("() => document.querySelector('#item-title').textContent === 'q2'")
        assert thinking.evaluate_all("boxes => boxes.map(box => box.open)") == [True, True]
        thinking.first.locator("summary").click()
        page.locator(".to-quote").first.click()
        assert page.evaluate("document.activeElement.localName") == "mark", "a quotation unfolds what it leads to"


def test_on_paper_nothing_of_a_pair_is_folded_but_what_was_sent(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file, "#item=q1", viewport=PHONE) as page:
        page.emulate_media(media="print")
        assert page.locator(".evidence").first.is_visible()
        assert place(page.locator(".thinking .text").first)["height"] > 0
        assert place(page.locator(".verdicts"))["height"] >= place(page.locator(".criterion").first)["height"] * 2
