"""The page of a score, in Chromium: what it says, filters, permalinks, access, and hostile texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from browsing import PHONE, counted_filters, drawn_rates, opened, shown_text, violations, wait_listed, wait_ready
from command import omr_judge, report_of
from page.test_page import PAYLOADS, SHORT, SHOW_ITEM, go, press, title, unpacked, visible_like_python
from provider_server import Call
from score_runs import MODEL, REFUSED, TRACES, make_score, score_item, three_traces
from scoring.test_score_command import CHECKLIST

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MODES = {"q1": "ok", "q2": "omission factual_error", REFUSED: "judge_error omission"}
"""by hand, in the order in which they apply"""


class Site(NamedTuple):
    """A score that the real command made, its page, and what its judge was asked."""

    run: Path
    page: Path
    calls: list[Call]
    report: dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    calls = three_traces(folder)
    omr_judge("report", "s", "--html", "score.html", "--by", "site", cwd=folder)
    return Site(folder / "runs/s", folder / "score.html", calls, report_of(folder / "runs/s"))


def row_modes(page: Page) -> dict[str, str]:
    """Return the documented contract's failure modes of every row listed, by item."""
    found: list[list[str]] = page.eval_on_selector_all(
        "#rows [data-item]", "rows => rows.map(row => [row.dataset.item, row.dataset.mode])"
    )
    return {row[0]: row[1] for row in found}


def test_the_first_screen_says_what_the_report_says(browser: Browser, site: Site) -> None:
    terminal = " ".join(omr_judge("report", "s", cwd=site.page.parent).stdout.split())
    with opened(browser, site.page) as page:
        assert page.locator("#claim").inner_text().replace("\u00a0", " ") in terminal
        dots = drawn_rates(page, ".forest")
        modes = page.locator("section:has(#h-modes) tbody tr").all_inner_texts()
        text = shown_text(page, "#report")
    totals = [site.report[name]["estimate"] for name in ("trace_score", "answer_accuracy", "right_and_grounded")]
    assert dots[:3] == pytest.approx([100 * total for total in totals], abs=0.01)
    assert totals == pytest.approx([5 / 6, 1 / 3, 0.5], abs=1e-5)
    scores = [row.split() for row in modes]
    assert scores[-1] == ["all", "2", "4", "1", "0", "0", "0", "8"]
    assert all(word in text for word in (MODEL, "openai:judge-1", "pkr-rationale.v1", "refused 1", "hand", "foot"))


def test_rows_carry_what_is_wrong_and_the_group_decides_what_filters_count(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, "#traces") as page:
        assert row_modes(page) == MODES
        assert page.locator("#rows .badge").all_inner_texts() == ["100.0", "66.7", "no score"]
        facets = dict(
            zip(
                page.locator("#facets .choice span[dir]").all_inner_texts(),
                page.locator("#facets .choice .number").all_inner_texts(),
                strict=True,
            )
        )
        assert facets == {"judge error": "1", "omission": "2", "factual error": "1", "nothing wrong": "1"}
        page.select_option("#group", "knowledge")
        assert page.locator("#rows .badge").all_inner_texts() == ["100.0", "100.0", "0.0"]
        page.locator("label.choice", has_text="omission").locator("input").check()
        assert row_modes(page) == {REFUSED: MODES[REFUSED]}, "the contract names the modes of all groups"
        page.click("#clear")
        page.select_option("#group", "")
        page.select_option("#sort", "low")
        assert list(row_modes(page)) == ["q2", "q1", REFUSED]
        page.select_option("#sort", "high")
        assert list(row_modes(page)) == ["q1", "q2", REFUSED]


def test_every_count_beside_a_filter_is_the_number_of_rows_that_it_lets_through(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, "#traces") as page:
        page.locator("#more summary").first.click()
        for facet in page.locator("#more-facets > details").all():
            facet.locator("summary").click()
        titles = page.locator("#more-facets > details > summary").all_inner_texts()
        assert titles == ["Final answer", "Failure", "site", "serial"]
        for name, number, listed, count in counted_filters(page):
            assert (listed, count) == (number, f"{number} of 3 traces"), name
        for answer, item in (("right", "q1"), ("wrong", "q2"), ("cannot be read", REFUSED)):
            box = page.locator("#more-facets label.choice", has_text=answer).locator("input")
            box.check()
            assert list(row_modes(page)) == [item]
            box.uncheck()


def test_search_keys_and_permalinks_reach_every_trace(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, "#traces") as page:
        for query, found in (
            ("NOT DARK", ["q2"]),
            ("rather not", [REFUSED]),
            ("fact 3 of", [REFUSED]),
            ("so it is old", list(TRACES)),
        ):
            page.fill("#search", query)
            wait_listed(page, found)
        page.fill("#search", "")
        wait_listed(page, list(TRACES))
        page.locator("#search").blur()
        press(page, "j", "q1")
        press(page, "j", "q2")
        press(page, "k", "q1")
        page.keyboard.press("k")
        assert page.locator("#said").inner_text() == "This is the first of the traces listed"
        page.locator("#rows a", has_text=REFUSED).click()
        page.wait_for_function("id => document.querySelector('#item-title').textContent === id", arg=REFUSED)
        page.reload()
        wait_ready(page)
        assert title(page) == REFUSED


def test_a_trace_stands_beside_its_checklist_with_verdicts_evidence_and_what_was_sent(
    browser: Browser, site: Site
) -> None:
    with opened(browser, site.page, "#item=q2") as page:
        assert page.locator(".options .right").inner_text().split() == ["A", "one", "✓", "reference"]
        assert page.locator(".options li").nth(1).inner_text().split() == ["B", "two", "chosen"]
        assert "Answer: B ✗ wrong" in shown_text(page, ".trace")
        assert page.locator(".picture img").count() == 1
        units = page.locator(".unit")
        assert units.count() == 5
        modes = page.locator(".unit-reading").evaluate_all("readings => readings.map(one => one.dataset.mode)")
        assert modes == ["ok", "factual_error", "ok", "ok", "omission"]
        told = page.locator('[data-unit="u2"] .told').all_inner_texts()
        assert told == ["asserted", "wrong", "consistent"]
        assert page.locator('[data-unit="u5"] .told').all_inner_texts() == ["absent"]
        assert page.locator('[data-unit="u4"] .told').all_inner_texts()[-1] == "grounded"
        assert page.locator("mark").all_inner_texts() == ["lines are bone", "so it is a fracture"]
        page.locator('[data-unit="u3"] .to-quote').click()
        assert page.evaluate("document.activeElement.textContent") == "lines are bone"
        assert page.locator(".figures tbody tr").nth(0).inner_text().split() == [
            *("perception", "100.0", "50.0", "100.0", "50.0")
        ]
        sent = set()
        for box in page.locator(".exchange").all():
            box.locator("summary").click()
            box.locator("pre").nth(3).wait_for()
            system, shared, rest, reply = (pre.text_content() or "" for pre in box.locator("pre").all())
            sent.add((system, f"{shared}\n{rest}"))
            assert json.loads(reply)
        assert sent == {(call.system, call.user) for call in site.calls if "Question 2" in call.user}


def test_what_was_not_judged_says_why_and_is_no_absence(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, f"#item={REFUSED}") as page:
        lost = page.locator('[data-group="rationale"]')
        assert lost.locator(".badge").all_inner_texts() == ["judge error"] * 2
        assert "refused: I would rather not." in lost.inner_text()
        assert page.locator(".figures tbody tr").nth(2).inner_text().split() == ["rationale", "missing"]


def test_a_panel_and_its_samples_stand_apart_and_unseen_images_are_named(browser: Browser, tmp_path: Path) -> None:
    items = [score_item("q1", "Question 1: what?", subgroup={"site": "hand"})]
    traces = [{"id": "q1", "trace": TRACES["q1"][0], "model": MODEL, "answer": "A"}]
    make_score(tmp_path, items, traces, "--samples", "2", models=("judge-1", "judge-2"))
    omr_judge("report", "s", "--html", "score.html", cwd=tmp_path)
    with opened(browser, tmp_path / "score.html", "#item=q1") as page:
        assert "Not asked: no judge could be shown the images." in shown_text(page, '[data-group="perception"]')
        assert page.locator('[data-unit="u3"] .order-name').all_inner_texts() == [
            "openai:judge-1",
            "openai:judge-1, sample 2",
            "openai:judge-2",
            "openai:judge-2, sample 2",
        ]
        assert "images not seen" in shown_text(page, ".figures")
        assert page.locator("#rows .badge").all_inner_texts() == ["no score"]
        go(page, "report")
        alone = page.locator("#report details", has_text="judge-2 alone")
        alone.locator("summary").click()
        assert "rationale: score" in alone.inner_text()


@pytest.mark.slow
def test_axe_finds_nothing_wrong_in_any_view_light_or_dark_at_desk_or_phone_width(browser: Browser, site: Site) -> None:
    with opened(browser, site.page) as page:
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert violations(page) == []
        for item in ("q2", REFUSED):
            go(page, f"item={item}")
            page.locator(".exchange summary").first.click()
            assert violations(page) == []
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert violations(page) == []
        go(page, "traces")
        page.click("#help-open")
        assert violations(page) == []


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, viewport=PHONE) as page:
        for hash_ in ("report", "traces", "item=q2", f"item={REFUSED}"):
            go(page, hash_)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], hash_


def test_the_page_reads_without_its_script_and_on_paper(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.page.as_uri())
    assert "needs none" in shown_text(page)
    assert page.locator("#claim").is_visible()
    context.close()
    with opened(browser, site.page, "#item=q2", scheme="dark") as page:
        page.emulate_media(media="print")
        assert TRACES["q2"][0] in shown_text(page)
        assert not page.locator(".list").is_visible()


def hostile(folder: Path) -> Path:
    """Make the page of a score whose ids, questions, claims, models, traces and evidence are all hostile."""
    items, traces = [], []
    for number, payload in enumerate(PAYLOADS):
        claim = payload[:SHORT].replace("\n", " ").replace("\r", " ")
        unit = {**CHECKLIST["knowledge"][0], "claim": claim, "topic": payload[:50]}
        id_ = f"{number} {payload[:60]}"
        more = {"options": {"A": payload[:SHORT], "B": "B"}, "subgroup": {"<b>field</b>": f"<i>{number % 2}</i>"}}
        items.append(score_item(id_, f"Q {payload[:SHORT]}", **more | {"checklist": {"knowledge": [unit]}}))
        traces.append({"id": id_, "trace": f"{payload} by it", "model": "<img src=x onerror=alert(1)>"})
    make_score(folder, items, traces)
    omr_judge("report", "s", "--html", "hostile.html", "--by", "<b>field</b>", cwd=folder)
    return folder / "hostile.html"


@pytest.mark.slow
def test_fifty_hostile_traces_and_claims_stay_text_and_ask_for_nothing(browser: Browser, tmp_path: Path) -> None:
    page_file = hostile(tmp_path)
    _, items = unpacked(page_file)
    assert [item["trace"]["text"] for item in items] == [f"{payload} by it" for payload in PAYLOADS]
    with opened(browser, page_file) as page:
        scripts = page.locator("script").count()
        for number, (payload, item) in enumerate(zip(PAYLOADS, items, strict=True)):
            shown = page.evaluate(SHOW_ITEM, [item["id"], f"{number} ", ".trace pre"])
            assert shown == visible_like_python(f"{payload} by it")[: len(shown)]
            claim = page.locator(".claim-text").text_content()
            assert claim == visible_like_python(item["groups"]["knowledge"]["units"][0]["claim"])
        assert page.locator("script").count() == scripts
        inert = "#item :is(img, svg, iframe, object, embed, form, style, link, base, meta, video, math)"
        assert page.locator(inert).count() == 0
        assert page.locator("#item a").count() == 1
        go(page, "report")
        assert page.locator("#report :is(img, b i, script)").count() == 0
