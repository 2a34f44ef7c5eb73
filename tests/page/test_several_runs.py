"""Several runs on one page, and what `report --html` says and refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import PHONE, opened, violations
from command import omr_judge
from kept_runs import copy_runs
from report.test_report_sections import hundred, pair, report_of

from judge.page.several import heat_map
from judge.report.report import Models, Report

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("kept")
    copy_runs(made)
    return made


def compared(a: str, b: str, n: int = 100) -> Report:
    return report_of(hundred(n=n), [pair(i) for i in range(n)]).model_copy(update={"models": Models(a=a, b=b)})


def test_a_heat_map_holds_each_rate_of_three_models_and_its_complement() -> None:
    one, other = compared("x", "y"), compared("y", "z", 60)
    found = heat_map([one, other, one])
    assert found is not None
    assert list(found) == ["x", "y", "z"]
    rate = one.criteria["overall"].win_rate
    assert rate.estimate is not None
    (own, won, unmet), (lost, _, _) = found["x"], found["y"]
    assert own is None
    assert unmet is None
    assert won is not None
    assert lost is not None
    assert won.rate == f"{100 * rate.estimate:.1f}"
    assert won.n == "200", "two runs of x and y are pooled"
    assert float(won.rate) + float(lost.rate) == pytest.approx(100)
    assert {won.tint, lost.tint} in ({f"a{shade}", f"b{shade}"} for shade in range(1, 6))
    assert won.label == f"x against y: {won.rate} %"
    assert heat_map([one, one]) is None


def test_runs_without_a_counted_pair_leave_their_square_empty() -> None:
    nothing = report_of([], [pair(0)]).model_copy(update={"models": Models(a="x", b="y")})
    found = heat_map([nothing, compared("y", "z")])
    assert found is not None
    assert found["x"][1] is None


@pytest.mark.slow
def test_several_runs_stand_on_one_page_that_fits_a_phone_and_axe_finds_nothing(browser: Browser, folder: Path) -> None:
    told = omr_judge("report", "comparison", "panel", "imported", "--html", "s.html", cwd=folder)
    assert re.match(r"s\.html: written, \d+ kB", told.stdout)
    with opened(browser, folder / "s.html") as page:
        assert [one.inner_text() for one in page.locator("section > .fine:first-child").all()] == [
            *("comparison", "panel", "imported")
        ]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_page_is_replaced_only_when_told_and_several_runs_need_one(folder: Path) -> None:
    omr_judge("report", "comparison", "--html", "one.html", cwd=folder)
    before = (folder / "one.html").read_bytes()
    assert "--overwrite" in omr_judge("report", "panel", "--html", "one.html", cwd=folder, code=3).stderr
    assert (folder / "one.html").read_bytes() == before
    omr_judge("report", "panel", "--html", "one.html", "--overwrite", cwd=folder)
    assert (folder / "one.html").read_bytes() != before
    assert "add --html FILE" in omr_judge("report", "panel", "comparison", cwd=folder, code=3).stderr
    for option in (["--accept-error", "0.1"], ["--difficulty", "d.csv"], ["--against", "score-a"]):
        told = omr_judge("report", "comparison", "panel", "--html", "no.html", *option, cwd=folder, code=3).stderr
        assert f"{option[0]}: is for one run" in told
    told = omr_judge("report", "comparison", "score-a", "--html", "no.html", cwd=folder, code=3).stderr
    assert "is no comparison" in told
    assert not (folder / "no.html").exists()
