"""Do work that runs an event loop of its own, whether or not one runs here, and pass interrupts on to it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from judge.errors import InterruptedRunError
from judge.files.interrupts import Interrupter, interrupter

T = TypeVar("T")


def run_now(work: Callable[[], T]) -> T:
    """Do work in this thread; where an event loop runs in it, in another one, and pass interrupts on to it."""
    if not _loop_runs():
        return work()
    stop = Interrupter()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(_in_context(work, stop))
        while True:
            try:
                return working.result()
            except KeyboardInterrupt:
                stop.interrupt()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def run_awaited(work: Callable[[], T]) -> T:
    """Do work in another thread; where this task is cancelled, interrupt it and wait for its end."""
    stop = Interrupter()
    working = asyncio.ensure_future(asyncio.to_thread(_in_context(work, stop)))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.interrupt()
        with suppress(InterruptedRunError):
            await working
        raise


def _in_context(work: Callable[[], T], stop: Interrupter) -> Callable[[], T]:
    context = contextvars.copy_context()
    context.run(interrupter.set, stop)
    return partial(context.run, work)
