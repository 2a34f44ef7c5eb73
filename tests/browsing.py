"""Open pages in Debian's Chromium: without network, and with every word of its console kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

CHROMIUM = shutil.which("chromium")
DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
WAIT_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; the test is skipped where playwright or Chromium is absent."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    address: str | Path,
    hash_: str = "",
    *,
    viewport: dict[str, int] | None = None,
    scheme: str = "light",
) -> Iterator[Page]:
    """Open a page in a profile of its own and wait until it is ready.

    When the test is done with it, the page must have asked for nothing beside itself and what lies below it, said
    nothing on the console and opened no dialog.
    """
    context = browser.new_context(
        viewport=viewport or DESKTOP,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",  # colours in transition have no contrast to measure
        accept_downloads=True,
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    own = address.as_uri() if isinstance(address, Path) else address
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: _note_dialog(dialog, troubles))
    page.on("request", lambda request: _note_foreign(request.url, own, troubles))
    page.goto(own + hash_)
    wait_ready(page)
    yield page
    context.close()
    assert troubles == []


def _note_dialog(dialog: Dialog, troubles: list[str]) -> None:
    troubles.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _note_foreign(url: str, own: str, troubles: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:")):
        troubles.append(f"request: {url}")


def wait_ready(page: Page) -> None:
    """Wait until the script has drawn what the address names."""
    page.wait_for_selector("body[data-ready]")


def row_outcomes(page: Page) -> dict[str, str]:
    """Return the documented contract's outcome of every row listed, by item."""
    found: list[list[str]] = page.eval_on_selector_all(
        "#rows [data-item]", "rows => rows.map(row => [row.dataset.item, row.dataset.outcome])"
    )
    return {row[0]: row[1] for row in found}


def wait_listed(page: Page, items: list[str]) -> None:
    """Wait until these items are listed, and no others."""
    listed = (
        "items => [...document.querySelectorAll('#rows [data-item]')].map(row => row.dataset.item).join() === items"
    )
    page.wait_for_function(listed, arg=",".join(items))


def shown_text(page: Page, selector: str = "body") -> str:
    """Return what can be seen."""
    return page.locator(selector).inner_text()


def drawn_rates(page: Page, plots: str) -> list[float]:
    """Return where the dots of forest plots stand, by the ticks written below their axes."""
    found: list[float] = page.eval_on_selector_all(
        plots,
        """plots => plots.flatMap(plot => {
            const place = (element, name) => parseFloat(element.getAttribute(name))
            const texts = [...plot.querySelectorAll('.ticks text')]
            const ticks = texts.map(tick => [place(tick, 'x'), Number(tick.textContent)])
            const [[from, low], [to, high]] = [ticks.at(0), ticks.at(-1)]
            const shown = dot => low + (place(dot, 'cx') - from) * (high - low) / (to - from)
            return [...plot.querySelectorAll('.at')].map(shown)
        })""",
    )
    return found


def counted_filters(page: Page) -> list[tuple[str, int, int, str]]:
    """Check each filter alone; return its name, the number beside it, the rows listed, and what is said of them."""
    found: list[tuple[str, int, int, str]] = page.evaluate(
        """() => [...document.querySelectorAll('.choice').keys()].map(at => {
            const choice = () => document.querySelectorAll('.choice')[at]
            const number = Number(choice().querySelector('.number').innerText)
            choice().querySelector('input').click()
            const listed = document.querySelectorAll('#rows [data-item]').length
            const said = document.querySelector('#count').innerText
            choice().querySelector('input').click()
            return [choice().innerText, number, listed, said]
        })"""
    )
    return found


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong in what the page shows."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in found]
