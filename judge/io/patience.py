"""How patiently one request is asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from judge.errors import ProviderError, RetryableError
from judge.io.limits import LONGEST_PAUSE

MANY = 50
"""attempts after which waits grow no more in any case: powers of 2 have an end"""
MOST_JITTER = 1.0
"""seconds that are added at most to a pause that the provider named"""


@dataclass(frozen=True)
class Policy:
    """When to ask again, and for how long to wait; the SDKs' own retries are off."""

    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one call, to the last byte.")] = 600.0
    attempts: Annotated[int, typer.Option(min=1, help="Attempts at a call that fails in passing.")] = 8
    first_wait: float = 0.5
    longest_wait: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def wait(self, error: ProviderError, attempt: int, *, endless: bool = False) -> float | None:
        """Return the seconds to wait before a call that failed is made again, or None where it is of no use.

        It waits as told, else exponentially longer ("full jitter"); always by chance a little more or less, so that
        many workers do not come back together. A pause of nothing, or one that is over, is no help to a server in
        trouble, and counts as none told.

        Args:
            error: how the call failed.
            attempt: how many times it was made, at least 1.
            endless: whether more attempts than are allowed cost nothing and may help, unless none was to be made again.
        """
        was_last = attempt >= self.attempts and not (endless and self.attempts > 1)
        if not isinstance(error, RetryableError) or was_last:
            return None
        if (told := error.retry_after or 0.0) > LONGEST_PAUSE:
            return None
        if told:
            return told + self.uniform(0, min(MOST_JITTER, told / 4))
        return self.uniform(0, min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, MANY)))
