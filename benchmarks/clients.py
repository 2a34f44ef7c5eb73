"""Clients that do nothing but ask a server n times: the floor, and other people's programs where installed.

`python benchmarks/clients.py NAME ADDRESS CALLS CONCURRENCY`
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys

import orjson

PROMPT = "Judge which of these two reasoning traces is better, and say why in one JSON object. " * 70
"""6 KB"""
RIVALS: dict[str, str] = {"inspect-ai": "inspect_ai", "curator": "bespokelabs.curator", "alpaca-eval": "alpaca_eval"}


def is_installed(rival: str) -> bool:
    """Tell whether another program can be imported here."""
    try:
        return importlib.util.find_spec(RIVALS[rival]) is not None
    except ImportError:
        return False


async def bare(address: str, calls: int, concurrency: int) -> None:
    """Ask with aiohttp and orjson, one session and one worker for each call in flight."""
    import aiohttp  # noqa: PLC0415 - each client imports its own

    numbers = iter(range(calls))

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            message = {"role": "user", "content": f"{number}: {PROMPT}"}
            body = orjson.dumps({"model": "judge-1", "messages": [message], "max_tokens": 100})
            async with session.post(f"{address}/v1/chat/completions", data=body, headers=headers) as reply:
                orjson.loads(await reply.read())["choices"][0]["message"]["content"]

    headers = {"content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work(session))


def main() -> None:
    """Run the client that the command line names."""
    _, name, address, calls, concurrency = sys.argv
    if name == "bare":
        asyncio.run(bare(address, int(calls), int(concurrency)))


if __name__ == "__main__":
    main()
