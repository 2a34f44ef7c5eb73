"""Begin with the files that take longest, and draw fewer examples where time counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browsing import chromium
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Before numpy is imported: by default its threads wait for work in a loop, on the cores that the tests need.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
LONGEST = (
    "test_readme.py",
    "test_faults.py",
    "test_verify.py",
    "test_limits_command.py",
    "test_wheel.py",
    "test_service.py",
    "test_page.py",
)
# Machines are shared: how long an example takes says nothing.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The default tests draw the same examples each time: what they prove of a change is not left to chance.
settings.register_profile("quick", unhurried, max_examples=30, derandomize=True)
settings.register_profile("thorough", unhurried, max_examples=200)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser once for a file's tests: its event loop must be gone before other files' tests run theirs."""
    with chromium() as started:
        yield started


def pytest_configure(config: pytest.Config) -> None:
    """Draw fewer examples in the default set than in the slow one, which runs every property too with `-m ''`."""
    settings.load_profile("quick" if config.getoption("markexpr") == "not slow" else "thorough")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file alone: xdist keeps the order in which files are collected (`--no-loadscope-reorder`)."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
