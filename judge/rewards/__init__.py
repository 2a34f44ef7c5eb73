"""Rewards for trainers, asked of a service (`omr-judge serve`): nothing of a trainer is imported here.

reward = judge.rewards.trl("http://127.0.0.1:8400", num_generations=8)  # GRPOTrainer(reward_funcs=[reward])
compute_score = judge.rewards.verl("http://127.0.0.1:8400")             # custom_reward_function.name=compute_score
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import httpx2

from judge.rewards.asking import NoRewardError, asked, client_of
from judge.rewards.values import TEXTS, columns_of, plain, prompt_of, text_of

__all__ = ["NoRewardError", "trl", "verl"]

MOST_TRIES = 5
"""answers that may lack a reward before verl is told that there is none"""


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
        num_generations: most responses of a group; None: all that stand one after the other under the same prompt.
        design: which pairs of a group to ask; None: the service's own.
        token_env: the environment variable with the service's token.
        deadline_s: seconds after which a group that cannot be judged has no rewards.
        step: tells the step of training, by which the service's run can then be reported (`report --by step`); None:
            the step that TRL tells.

    The data set's columns `id`, `answer`, `reference`, `checklist`, `anchor`, `options`, and `images` or `image`, are
    sent along; pictures may be PIL's. A response that is alone under its prompt is compared with its `anchor`, or with
    the service's (`--anchors`); where there is none, its reward is None.
    """

    async def preference_reward(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        **columns: Any,  # noqa: ANN401 - TRL's own form
    ) -> list[float | None]:
        number = step() if step else getattr(columns.get("trainer_state"), "global_step", None)
        rows = [
            {name: own[place] for name, own in columns.items() if isinstance(own, list | tuple)}
            for place in range(len(completions))
        ]
        rewards: list[float | None] = [None] * len(completions)

        async def reward(group: Sequence[int]) -> None:
            first, is_alone = group[0], len(group) == 1
            chosen = "anchor" if is_alone else design
            body = {
                "prompt": prompt_of(prompts[first]),
                "responses": [text_of(completions[place]) for place in group],
                **columns_of(rows[first], prompts[first]),
                **({"design": chosen} if chosen else {}),
                **({"subgroup": {"step": str(number)}} if number is not None else {}),
            }
            try:
                found = await asked(client, body, deadline_s, tries=1)
            except NoRewardError as error:
                if is_alone and error.status == httpx2.codes.UNPROCESSABLE_CONTENT:
                    return  # no anchor is known
                raise
            for place, own in zip(group, found or [None] * len(group), strict=True):
                rewards[place] = own

        async with client_of(url, token_env) as client:
            await asyncio.gather(*map(reward, _groups(prompts, rows, num_generations)))
        return rewards

    return preference_reward


def verl(
    url: str, *, token_env: str | None = None, deadline_s: float = 1800.0
) -> Callable[..., Coroutine[Any, Any, dict[str, float]]]:
    """Return a reward function of verl, which makes 0.0 of an exception: so it waits and asks again until the deadline.

    It is to be awaited, as verl's reward managers but `remote` do. Each response is compared with a stored trace: the
    one in its `extra_info["anchor"]`, else the service's own (`--anchors`) of `extra_info["id"]` or of the prompt in
    `extra_info["question"]` or `["prompt"]`.

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
        info, right = extra_info or {}, plain(ground_truth)
        answer = {"answer": right} if isinstance(right, str | int | float) else {}
        asks = (info[name] for name in ("question", "prompt") if info.get(name) is not None)
        prompt = next(asks, "")
        body = {
            "prompt": prompt_of(prompt),
            "responses": [solution_str],
            "design": "anchor",
            "subgroup": {"data_source": str(data_source)},
            **columns_of({**info, **answer}, prompt),
        }
        async with client_of(url, token_env) as client:
            found = await asked(client, body, deadline_s, tries=MOST_TRIES)
        if found is None or found[0] is None:
            raise NoRewardError(f"no verdict within {deadline_s:g} s")
        return {"score": found[0]}

    return compute_score


def _groups(prompts: Sequence[Any], rows: Sequence[Mapping[str, Any]], size: int | None) -> list[list[int]]:
    """Return the places of each group: what stands together under the same prompt and texts, up to a size."""
    groups: list[list[int]] = []
    known: object = None
    for place, prompt in enumerate(prompts):
        own = [prompt, *(rows[place].get(name) for name in TEXTS)]
        if groups and len(groups[-1]) != size and own == known:
            groups[-1].append(place)
        else:
            groups.append([place])
        known = own
    return groups
