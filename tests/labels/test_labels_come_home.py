"""From a drawn packet or the page, through a browser and a file, to agreement that equals independent formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browsing import PHONE, opened, violations
from command import omr_judge
from run_builder import A_WINS, B_WINS, SPLITS, TIES, make_run
from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ITEMS, DRAWN = 130, 60
JUDGE = {f"q{n}": (A_WINS, B_WINS, A_WINS, TIES, A_WINS, SPLITS, B_WINS)[n % 7] for n in range(ITEMS)}
CREDIT = {A_WINS: 1.0, B_WINS: 0.0, TIES: 0.5, SPLITS: 0.5}
READER = {f"q{n}": "abatab"[n % 6] if n % 4 == 0 else "abatatb"[n % 7] for n in range(ITEMS)}
"""whom the reader prefers; t: neither"""
LABEL = {"a": 1.0, "b": 0.0, "t": 0.5}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the run, a run of other pairs, the page and a packet."""
    folder = tmp_path_factory.mktemp("site")
    make_run(folder / "runs/r", JUDGE)
    make_run(folder / "runs/other", {"z1": A_WINS})
    omr_judge("report", "r", "--html", "report.html", cwd=folder)
    omr_judge("packet", "r", "--n", str(DRAWN), "--out", "packet.html", cwd=folder)
    return folder


def open_packet(browser: Browser, path: Path) -> Page:
    page = browser.new_page()
    page.goto(path.as_uri())
    return page


def fill(page: Page) -> None:
    """Answer every item by keyboard as the reader would, reading which trace is whose off their text."""
    for _ in range(DRAWN):
        first = page.text_content("#trace-1") or ""
        wanted = READER[first.split(" of ")[1].split(".")[0]]
        page.keyboard.press("t" if wanted == "t" else "1" if (wanted == "a") is first.startswith("Left") else "2")


def sides(credits_: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int_]]:
    return (2 - 2 * credits_).astype(int)


def test_a_packet_filled_in_the_browser_gives_the_agreement_of_independent_formulas(
    browser: Browser, site: Path
) -> None:
    page = open_packet(browser, site / "packet.html")
    fill(page)
    page.fill("#reader", "Dr. T")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(site / "answers.json")
    page.close()
    told = omr_judge("labels", "import", "r", "answers.json", cwd=site).stdout
    assert told == f"{DRAWN} labels imported, 0 known already, 0 replace an earlier label\n"
    (key,) = (json.loads(path.read_bytes()) for path in (site / "runs/r/packets").iterdir())
    drawn = [one["item"] for one in key["items"]]
    found = json.loads(omr_judge("agreement", "r", "--json", cwd=site).stdout)["criteria"]["overall"]

    said = np.array([LABEL[READER[item]] for item in drawn])
    credits_ = np.array([CREDIT[JUDGE[item]] for item in drawn])
    table = np.zeros((3, 3), int)
    np.add.at(table, (sides(said), sides(credits_)), 1)
    assert found["judge"]["table"] == table.tolist()
    agreed = np.trace(table) / DRAWN
    share = (table.sum(0) + table.sum(1)) / (2 * DRAWN)
    chance = float(share @ (1 - share)) / 2  # Gwet (2008): chance agreement of AC1 for three categories
    told_agreement = found["judge"]["agreement"]
    assert told_agreement["raw"]["estimate"] == pytest.approx(agreed, abs=1e-6)
    assert told_agreement["ac1"]["estimate"] == pytest.approx((agreed - chance) / (1 - chance), abs=1e-6)
    assert told_agreement["kappa"]["estimate"] == pytest.approx(cohens_kappa(table, return_results=False), abs=1e-6)

    # PPI++ (Angelopoulos, Duchi and Zrnic, 2023) with its tuned lambda, by its own formula.
    rest = np.array([CREDIT[JUDGE[item]] for item in JUDGE if item not in set(drawn)])
    every = np.append(credits_, rest)
    slope = np.cov(said, credits_)[0, 1] / every.var(ddof=1)
    power = slope * len(rest) / ITEMS
    corrected = power * rest.mean() + (said - power * credits_).mean()
    assert found["corrected"]["people"]["estimate"] == pytest.approx(said.mean(), abs=1e-6)
    assert found["corrected"]["judge"]["estimate"] == pytest.approx(every.mean(), abs=1e-6)
    assert found["corrected"]["corrected"]["estimate"] == pytest.approx(corrected, abs=1e-6)


def test_labels_made_in_the_page_come_home_and_another_runs_file_is_refused(browser: Browser, site: Path) -> None:
    with opened(browser, site / "report.html", "#item=q3") as page:
        page.click("#label-mode")
        page.fill("#reader", "J. S")
        page.locator("#reader").blur()
        left_first = "Left" in page.locator(".trace").first.inner_text()
        page.keyboard.press("1")
        page.wait_for_selector(".label-panel [aria-pressed=true]")
        with page.expect_download() as download:
            page.click("#download")
        download.value.save_as(site / "labels.json")
    pairs = json.loads((site / "runs/r/manifest.json").read_bytes())["pairs_sha256"]
    assert json.loads((site / "labels.json").read_bytes())["pairs_sha256"] == pairs
    assert omr_judge("labels", "import", "r", "labels.json", cwd=site).stdout.startswith("1 labels imported")
    stored = [json.loads(line) for line in (site / "runs/r/labels.jsonl").read_text().splitlines()]
    (mine,) = [one for one in stored if one["reader"] == "J. S"]
    assert (mine["item"], mine["winner"]) == ("q3", "a" if left_first else "b")
    refused = omr_judge("labels", "import", "other", "labels.json", cwd=site, code=3).stderr
    assert "labels.json: made from another run (import it into the run that it came from)" in refused
    assert not (site / "runs/other/labels.jsonl").exists()


def test_axe_finds_nothing_wrong_in_a_packet_light_or_dark_at_desk_or_phone_width(browser: Browser, site: Path) -> None:
    page = open_packet(browser, site / "packet.html")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
