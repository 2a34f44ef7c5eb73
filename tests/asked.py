"""Requests and judges for tests that ask them: two criteria, two traces in fences."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from builders import RUBRIC
from provider_server import ProviderServer

from judge.judges.base import Judge
from judge.judges.registry import open_judge
from judge.prompting.pairwise_prompt import reply_schema
from judge.schema import Image, JudgeSettings, JudgeSpec, Order, Prompt, Provider, Reply, Request

MODEL = "judge-1"
T = TypeVar("T")


def made_request(item: str = "q1", *, images: Sequence[Image] = (), evidence_chars: int | None = None) -> Request:
    fences = "<trace-1-3fa9c1>\nlonger trace\n</trace-1-3fa9c1>\n<trace-2-3fa9c1>\nshort\n</trace-2-3fa9c1>"
    return Request(
        key=hashlib.sha256(item.encode()).hexdigest()[:32],
        item=item,
        order=Order.FORWARD,
        judge=f"openai:{MODEL}",
        sample=0,
        prompt=Prompt(system="Be fair.", shared=f"Question {item}?", traces=fences, images=tuple(images)),
        schema_=reply_schema(RUBRIC, evidence_chars=evidence_chars),
    )


def made_spec(provider: str, server: ProviderServer | str | None, settings: JudgeSettings | None = None) -> JudgeSpec:
    """Return the spec of a judge behind a server, at an address, or (None) at the provider itself."""
    address = server.url if isinstance(server, ProviderServer) else server
    if address is not None and provider == "openai":
        address += "/v1"
    chosen = settings or JudgeSettings(max_output_tokens=1000)
    return JudgeSpec(provider=Provider(provider), model=MODEL, endpoint=address, settings=chosen)


def with_judge(
    spec: JudgeSpec,
    use: Callable[[Judge], Awaitable[T]],
    *,
    concurrency: int = 4,
    timeout: float = 5.0,
) -> T:
    """Open a judge in a loop of its own, use it and close it."""

    async def run() -> T:
        judge = open_judge(spec, concurrency=concurrency, timeout=timeout)
        try:
            return await use(judge)
        finally:
            await judge.close()

    return asyncio.run(run())


def ask(
    spec: JudgeSpec,
    request: Request | None = None,
    *,
    timeout: float = 5.0,
) -> Reply:
    return with_judge(spec, lambda judge: judge.ask(request or made_request()), timeout=timeout)
