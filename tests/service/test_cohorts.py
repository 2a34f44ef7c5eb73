"""Responses that come alone wait for their group, and hear of it whatever comes."""

from __future__ import annotations

import asyncio

import pytest

from judge.service import cohorts as module
from judge.service.cohorts import Cohorts, Rollout
from judge.service.preferences import BusyError


async def lengths(texts: list[str]) -> list[float]:
    return [float(len(text)) for text in texts]


def test_a_group_is_judged_sorted_so_that_it_is_the_same_request_in_any_order() -> None:
    seen = []

    async def judge(texts: list[str]) -> list[float]:
        seen.append(texts)
        return await lengths(texts)

    async def ask(order: list[str]) -> list[float]:
        cohorts = Cohorts(3, 5)
        return await asyncio.gather(*(cohorts.reward("q", Rollout(text, text), judge) for text in order))

    assert asyncio.run(ask(["ccc", "a", "bb"])) == [3, 1, 2]
    assert asyncio.run(ask(["a", "bb", "ccc"])) == [1, 2, 3]
    assert seen == [["a", "bb", "ccc"]] * 2


def test_who_is_one_too_many_begins_a_further_group() -> None:
    async def main() -> list[float]:
        cohorts = Cohorts(2, 5)
        asked = [cohorts.reward("q", Rollout(number, "x" * number), lengths) for number in range(1, 5)]
        return await asyncio.gather(*asked, cohorts.reward("q", Rollout(1, "x"), lengths))

    assert asyncio.run(main()) == [1, 2, 3, 4, 1]


def test_a_group_that_does_not_become_whole_is_told_and_forgotten() -> None:
    async def main() -> list[float]:
        cohorts = Cohorts(2, 0.05)
        with pytest.raises(BusyError, match="its group of 2 did not become whole"):
            await cohorts.reward("q", Rollout(1, "x"), lengths)
        return await asyncio.gather(*(cohorts.reward("q", Rollout(n, "x" * n), lengths) for n in (2, 3)))

    assert asyncio.run(main()) == [2, 3]


def test_an_error_reaches_each_that_waits_and_the_repeat_is_judged_anew() -> None:
    broken = True

    async def judge(texts: list[str]) -> list[float]:
        if broken:
            raise BusyError("away", 1.0)
        return await lengths(texts)

    async def main() -> list[float]:
        nonlocal broken
        cohorts = Cohorts(2, 5)
        asked = [cohorts.reward("q", Rollout(number, "x" * number), judge) for number in (1, 2)]
        errors = await asyncio.gather(*asked, return_exceptions=True)
        assert [str(error) for error in errors] == ["away", "away"]
        broken = False
        return await asyncio.gather(*(cohorts.reward("q", Rollout(number, "x" * number), judge) for number in (2, 1)))

    assert asyncio.run(main()) == [2, 1]


def test_the_next_epochs_samples_of_a_task_get_rewards_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        cohorts = Cohorts(2, 5)

        async def group(*texts: str) -> list[float]:
            members = [Rollout(place, text) for place, text in enumerate(texts)]
            return await asyncio.gather(*(cohorts.reward("q", member, lengths) for member in members))

        assert await group("a", "bb") == [1, 2]
        assert await group("a", "bb") == [1, 2]  # a repeat, of which each finds its own
        assert await group("cccc", "ddd") == [4, 3]
        first, second = await asyncio.gather(group("e", "ff"), group("ggg", "hhhh"))  # the task twice in a batch
        assert (first, second) == ([1, 2], [3, 4])
        monkeypatch.setattr(module, "REPEAT_SECONDS", 0.0)
        assert await group("a", "zzzzz") == [1, 5]  # one text comes up again

    asyncio.run(main())


def test_a_group_that_is_judged_too_long_says_so_and_the_repeat_finds_its_rewards() -> None:
    async def main() -> None:
        cohorts, free = Cohorts(1, 0.05), asyncio.Event()

        async def judge(texts: list[str]) -> list[float]:
            await free.wait()
            return await lengths(texts)

        with pytest.raises(BusyError, match="its group of 1 is not judged yet"):
            await cohorts.reward("q", Rollout(1, "xx"), judge)
        free.set()
        assert await cohorts.reward("q", Rollout(1, "xx"), judge) == 2

    asyncio.run(main())


def test_rewards_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)

    async def main() -> None:
        cohorts = Cohorts(2, 0.05)
        for group in ("q", "r"):
            await asyncio.gather(*(cohorts.reward(group, Rollout(number, "x"), lengths) for number in (1, 2)))
        assert await cohorts.reward("r", Rollout(1, "x"), lengths) == 1
        with pytest.raises(BusyError):
            await cohorts.reward("q", Rollout(1, "x"), lengths)

    asyncio.run(main())
