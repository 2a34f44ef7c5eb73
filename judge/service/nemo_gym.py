"""NeMo Gym's `genrm_compare`: `/compare` judges a group, `/verify` gathers one (`--cohort N`) from single rollouts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from judge.service.cohorts import Cohorts
from judge.service.group_requests import PreferenceRequest
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import Endpoint, preferred

DEADLINE_SECONDS = 600.0


class CompareBody(Struct):
    """The body of `/compare`."""

    conversation_history: list[dict[str, Any]]
    response_objs: list[dict[str, Any]]
    """of the Responses API"""
    principle: str | None = None
    """what to judge by"""


def output_text(response: Mapping[str, Any]) -> str:
    """Return the text of a response of the Responses API, without its reasoning."""
    parts = [p for m in response.get("output") or () if m.get("type") == "message" for p in m.get("content") or ()]
    return "".join(str(part.get("text") or "") for part in parts if part.get("type") == "output_text")


def group_of(history: str | list[dict[str, Any]], texts: list[str], principle: str | None) -> PreferenceRequest:
    """Return what is asked of a group: a principle stands at the end of the conversation."""
    messages = [{"role": "user", "content": history}] if isinstance(history, str) else history
    told = [{"role": "principle to judge by", "content": principle}] if principle else []
    design = "anchor" if len(texts) == 1 else None
    return PreferenceRequest(prompt=[*messages, *told], responses=texts, design=design, deadline_s=DEADLINE_SECONDS)


async def compare(judge: AsyncPreferenceJudge, body: CompareBody) -> object:
    """Answer with rewards; the scores of a pair are its credits, its ranking goes from 1 (i wins) to 6."""
    texts = [output_text(response) for response in body.response_objs]
    answer, rewards = await preferred(judge, group_of(body.conversation_history, texts, body.principle))
    names = list(dict.fromkeys(pair.judge for pair in answer.pairs))
    said = [(pair, pair.p) for pair in answer.pairs if pair.p is not None]
    results = [
        {"response_i": pair.i, "response_j": pair.j, "judge_idx": names.index(pair.judge)}
        | {"score_1": p, "score_2": 1 - p, "ranking": 6 - 5 * p}
        for pair, p in said
    ]
    metrics = {"failed": float(answer.failed), "n_comparisons": float(len(said))}
    return {"rewards": rewards, "comparison_results": results, "metrics": metrics}


def endpoints(cohort: int) -> list[Endpoint]:
    """Return the paths; with a cohort of 0, `/verify` compares each rollout with its stored trace."""
    cohorts = Cohorts(cohort, DEADLINE_SECONDS)

    async def verify(judge: AsyncPreferenceJudge, body: dict[str, Any]) -> object:
        history = (body.get("responses_create_params") or {}).get("input") or []
        text, principle = output_text(body.get("response") or {}), body.get("principle")

        async def rewards(texts: list[str]) -> list[float]:
            return (await preferred(judge, group_of(history, texts, principle)))[1]

        if cohort < 2:  # noqa: PLR2004 - alone
            return body | {"reward": (await rewards([text]))[0]}
        task, rollout = body.get("_ng_task_index"), body.get("_ng_rollout_index")
        group = hashlib.sha256(msgspec.json.encode([history, principle, task])).digest()
        member = object() if rollout is None else rollout
        return body | {"reward": await cohorts.reward(group, member, text, rewards)}

    return [Endpoint("/compare", CompareBody, compare), Endpoint("/verify", dict[str, Any], verify)]
