"""Notice when the event loop is too busy: replies that wait to be read look like slow ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from statistics import median

INTERVAL = 0.25
MOST_SECONDS = 0.1
N_SAMPLES = 9
"""a short stall is no trouble; half of the last so many were late"""


async def warn_of_lag(say: Callable[[str], None]) -> None:
    """Say once when the loop lags for seconds on end; runs until it has, or is cancelled."""
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    while len(lags) < N_SAMPLES or median(lags) <= MOST_SECONDS:
        due = loop.time() + INTERVAL
        await asyncio.sleep(INTERVAL)
        lags = [*lags[1 - N_SAMPLES :], loop.time() - due]
    say(
        f"Warning: this process is too busy by {1000 * median(lags):.0f} ms a turn: replies look later than they are, "
        "and may seem to time out. Lower --concurrency, or use a less busy machine."
    )
