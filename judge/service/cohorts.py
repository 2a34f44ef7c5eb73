"""Gather responses that come one by one into the groups that they were sampled in."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from judge.service.preferences import BusyError

RETRY_SECONDS = 30.0
REMEMBERED = 100_000
"""rewards that are kept for callers that ask again"""


class Waiting(NamedTuple):
    """A response that waits for the others of its group."""

    text: str
    reward: asyncio.Future[float]


class Cohorts:
    """Groups by their key, each judged once it is whole.

    Args:
        size: of a group.
        seconds: for which a response waits for the others.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self.size, self._seconds = size, seconds
        self._waiting: dict[Hashable, list[dict[Hashable, Waiting]]] = {}
        self._known: OrderedDict[Hashable, float] = OrderedDict()
        self._judging: set[asyncio.Task[None]] = set()

    async def reward(
        self, group: Hashable, member: Hashable, text: str, judge: Callable[[list[str]], Awaitable[list[float]]]
    ) -> float:
        """Return the reward of a response once its group is whole and judged.

        Args:
            group: what the responses of a group have in common.
            member: which of them it is: who asks again gives the same.
            text: the response.
            judge: judges the texts of the group; they come sorted, so that the same group is the same request.

        Raises:
            BusyError: the group did not become whole in time.
        """
        if (known := self._known.get((group, member))) is not None:
            return known
        cohorts = self._waiting.setdefault(group, [])
        has_room = (one for one in cohorts if len(one) < self.size)
        waiting = next((one for one in cohorts if member in one), None) or next(has_room, None)
        if waiting is None:
            cohorts.append(waiting := {})
        if member not in waiting:
            waiting[member] = Waiting(text, asyncio.get_running_loop().create_future())
            if len(waiting) == self.size:
                task = asyncio.create_task(self._judge(group, waiting, judge))  # whoever came last may leave
                self._judging.add(task)
                task.add_done_callback(self._judging.discard)
        mine = waiting[member]
        done, _ = await asyncio.wait([mine.reward], timeout=self._seconds)
        if not done:
            if len(waiting) < self.size:
                waiting.pop(member, None)
            raise BusyError(f"its group of {self.size} did not become whole", RETRY_SECONDS)
        return mine.reward.result()

    async def _judge(
        self,
        group: Hashable,
        waiting: dict[Hashable, Waiting],
        judge: Callable[[list[str]], Awaitable[list[float]]],
    ) -> None:
        """Judge a whole group, and tell all that wait for it; they hear of an error, too."""
        ordered = sorted(waiting.items(), key=lambda one: one[1].text)
        try:
            rewards = await judge([one.text for _, one in ordered])
        except Exception as error:  # noqa: BLE001 - each that waits raises it
            for one in waiting.values():
                one.reward.set_exception(error)
                one.reward.exception()  # whoever waited may be gone
            return
        finally:
            self._waiting[group].remove(waiting)
            if not self._waiting[group]:
                del self._waiting[group]
        for (member, one), reward in zip(ordered, rewards, strict=True):
            one.reward.set_result(reward)
            self._known[group, member] = reward
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
