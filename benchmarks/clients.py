"""Clients that do nothing but ask a server n times: the floor, and other people's programs where installed.

Each imports only its own libraries: those programs pin other versions of the SDKs than ours, and have their own Python.
Curator counts tokens, and fetches its tables for that where TIKTOKEN_CACHE_DIR names no folder that has them: its
dependency LiteLLM brings one along, `litellm/litellm_core_utils/tokenizers`.

`python benchmarks/clients.py NAME ADDRESS CALLS CONCURRENCY`
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

PROMPT = "Judge which of these two reasoning traces is better, and say why in one JSON object. " * 70
"""6 KB"""
RIVALS: dict[str, str] = {
    "inspect-ai": "inspect_ai",
    "curator": "bespokelabs.curator",
    "curator, openai": "bespokelabs.curator",
}
"""name, and the module by which it is known to be installed"""


async def bare(address: str, calls: int, concurrency: int) -> None:
    """Ask with aiohttp, one session and one worker for each call in flight."""
    import aiohttp  # noqa: PLC0415 - each client imports its own

    numbers = iter(range(calls))

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            message = {"role": "user", "content": f"{number}: {PROMPT}"}
            body = json.dumps({"model": "judge-1", "messages": [message], "max_tokens": 100}).encode()
            async with session.post(f"{address}/v1/chat/completions", data=body, headers=headers) as reply:
                json.loads(await reply.read())["choices"][0]["message"]["content"]

    headers = {"content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work(session))


def inspect(address: str, calls: int, concurrency: int) -> None:
    """Ask with inspect-ai: a task of samples that a model answers."""
    from inspect_ai import Task  # noqa: PLC0415
    from inspect_ai import eval as evaluate  # noqa: PLC0415
    from inspect_ai.dataset import Sample  # noqa: PLC0415
    from inspect_ai.solver import generate  # noqa: PLC0415

    samples = [Sample(input=f"{number}: {PROMPT}") for number in range(calls)]
    (log,) = evaluate(
        Task(dataset=samples, solver=[generate()]),
        model="openai/judge-1",
        model_base_url=f"{address}/v1",
        model_args={"responses_api": False},
        max_connections=concurrency,
        max_samples=concurrency,
        display="none",
    )
    if log.status != "success":
        sys.exit(f"inspect-ai: {log.status}: {log.error}")


def curator(address: str, calls: int, concurrency: int, *, model: str, backend: str | None) -> None:
    """Ask with bespokelabs-curator: one model over a list of prompts, without its cache."""
    os.environ |= {"CURATOR_DISABLE_CACHE": "1", "TELEMETRY_ENABLED": "false", "CURATOR_DISABLE_RICH_DISPLAY": "1"}
    from bespokelabs import curator as library  # noqa: PLC0415

    limits = {"max_requests_per_minute": 10**7, "max_tokens_per_minute": 10**10, "max_retries": 0}
    served = {"base_url": f"{address}/v1", "api_key": "benchmark", "max_concurrent_requests": concurrency}
    asked = library.LLM(model_name=model, backend=backend, backend_params=limits | served)
    replies = asked([f"{number}: {PROMPT}" for number in range(calls)])
    if len(getattr(replies, "dataset", replies)) != calls:
        sys.exit("curator: replies are missing")


def main() -> None:
    """Run the client that the command line names."""
    _, name, address, calls, concurrency = sys.argv
    match name:
        case "bare":
            asyncio.run(bare(address, int(calls), int(concurrency)))
        case "inspect-ai":
            inspect(address, int(calls), int(concurrency))
        case "curator":
            # By its defaults: it knows a model on a server of one's own by this prefix, and asks through LiteLLM.
            curator(address, int(calls), int(concurrency), model="hosted_vllm/judge-1", backend=None)
        case "curator, openai":
            # The backend that it picks for OpenAI's models, and takes for others only where it is named.
            curator(address, int(calls), int(concurrency), model="judge-1", backend="openai")


if __name__ == "__main__":
    main()
