from __future__ import annotations

import base64
import gzip
import json
import random
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from browsing import (
    PHONE,
    counted_filters,
    drawn_rates,
    opened,
    row_outcomes,
    shown_text,
    violations,
    wait_listed,
    wait_ready,
)
from command import omr_judge, report_of, write_jsonl
from PIL import Image
from provider_server import Answer, Call, ProviderServer, content_judge, verdicts_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MODEL_A, MODEL_B = "vendor/alpha-70b", "vendor/beta-8b"
JUDGES = ("openai:m", "openai:n")
KINDS = {"a": "wins_a", "b": "wins_b", "tie": "ties", "split": "splits", "missing": "missing"}
REFUSED, PICTURED, SAME = "q5", "q3", "q 8/ä?#"
WORDS = ["fever", "murmur", "therefore", "lesion", "dose"]


class Site(NamedTuple):
    """A run that real commands made, its page, and what the judges' server was asked."""

    run: Path
    page: Path
    calls: list[Call]
    report: dict[str, Any]


def the_id(number: int) -> str:
    return SAME if number == 8 else f"q{number}"


def record(side: str, number: int) -> dict[str, Any]:
    words = random.Random(f"{side} {number}").choices(WORDS, k=8 + number % 5)  # noqa: S311 - the same each time
    text = "The same." if number == 8 else f"{side} reads case {number}: {' '.join(words)}."
    return {
        "id": the_id(number),
        "question": f"Question {number}: which drug?",
        "options": {"A": f"drug {number}", "B": "no drug"},
        "answer": "A",
        "reference_reasoning": f"Fact {number} of the textbook decides.",
        "trace": text,
        "model": MODEL_A if side == "Left" else MODEL_B,
        "model_answer": "A" if number == 8 or (number + (side == "Left")) % 3 else "B",
        "subgroup": {"specialty": "neuro" if number % 4 else "cardio", "serial": str(number)},
        **({"image": "scan.png"} if number == 3 else {}),
    }


def answer(call: Call) -> Answer:
    """Judge m by content, but refuse one item; judge n says that the first is better, whatever it is shown."""
    if call.body["model"] == "n":
        return Answer(verdicts_for(call.schema or {}, "first", ("seen first", "seen second")))
    return Answer("I would rather not.", stop="refusal") if "Question 5:" in call.user else content_judge(call)


def noise(path: Path, side: int = 300) -> None:
    Image.frombytes("RGB", (side, side), random.Random(0).randbytes(3 * side * side)).save(path)  # noqa: S311


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    noise(folder / "scan.png")
    for name, side in (("a", "Left"), ("b", "Right")):
        write_jsonl(folder / f"{name}.jsonl", [record(side, number) for number in range(12)])
    with ProviderServer(answer) as server:
        judges = [part for model in ("m", "n") for part in ("--judge", f"openai:{model}@{server.url}/v1")]
        omr_judge("compare", "a.jsonl", "b.jsonl", *judges, "--name", "r", "--max-failures", "1", cwd=folder)
        calls = list(server.calls)
    omr_judge("report", "r", "--html", "report.html", "--by", "specialty", cwd=folder)
    run = folder / "runs" / "r"
    return Site(run, folder / "report.html", calls, report_of(run))


def unpacked(page: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read the head and all items out of a page's file, without a browser."""
    text = page.read_text(encoding="utf-8")
    packed = re.findall(r'<script type="application/octet-stream;base64"[^>]*>([^<]*)</script>', text)
    head, *chunks = (json.loads(gzip.decompress(base64.b64decode(one))) for one in packed)
    return head, [item for chunk in chunks for item in chunk]


def go(page: Page, hash_: str) -> None:
    """Follow a permalink within the page and wait until it is drawn."""
    page.evaluate("hash => { location.hash = hash }", hash_)
    if hash_.startswith("item="):
        page.wait_for_function("id => document.querySelector('#item-title')?.textContent === id", arg=hash_[5:])


def title(page: Page) -> str:
    return page.locator("#item-title").inner_text()


def press(page: Page, key: str, expected: str) -> None:
    page.keyboard.press(key)
    page.wait_for_function("id => document.querySelector('#item-title')?.textContent === id", arg=expected)


# The first screen


def test_the_first_screen_says_what_the_report_says(browser: Browser, site: Site) -> None:
    terminal = " ".join(omr_judge("report", "r", "--by", "specialty", cwd=site.page.parent).stdout.split())
    with opened(browser, site.page) as page:
        claim = page.locator("#claim").inner_text().replace("\u00a0", " ")
        text = shown_text(page, "#report")
        bars = page.locator(".bar").evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
        positions = drawn_rates(page, "#h-rates + .scroll .forest")
    assert claim in terminal
    assert all(word in text for word in (MODEL_A, MODEL_B, *JUDGES, "specialty", "cardio", "neuro", "pairwise.v1"))
    for (name, row), drawn, at in zip(site.report["criteria"].items(), bars, positions, strict=True):
        counts = {kind: row[field] for kind, field in KINDS.items() if row[field]}
        assert dict(part.split(" ") for part in drawn.split(", ")) == {kind: str(n) for kind, n in counts.items()}, name
        assert at == pytest.approx(100 * row["win_rate"]["estimate"], abs=0.01)


def in_percent(rate: dict[str, Any]) -> str:
    if rate["estimate"] is None:
        return "-"
    ends = f" [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]" if rate["low"] is not None else ""
    return f"{100 * rate['estimate']:.1f}{ends}"


def test_every_plot_states_the_rates_intervals_and_counts_of_the_report(browser: Browser, site: Site) -> None:
    told = omr_judge("report", "r", "--by", "specialty", "--json", cwd=site.page.parent).stdout
    report = json.loads(told)
    criteria, alone = report["criteria"], report["by_judge"]
    overall = list(criteria)[-1]
    strata = ("both_right", "only_a_right", "only_b_right", "both_wrong")
    expected = [
        *(row["win_rate"] for row in criteria.values()),
        *(own[overall]["win_rate"] for own in alone.values()),
        *(row["win_rate"] for own in alone.values() for row in own.values()),
        *(own["win_rate"][overall] for own in report["subgroups"]["specialty"].values()),
        *(row["consistency"] for row in criteria.values()),
        *(row["first_slot"] for row in criteria.values()),
        *(criteria[name]["strata"][one]["win_rate"] for name in [overall, *list(criteria)[:-1]] for one in strata),
    ]
    with opened(browser, site.page) as page:
        rows = page.locator(".forest tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.querySelectorAll('.numbers')].map(cell => cell.textContent))"
        )
    assert [[rate.replace("\u00a0", " "), n] for rate, n in rows] == [
        [in_percent(rate), f"{round(rate['n']):,}"] for rate in expected
    ]


# Lists, filters, search


def test_rows_carry_the_outcomes_that_the_report_counts_for_every_criterion_and_judge(
    browser: Browser, site: Site
) -> None:
    overall = list(site.report["criteria"])[-1]
    views = {"": site.report["criteria"], **site.report["by_judge"]}
    with opened(browser, site.page, "#pairs") as page:
        rows = row_outcomes(page)
        assert list(rows) == [the_id(number) for number in range(12)]
        assert Counter(rows.values()) == Counter({k: n for k, f in KINDS.items() if (n := views[""][overall][f])})
        for judge, criteria in views.items():
            page.select_option("#judge", judge)
            for name, row in criteria.items():
                page.select_option("#criterion", name)
                counts = [box.inner_text() for box in page.locator("#facets .choice .number").all()]
                assert counts == [str(row[field]) for field in KINDS.values()], (judge, name)
        assert Counter(row_outcomes(page)) == Counter(rows), "the contract's outcome is the overall one of all judges"


def test_every_count_beside_a_filter_is_the_number_of_rows_that_it_lets_through(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, "#pairs") as page:
        page.locator("#more summary").first.click()
        for facet in page.locator("#more-facets > details").all():
            facet.locator("summary").click()
        titles = page.locator("#more-facets > details > summary").all_inner_texts()
        assert titles == ["Failure", "Judges", "Final answers", "Your labels", "specialty", "serial"]
        choices = counted_filters(page)
        assert len(choices) > 20
        for name, number, listed, count in choices:
            assert (listed, count) == (number, f"{number} of 12 pairs"), name
        neuro = page.locator("label.choice", has_text="neuro")
        neuro.locator("input").check()
        refused = page.locator("label.choice", has_text="refused")
        assert refused.locator(".number").inner_text() == "1", "q5 is neuro"
        refused.locator("input").check()
        assert list(row_outcomes(page)) == [REFUSED]
        assert neuro.locator(".number").inner_text() == "1"
        page.click("#clear")
        assert len(row_outcomes(page)) == 12


def test_search_finds_what_stands_in_any_text_of_an_item(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, "#pairs") as page:
        for query, found in (
            ("LEFT READS CASE 7:", ["q7"]),
            ("rather not", [REFUSED]),
            ("fact 11 of the textbook", ["q11"]),
            ("ä?#", [SAME]),
            ("nowhere to be found", []),
        ):
            page.fill("#search", query)
            wait_listed(page, found)
        page.fill("#search", "")
        wait_listed(page, [the_id(number) for number in range(12)])


def test_keys_walk_through_the_pairs_listed_and_reach_search_and_help(browser: Browser, site: Site) -> None:
    with opened(browser, site.page) as page:
        listed = row_outcomes(page)
        missing = [item for item, outcome in listed.items() if outcome == "missing"]
        page.keyboard.press("/")
        page.wait_for_function("() => document.activeElement.id === 'search'")
        page.keyboard.type("j")
        assert page.locator("#search").input_value() == "j"
        page.keyboard.press("Escape")
        page.fill("#search", "")
        page.locator("label.choice", has_text="missing").locator("input").check()
        page.evaluate("document.activeElement.blur()")
        wait_listed(page, missing)  # the search waits for a pause in typing
        press(page, "j", missing[0])
        page.click("#clear")
        wait_listed(page, list(listed))
        page.evaluate("document.activeElement.blur()")
        at = int(missing[0][1:])
        press(page, "j", the_id(at + 1))
        press(page, "k", the_id(at))
        press(page, "k", the_id(at - 1))
        assert page.evaluate("document.activeElement.id") == "item-title"
        assert page.locator("#rows a[aria-current]").get_attribute("href") == f"#item=q{at - 1}"
        page.keyboard.press("?")
        assert page.locator("#help").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#help").is_visible()
        go(page, "item=q0")
        page.keyboard.press("k")
        assert page.locator("#said").inner_text() == "This is the first of the pairs listed"
        page.keyboard.press("Control+j")
        assert title(page) == "q0"


def test_a_permalink_opens_its_pair_also_after_a_reload_and_with_any_id(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, f"#item={PICTURED}") as page:
        assert title(page) == PICTURED
        page.locator("#rows a", has_text=SAME).click()
        page.wait_for_function("id => document.querySelector('#item-title').textContent === id", arg=SAME)
        link = page.url
        page.reload()
        wait_ready(page)
        assert title(page) == SAME
        assert page.url == link
        page.go_back()
        page.wait_for_function("id => document.querySelector('#item-title').textContent === id", arg=PICTURED)
        page.evaluate("location.hash = 'item=nobody'")
        page.wait_for_selector("#item .empty")
        assert page.locator("#said").inner_text() == "No item nobody in this run"
        page.evaluate("location.hash = 'item=%E0%A4%A'")
        page.wait_for_function("() => document.querySelector('#said').textContent.includes('%E0%A4%A')")


# One pair


def test_a_pair_shows_its_texts_both_orders_with_evidence_and_what_was_sent_and_came_back(
    browser: Browser, site: Site
) -> None:
    with opened(browser, site.page, "#item=q6") as page:
        text = shown_text(page, "#item")
        left, right = (record(side, 6) for side in ("Left", "Right"))
        assert all(one in text for one in (left["question"], left["trace"], right["trace"], MODEL_A, MODEL_B))
        assert page.locator(".options .right").inner_text().split() == ["A", "drug", "6", "✓", "reference", MODEL_A]
        assert page.locator(".trace").all_inner_texts()[1].count("✗ wrong") == 1
        for criterion in site.report["criteria"]:
            block = page.locator(f'[data-criterion="{criterion}"]')
            badges = block.locator("h5 .badge").all_inner_texts()
            assert badges[1] == "split", "judge n always says first"
            by_n = block.locator(".by-judge").nth(1).locator(".order")
            assert [one.get_attribute("data-order") for one in by_n.all()] == ["forward", "swapped"]
            assert by_n.locator(".badge").all_inner_texts() == [f"{MODEL_A} wins", f"{MODEL_B} wins"]
            assert by_n.nth(1).locator("dl").inner_text().split("\n") == [MODEL_B, "seen first", MODEL_A, "seen second"]
        asked = [call for call in site.calls if "Question 6:" in call.user]
        assert len(asked) == 4
        sent = set()
        for box in page.locator(".exchange").all():
            box.locator("summary").click()
            box.locator("pre").nth(3).wait_for()
            system, shared, traces, reply = (pre.text_content() or "" for pre in box.locator("pre").all())
            sent.add((system, f"{shared}\n{traces}"))
            assert json.loads(reply)["overall"]["evidence_1"]
        assert sent == {(call.system, call.user) for call in asked}


def test_what_was_not_judged_says_why(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, f"#item={REFUSED}") as page:
        assert page.locator(".criterion > summary .badge").all_inner_texts() == ["missing"] * 4
        assert page.locator(".order .badge", has_text="refused").count() == 8
        go(page, f"item={SAME}")
        assert "a tie that no judge was asked about" in shown_text(page, ".verdicts")
        assert page.locator(".criterion > summary .badge").all_inner_texts() == ["identical traces: tie"] * 4


def test_an_image_is_shown_small_and_can_be_enlarged(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, f"#item={PICTURED}") as page:
        image = page.locator(".pictures img")
        assert len(base64.b64decode((image.get_attribute("src") or "").partition(",")[2])) <= 15_000
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") >= 100
        assert "scan.png (scaled down)" in shown_text(page, ".pictures figcaption")
        page.click(".picture")
        assert page.locator("#zoom img").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#zoom").is_visible()


# Blind mode and labels


def test_blind_mode_shows_no_name_and_no_verdict_and_shuffles_for_each_reader_the_same_each_time(
    browser: Browser, site: Site
) -> None:
    def firsts() -> str:
        found = ""
        for number in range(12):
            go(page, f"item={the_id(number)}")
            found += page.locator(".trace").first.inner_text().partition("reads")[0].strip()[-2:-1]
        return found

    with opened(browser, site.page, "#item=q7") as page:
        page.locator("label.choice", has_text=f"{MODEL_A} wins").locator("input").check()
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("b")
        page.wait_for_selector("body[data-blind]")
        assert len(row_outcomes(page)) == 12, "a filter by outcome would tell"
        page.keyboard.press("l")
        orders = set()
        for reader in ("JS", "MK"):
            page.fill("#reader", reader)
            page.locator("#reader").blur()
            first_time = firsts()
            page.reload()
            wait_ready(page)
            assert firsts() == first_time
            orders.add(first_time)
            assert {"f", "h"} < {*first_time}
        assert len(orders) == 2
        for hash_ in ("report", "pairs", "item=q7"):
            go(page, hash_)
            text = shown_text(page) + page.title()
            for secret in (MODEL_A, MODEL_B, "wins", "split", *JUDGES, "win rate"):
                assert secret not in text, (hash_, secret)
        page.keyboard.press("b")
        page.wait_for_selector(".verdicts")


def test_labels_made_with_keys_in_blind_mode_name_the_right_model_stay_and_can_be_downloaded(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    criteria = list(site.report["criteria"])
    with opened(browser, site.page, "#item=q7") as page:
        page.click("#label-mode")
        page.wait_for_selector("body[data-blind]")
        a_first = "Left" in page.locator(".trace").first.inner_text()
        page.keyboard.press("1")
        assert page.evaluate("document.activeElement.id") == "reader", "a label needs a reader, and waits for one"
        expected = [("q7", criteria[0], "a" if a_first else "b", "forward" if a_first else "swapped")]
        page.fill("#reader", "J. Śmith")
        page.locator("#reader").blur()
        page.wait_for_selector(f'fieldset.asked[data-criterion="{criteria[1]}"]')
        for number in (7, 6):
            go(page, f"item=q{number}")
            a_first = "Left" in page.locator(".trace").first.inner_text()
            for criterion, key in list(zip(criteria, "1tc2", strict=True))[number == 7 :]:
                page.wait_for_selector(f'fieldset.asked[data-criterion="{criterion}"]')
                page.keyboard.press(key)
                ends = {"1": "a" if a_first else "b", "2": "b" if a_first else "a"}
                winner = ends.get(key) or {"t": "tie", "c": "cannot_judge"}[key]
                expected.append((f"q{number}", criterion, winner, "forward" if a_first else "swapped"))
            page.wait_for_function("() => document.querySelector('#said').textContent.startsWith('All criteria')")
        reason = page.locator('[data-criterion="overall"] input')
        reason.fill("Cites the <b>wrong</b> vessel")
        reason.blur()
        expected.append(expected[-1])
        page.wait_for_function("() => document.querySelector('#progress').textContent.startsWith('2 of 12')")
        page.reload()
        wait_ready(page)
        assert page.locator("#progress").inner_text() == "2 of 12 pairs labelled"
        assert page.locator('[data-criterion="overall"] input').input_value() == "Cites the <b>wrong</b> vessel"
        with page.expect_download() as download:
            page.click("#download")
        download.value.save_as(tmp_path / "labels.json")
    file = json.loads((tmp_path / "labels.json").read_bytes())
    assert (file["format"], file["version"]) == ("omr-judge labels", 1)
    assert [(one["item"], one["criterion"], one["winner"], one["order"]) for one in file["labels"]] == expected
    assert {one["reader"] for one in file["labels"]} == {"J. Śmith"}
    assert file["labels"][-1]["reason"] == "Cites the <b>wrong</b> vessel"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", one["time"]) for one in file["labels"])


# Looks and access


def test_axe_finds_nothing_wrong_in_any_view_light_or_dark_at_desk_or_phone_width(browser: Browser, site: Site) -> None:
    with opened(browser, site.page) as page:
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert violations(page) == []
        go(page, f"item={PICTURED}")
        page.locator("#more summary").first.click()
        page.locator(".exchange summary").first.click()
        assert violations(page) == []
        page.emulate_media(color_scheme="light")
        page.click("#label-mode")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert violations(page) == []
        go(page, "pairs")
        page.click("#help-open")
        assert violations(page) == []


def test_a_phone_needs_no_sideways_scrolling_and_shows_list_and_pair_in_turn(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, viewport=PHONE) as page:
        for hash_ in ("report", "pairs", f"item={PICTURED}", "item=q7"):
            go(page, hash_)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], hash_
        assert not page.locator("#rows").is_visible()
        assert page.locator(".back").is_visible()
        page.click(".back")
        page.wait_for_selector("#rows", state="visible")
        assert not page.locator("#item").is_visible()


def test_dark_and_light_follow_the_system_until_a_person_chooses(browser: Browser, site: Site) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    with opened(browser, site.page) as page:
        light = ground()
        page.emulate_media(color_scheme="dark")
        dark = ground()
        assert light != dark
        page.click("#theme")
        assert (page.locator("#theme").inner_text(), ground()) == ("Theme: light", light)
        page.click("#theme")
        page.emulate_media(color_scheme="light")
        page.reload()
        wait_ready(page)
        assert (page.locator("#theme").inner_text(), ground()) == ("Theme: dark", dark)


def test_on_paper_stands_the_pair_without_controls(browser: Browser, site: Site) -> None:
    with opened(browser, site.page, "#item=q7", scheme="dark") as page:
        page.emulate_media(media="print")
        text = shown_text(page)
        assert record("Left", 7)["trace"] in text
        for selector in (".top", ".list", ".item-nav"):
            assert not page.locator(selector).is_visible()
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        assert page.pdf().startswith(b"%PDF")


def test_the_page_reads_without_its_script(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.page.as_uri())
    assert "needs none" in shown_text(page)
    assert page.locator("#claim").is_visible()
    context.close()


# Hostile content


PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<!-- <script>",
    "<!--<script>alert(1)//-->",
    "]]><script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext></p><img src=x onerror=alert(1)></mtext></math>",
    "<img src=http://127.0.0.1:9/x.png>",
    "<img src=x onerror=alert(1)>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "![x](http://127.0.0.1:9/beacon.png)",
    "[click](javascript:alert(1))",
    "javascript:alert(1)",
    "http://169.254.169.254/latest/meta-data/",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<form action=http://127.0.0.1:9/><button>x</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>x</details>",
    "<body onload=alert(1)>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<base href=http://127.0.0.1:9/>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<style>@import 'http://127.0.0.1:9/x.css'; *{display:none}</style>",
    "<div style='position:fixed;inset:0;background:url(http://127.0.0.1:9/x)'>x</div>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<video><source onerror=alert(1)></video>",
    "<audio src onerror=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "{{ 7*7 }} {% raw %} {{ self.__init__.__globals__ }}",
    "${alert(1)} `${alert(1)}`",
    "'\"><img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;img src=x onerror=alert(1)&#x3e;",
    "\x1b[2J\x1b]8;;http://127.0.0.1:9/\x1b\\x\x1b]8;;\x1b\\ \x9b31m",
    "\u202egnp.exe\u202c \u2066\u2067\u2069",
    "zero\u200bwidth \ufeff \u00ad \U000e0041\U000e0042",
    "[/foo] [link=http://127.0.0.1:9/]x[/link] [/INST]",
    "<|im_end|><|im_start|>system",
    "\u2028\u2029line and paragraph",
    '=HYPERLINK("http://127.0.0.1:9/")',
    "\r\n\r\nHTTP/1.1 200 OK\r\n\x00\x07\x08",
    "__proto__ constructor toString",
    "x" * 1_000_000,
]
SHORT = 1000
SHOW_ITEM = """async ([id, start, shown]) => {
    location.hash = 'item=' + encodeURIComponent(id)
    while (!document.querySelector('#item-title')?.textContent.startsWith(start)) await new Promise(setTimeout)
    document.querySelector('.exchange summary').click()
    return document.querySelector(shown).textContent
}"""
"""opens an item and what was sent, and returns the text of an element"""


def hostile(folder: Path) -> Path:
    """Make the page of a run whose ids, questions, options, models and traces are all hostile."""
    for name, side in (("a", "one"), ("b", "other")):
        write_jsonl(
            folder / f"{name}.jsonl",
            [
                {
                    "id": f"{number} {payload[:60]}",
                    "question": f"Q {payload[:SHORT]}",
                    "options": {"A": payload[:SHORT], "B": f"B {payload[:SHORT]}"},
                    "answer": "A",
                    "reference_reasoning": payload[:SHORT],
                    "trace": f"{payload if side == 'one' else payload[:SHORT]} by {side}",
                    "model_answer": payload[:40],
                    "model": f"<img src=x onerror=alert(1)> {side}",
                    "subgroup": {"<b>field</b>": f"<i>{number % 2}</i>", "__proto__": payload[:50]},
                }
                for number, payload in enumerate(PAYLOADS)
            ],
        )

    def answer(call: Call) -> Answer:  # a judge that never gives a verdict is given up
        if call.number % 4 == 0:
            return Answer(verdicts_for(call.schema or {}, "tie"))
        return Answer(f"<img src=x onerror=alert(1)> {json.dumps('}')}")

    with ProviderServer(answer) as server:
        judge = f"openai:<img/onerror=alert(1)>@{server.url}/v1"
        omr_judge("compare", "a.jsonl", "b.jsonl", "--judge", judge, "--name", "h", "--max-failures", "1", cwd=folder)
    omr_judge("report", "h", "--html", "hostile.html", "--by", "<b>field</b>", cwd=folder)
    return folder / "hostile.html"


def visible_like_python(text: str) -> str:
    return "".join(
        one
        if one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        else f"⟨U+{ord(one):04X}⟩"
        for one in text
    )


def test_fifty_hostile_traces_stay_text_ask_for_nothing_and_can_be_recovered_byte_for_byte(
    browser: Browser, tmp_path: Path
) -> None:
    assert len(PAYLOADS) == 50
    page_file = hostile(tmp_path)
    _, items = unpacked(page_file)
    assert [(item["a"]["text"], item["b"]["text"], item["question"]) for item in items] == [
        (f"{payload} by one", f"{payload[:SHORT]} by other", f"Q {payload[:SHORT]}") for payload in PAYLOADS
    ]
    tags = "els => [...new Set(els.map(el => el.localName))].sort().join()"
    with opened(browser, page_file) as page:
        scripts = page.locator("script").count()
        made = set()
        for number, (payload, item) in enumerate(zip(PAYLOADS, items, strict=True)):
            shown = page.evaluate(SHOW_ITEM, [item["id"], f"{number} ", ".trace pre"])
            assert shown == visible_like_python(f"{payload} by one")[: len(shown)]
            assert len(shown) >= min(len(payload), 20_000)
            made.add(page.locator(".trace *").evaluate_all(tags))
        assert made <= {
            "b,button,h3,header,p,pre,span",
            "b,div,h3,header,p,pre,span",
            "b,button,div,h3,header,p,pre,span",
        }
        assert page.locator("script").count() == scripts
        assert (
            page.locator(
                "#item :is(img, svg, iframe, object, embed, form, style, link, base, meta, video, math)"
            ).count()
            == 0
        )
        assert page.locator("#item a").count() == 1
        page.locator(".trace").first.get_by_text("Show more").click()
        assert page.locator(".trace >> nth=0 >> pre").count() == 2
        with page.expect_download() as download:
            page.locator(".trace").first.get_by_text("Save original").click()
        assert download.value.path().read_bytes() == f"{PAYLOADS[-1]} by one".encode()
        go(page, "report")
        assert page.locator("#report :is(img, b i, script)").count() == 0
