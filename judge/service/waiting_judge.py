"""The library's `Judge`: as `AsyncJudge`, for callers that wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

from judge.service.group_requests import Preferences
from judge.service.preferences import NOT_OPEN, AsyncPreferenceJudge

T = TypeVar("T")


class PreferenceJudge:
    """`judge.Judge`: as `judge.AsyncJudge`, for callers that wait; a context, with an event loop of its own.

    Args:
        judge: who is asked, as for `--judge`; or several.
        options: those of `omr-judge serve`, by their names there.
    """

    def __init__(self, judge: str | Sequence[str] = "local", **options: object) -> None:
        self._judge = AsyncPreferenceJudge(judge, **options)  # type: ignore[arg-type]
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        """Open the run, and its judges."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="judge", daemon=True)
        self._thread.start()
        try:
            self._done(self._judge.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for what is in flight, and close."""
        try:
            self._done(self._judge.__aexit__())
        finally:
            self._stop()

    def prefer(self, prompt: str | list[dict[str, Any]], responses: Sequence[str], **more: object) -> Preferences:
        """Judge a group of responses (arguments and errors as for `AsyncJudge.prefer`)."""
        return self._done(self._judge.prefer(prompt, responses, **more))

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError(NOT_OPEN)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()
