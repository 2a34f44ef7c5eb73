"""OpenRLHF's remote reward model (`--reward.remote_url .../openrlhf`): `query`, `prompts`, `labels` -> `rewards`.

A sample that comes alone is compared with the stored trace of its prompt (`--anchors`); several of one prompt in a call
are a group. OpenRLHF gives up after 180 s and asks five times: what was judged meanwhile is found again.
"""

from __future__ import annotations

import asyncio
from itertools import zip_longest
from typing import Any

from msgspec import Struct

from judge.errors import InputError
from judge.service.group_requests import PreferenceRequest, Preferences
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import Endpoint, label_text, preferred

DEADLINE_SECONDS = 170.0


class RemoteReward(Struct):
    """The body: lists of equal length."""

    query: list[str]
    """prompt and response as one text"""
    prompts: list[str] = []
    labels: list[Any] = []
    """right answers; what is no text or number is none"""


async def remote_reward(judge: AsyncPreferenceJudge, body: RemoteReward) -> object:
    """Answer with a reward for each query; they are in [0, 1], and so are scores too."""
    n = len(body.query)
    if len(body.prompts) not in {0, n} or len(body.labels) not in {0, n}:
        raise InputError("query", "prompts or labels are not as many as the queries", "send lists of equal length")
    groups: dict[tuple[str, str | None], list[int]] = {}
    for place, (_, prompt, label) in enumerate(zip_longest(body.query, body.prompts, body.labels)):
        groups.setdefault((prompt or "", label_text(label)), []).append(place)

    async def rewarded(prompt: str, label: str | None, places: list[int]) -> tuple[Preferences, list[float]]:
        request = PreferenceRequest(
            prompt=prompt,
            responses=[_response(body.query[place], prompt) for place in places],
            answer=label,
            design=None if len(places) > 1 else "anchor",
            deadline_s=DEADLINE_SECONDS,
        )
        return await preferred(judge, request)

    found = await asyncio.gather(*(rewarded(*key, places) for key, places in groups.items()))
    placed = {
        place: (reward, error, answer.failed)
        for places, (answer, own) in zip(groups.values(), found, strict=True)
        for place, reward, error in zip(places, own, answer.se, strict=False)
    }
    rewards, errors, failed = zip(*(placed[place] for place in range(n)), strict=True) if n else ((), (), ())
    return {"rewards": rewards, "scores": rewards, "extra_logs": {"judge_se": errors, "judge_failed": failed}}


def _response(query: str, prompt: str) -> str:
    """Return what follows the prompt, before which a tokenizer may have put a mark of its own."""
    _, found, response = query.partition(prompt) if prompt else ("", "", query)
    return response if found else query


ENDPOINTS = [Endpoint("/openrlhf", RemoteReward, remote_reward)]
