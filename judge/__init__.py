"""omr-judge: which of two models reasons better, by how much, and can the judge be believed?

The names of this package are those of `judge.api` (docs/library.md); nothing of it is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from judge.api import (
        AsyncJudge,
        Judge,
        JudgedRun,
        Ranking,
        compare,
        compare_async,
        open_run,
        open_run_async,
        rank,
        rank_async,
        score,
        score_async,
    )

__all__ = [
    "AsyncJudge",
    "Judge",
    "JudgedRun",
    "Ranking",
    "__version__",
    "compare",
    "compare_async",
    "open_run",
    "open_run_async",
    "rank",
    "rank_async",
    "score",
    "score_async",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import a name of the library when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module("judge.api"), name)
    return value


def __dir__() -> list[str]:
    """List what the library offers."""
    return sorted([*globals(), *__all__])
