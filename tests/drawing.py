"""How many examples a property draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    Test = Callable[..., None]


def costly(test: Test) -> Test:
    """Draw a fifth of the usual examples, where each takes a whole report or more."""
    return settings(max_examples=settings.default.max_examples // 5)(test)  # type: ignore[union-attr]
