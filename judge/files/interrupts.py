"""Signals that interrupt a run: SIGINT, SIGTERM and SIGHUP."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


class Interrupter:
    """Interrupts work in another thread, which no signal reaches: set as `interrupter` in that thread's context."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._missed = 0
        self._called: Callable[[], object] | None = None

    def interrupt(self) -> None:
        """Interrupt the work, as soon as it can be."""
        with self._lock:
            if self._called is None:
                self._missed += 1
            else:
                self._called()

    @contextmanager
    def calling(self, called: Callable[[], object]) -> Iterator[None]:
        """Call a function at each interrupt, those included that came before."""
        with self._lock:
            self._called, missed, self._missed = called, self._missed, 0
        for _ in range(missed):
            called()
        try:
            yield
        finally:
            with self._lock:
                self._called = None


interrupter: ContextVar[Interrupter | None] = ContextVar("interrupter", default=None)


@contextmanager
def interrupts_call(called: Callable[[], None]) -> Iterator[None]:
    """Call a function at each interrupt, in the running event loop, instead of ending the program.

    A terminal that is closed (a connection that breaks) counts as the first interrupt only: shells pass the news on, so
    that it comes twice. It counts for nothing where the program was told so when it was started, by `nohup` say.
    Signals reach the main thread alone: in another one, the `interrupter` of its context calls the function.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        with (interrupter.get() or Interrupter()).calling(lambda: loop.call_soon_threadsafe(called)):
            yield
        return
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
