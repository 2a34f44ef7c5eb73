"""NeMo Gym's `/verify`, which sends rollouts one by one: they are gathered into groups (`--cohort N`)."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from judge.service.cohorts import Cohorts, Rollout
from judge.service.group_requests import Prompt
from judge.service.nemo_gym import DEADLINE_SECONDS, PolicyResponse, group_of
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import Endpoint, preferred

GROUP_FIELDS = ("_ng_group_id", "_ng_group_attempt", "_ng_task_index", "prompt_id")
"""what tells a group apart; older versions name the task alone, which the next epoch samples again"""


class Asked(Struct):
    """What a rollout was asked."""

    input: Prompt = ""


class VerifyBody(Struct):
    """The body of `/verify`, as far as it is read; it is given back with a reward."""

    response: PolicyResponse
    responses_create_params: Asked
    principle: str | None = None


def endpoints(cohort: int) -> list[Endpoint]:
    """Return the path; with a cohort of 0, `/verify` compares each rollout with its stored trace."""
    cohorts = Cohorts(cohort, DEADLINE_SECONDS)

    async def verify(judge: AsyncPreferenceJudge, body: dict[str, Any]) -> object:
        read = msgspec.convert(body, VerifyBody)
        history, text = read.responses_create_params.input, read.response.text()

        async def rewards(texts: list[str]) -> list[float]:
            return (await preferred(judge, group_of(history, texts, read.principle)))[1]

        if cohort < 2:  # noqa: PLR2004 - alone
            return body | {"reward": (await rewards([text]))[0]}
        told = [history, read.principle, *(body.get(name) for name in GROUP_FIELDS)]
        places = (body.get("_ng_rollout_index"), read.response.id)
        place = next((str(one) for one in places if one is not None), object())
        group = hashlib.sha256(msgspec.json.encode(told)).digest()
        return body | {"reward": await cohorts.reward(group, Rollout(place, text), rewards)}

    return [Endpoint("/verify", dict[str, Any], verify)]
