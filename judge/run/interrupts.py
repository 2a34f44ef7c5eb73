"""Ctrl-C, and what batch systems send before they kill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts_call(called: Callable[[], None]) -> Iterator[None]:
    """Call a function at each interrupt, in the running event loop, instead of ending the program."""
    loop = asyncio.get_running_loop()
    for number in INTERRUPTS:
        loop.add_signal_handler(number, called)
    try:
        yield
    finally:
        for number in INTERRUPTS:
            loop.remove_signal_handler(number)
