"""Signals that interrupt a run: SIGINT, SIGTERM and SIGHUP."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts_call(called: Callable[[], None]) -> Iterator[None]:
    """Call a function at each interrupt, in the running event loop, instead of ending the program.

    A terminal that is closed (a connection that breaks) counts as the first interrupt only: shells pass the news on, so
    that it comes twice. It counts for nothing where the program was told so when it was started, by `nohup` say.
    """
    loop = asyncio.get_running_loop()
    was_called = False

    def interrupt() -> None:
        nonlocal was_called
        was_called = True
        called()

    def hang_up() -> None:
        if not was_called:
            interrupt()

    handlers = dict.fromkeys(INTERRUPTS, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = hang_up
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
