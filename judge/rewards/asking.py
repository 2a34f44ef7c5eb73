"""Ask a service until it answers, or time is over."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx2
import msgspec

from judge.files.listening import OWN

LONGEST_PAUSE = 30.0
JSON = {"content-type": "application/json"}


class NoRewardError(Exception):
    """There is no verdict within the deadline: no number stands for that.

    Args:
        why: in words.
        status: of the answer that refuses the request.
    """

    def __init__(self, why: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(why)


def client_of(url: str, token_env: str | None) -> httpx2.AsyncClient:
    """Return a client of a service; one on this machine is asked past the environment's proxies."""
    headers = {"authorization": f"Bearer {os.environ[token_env]}"} if token_env else {}
    limits, is_here = httpx2.Limits(max_connections=64), httpx2.URL(url).host in OWN
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=None, limits=limits, trust_env=not is_here)


async def asked(
    client: httpx2.AsyncClient, body: Mapping[str, Any], deadline_s: float, *, tries: int
) -> list[float | None] | None:
    """Ask until there is an answer or the deadline is over.

    Args:
        client: of the service.
        body: of the request.
        deadline_s: seconds.
        tries: answers of which the last alone may lack rewards: what failed is asked again, and paid again.

    Returns:
        The rewards; None where there was no answer.

    Raises:
        NoRewardError: the service refuses the request, and would again; or the address is that of something else.
    """
    end, pause, found = time.monotonic() + deadline_s, 0.5, None
    while (left := end - time.monotonic()) > 0:
        told = 0.0
        try:
            async with asyncio.timeout(left + 5):
                sent = msgspec.json.encode({**body, "deadline_s": left})  # infinity too, as null
                reply = await client.post("/v1/preferences", content=sent, headers=JSON)
            if reply.status_code == httpx2.codes.OK:
                found = _rewards(reply, len(body["responses"]))
                tries -= 1
                if None not in found or not tries:
                    return found
            elif reply.status_code < httpx2.codes.INTERNAL_SERVER_ERROR and reply.status_code != 408:  # noqa: PLR2004
                raise NoRewardError(f"{reply.status_code}: {reply.text[:500]}", reply.status_code)
            with suppress(ValueError):  # a date, of a proxy before the service
                told = float(reply.headers.get("retry-after") or 0)
        except (httpx2.TransportError, TimeoutError):
            pass  # it is gone, or comes back
        await asyncio.sleep(min(max(told, pause * random.uniform(0.5, 1)), max(0.0, end - time.monotonic())))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)
    return found


def _rewards(reply: httpx2.Response, n: int) -> list[float | None]:
    """Return the rewards of an answer; NoRewardError where it is none of `omr-judge serve`."""
    try:
        rewards = reply.json()["rewards"]
    except (ValueError, LookupError, TypeError):
        rewards = None
    if not isinstance(rewards, list) or len(rewards) != n:
        hint = "is it the address of `omr-judge serve`?"
        raise NoRewardError(f"{reply.url} answers no rewards: {hint} {reply.text[:200]}", reply.status_code)
    return rewards
