"""The service's own protocol: `POST /v1/preferences`, in which a reward without a verdict is null."""

from __future__ import annotations

from judge.service.group_requests import PreferenceRequest
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import Endpoint


async def preferences(judge: AsyncPreferenceJudge, request: PreferenceRequest) -> object:
    """Answer a group of responses: every field is one of `Preferences`."""
    return await judge.answer(request)


ENDPOINTS = [Endpoint("/v1/preferences", PreferenceRequest, preferences)]
