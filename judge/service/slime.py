"""slime's remote reward model (`--rm-type remote_rm --rm-url .../slime`): one sample a call, the answer is the reward.

Each response is compared with the stored trace of its prompt (`--anchors`). slime gives up after 120 s and asks ten
times with growing pauses: what was judged meanwhile is found again.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from judge.service.group_requests import PreferenceRequest
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import Endpoint, label_text, preferred

DEADLINE_SECONDS = 110.0


class RemoteSample(Struct):
    """The body."""

    prompt: str | list[dict[str, Any]]
    response: str
    label: Any = None
    """the right answer; what is no text or number is none"""


async def remote_rm(judge: AsyncPreferenceJudge, body: RemoteSample) -> object:
    """Answer with the reward of a sample, in [0, 1]."""
    request = PreferenceRequest(
        prompt=body.prompt,
        responses=[body.response],
        answer=label_text(body.label),
        design="anchor",
        deadline_s=DEADLINE_SECONDS,
    )
    _, (reward,) = await preferred(judge, request)
    return reward


ENDPOINTS = [Endpoint("/slime", RemoteSample, remote_rm)]
