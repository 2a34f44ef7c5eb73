"""Rewards for trainers, asked of a service (`omr-judge serve`): nothing of a trainer is imported here.

reward = judge.rewards.trl("http://127.0.0.1:8400", num_generations=8)  # GRPOTrainer(reward_funcs=[reward])
compute_score = judge.rewards.verl("http://127.0.0.1:8400")             # custom_reward_function.name=compute_score
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import httpx2

__all__ = ["NoRewardError", "trl", "verl"]

LONGEST_PAUSE = 30.0
MOST_TRIES = 5
"""answers that may lack a reward before verl is told that there is none"""
FIELDS = ("id", "answer", "reference", "checklist", "anchor", "images", "options")
"""columns of a data set that a request takes"""


class NoRewardError(Exception):
    """There is no verdict within the deadline: no number stands for that."""


def trl(
    url: str,
    *,
    num_generations: int | None = None,
    design: str | None = None,
    token_env: str | None = None,
    deadline_s: float = 600.0,
    step: Callable[[], int] | None = None,
) -> Callable[..., Coroutine[Any, Any, list[float | None]]]:
    """Return a reward function of TRL, to be awaited; without a verdict a reward is None, which TRL ignores.

    Args:
        url: of the service.
        num_generations: responses to each prompt, which come one after the other; None: as long as prompts are equal.
        design: which pairs of a group to ask; None: the service's own.
        token_env: the environment variable with the service's token.
        deadline_s: seconds after which a group that cannot be judged has no rewards.
        step: tells the step of training, by which the service's run can then be reported (`report --by step`).

    The data set's columns `id`, `answer`, `reference`, `checklist`, `anchor`, `images` and `options` are sent along.
    """

    async def preference_reward(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        **columns: Any,  # noqa: ANN401 - TRL's own form
    ) -> list[float | None]:
        groups = _groups(prompts, num_generations)
        asked = [
            {
                "prompt": prompts[group[0]],
                "responses": [_text(completions[place]) for place in group],
                **_own(columns, group[0]),
                **({"design": design} if design else {}),
                **({"subgroup": {"step": str(step())}} if step else {}),
            }
            for group in groups
        ]
        async with _client(url, token_env) as client:
            found = await asyncio.gather(*(_asked(client, body, deadline_s, tries=1) for body in asked))
        rewards: list[float | None] = [None] * len(completions)
        for group, own in zip(groups, found, strict=True):
            for place, reward in zip(group, own or [None] * len(group), strict=True):
                rewards[place] = reward
        return rewards

    return preference_reward


def verl(
    url: str, *, token_env: str | None = None, deadline_s: float = 1800.0
) -> Callable[..., Coroutine[Any, Any, dict[str, float]]]:
    """Return a reward function of verl, which makes 0.0 of an exception: so it waits and asks again until the deadline.

    Each response is compared with a stored trace: the one in its `extra_info["anchor"]`, else the service's own
    (`--anchors`) of `extra_info["id"]` or of the prompt in `extra_info["question"]` or `["prompt"]`.

    Args:
        url: of the service.
        token_env: the environment variable with the service's token.
        deadline_s: seconds after which `NoRewardError` is raised.
    """

    async def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: object = None,
        extra_info: Mapping[str, Any] | None = None,
        **_: object,
    ) -> dict[str, float]:
        info = extra_info or {}
        body = {
            **{name: info[name] for name in FIELDS if info.get(name) is not None},
            "prompt": info.get("question") or info.get("prompt") or "",
            "responses": [solution_str],
            "design": "anchor",
            "subgroup": {"data_source": data_source},
        }
        if isinstance(ground_truth, str | int | float):
            body["answer"] = str(ground_truth)
        async with _client(url, token_env) as client:
            found = await _asked(client, body, deadline_s, tries=MOST_TRIES)
        if found is None or found[0] is None:
            raise NoRewardError(f"no verdict within {deadline_s:g} s")
        return {"score": found[0]}

    return compute_score


def _client(url: str, token_env: str | None) -> httpx2.AsyncClient:
    headers = {"authorization": f"Bearer {os.environ[token_env]}"} if token_env else {}
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=None, limits=httpx2.Limits(max_connections=64))


async def _asked(
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
        NoRewardError: the service refuses the request, and would again.
    """
    end, pause, rewards = time.monotonic() + deadline_s, 0.5, None
    while (left := end - time.monotonic()) > 0:
        told = 0.0
        try:
            async with asyncio.timeout(left + 5):
                reply = await client.post("/v1/preferences", json={**body, "deadline_s": left})
            if reply.status_code == httpx2.codes.OK:
                rewards = reply.json()["rewards"]
                tries -= 1
                if None not in rewards or not tries:
                    return list(rewards)
            elif reply.status_code < httpx2.codes.INTERNAL_SERVER_ERROR and reply.status_code != 408:  # noqa: PLR2004
                raise NoRewardError(f"{reply.status_code}: {reply.text[:500]}")
            told = float(reply.headers.get("retry-after") or 0)
        except (httpx2.TransportError, TimeoutError):
            pass  # it is gone, or comes back
        await asyncio.sleep(min(max(told, pause * random.uniform(0.5, 1)), max(0.0, end - time.monotonic())))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)
    return rewards


def _groups(prompts: Sequence[Any], size: int | None) -> list[list[int]]:
    """Return the places of each group."""
    if size:
        return [list(range(start, min(start + size, len(prompts)))) for start in range(0, len(prompts), size)]
    groups: list[list[int]] = []
    for place, prompt in enumerate(prompts):
        if groups and prompts[groups[-1][0]] == prompt:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _text(completion: Any) -> str:  # noqa: ANN401 - a text, or messages
    return completion if isinstance(completion, str) else "".join(str(one.get("content") or "") for one in completion)


def _own(columns: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return the columns of a row that a request takes."""
    found = {name: columns[name][place] for name in FIELDS if columns.get(name) is not None}
    return {name: str(value) if name == "id" else value for name, value in found.items() if value is not None}
