"""Begin with the files that take longest, so that no worker waits for another at the end."""

from __future__ import annotations

import pytest

LONGEST = ("test_readme.py", "test_batches.py", "test_wheel.py", "test_stopping.py", "test_plan_command.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file alone: xdist keeps the order in which files are collected (`--no-loadscope-reorder`)."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
