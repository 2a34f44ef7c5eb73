"""Gather responses that come one by one into the groups that they were sampled in."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from judge.service.preferences import BusyError

RETRY_SECONDS = 30.0
REMEMBERED = 100_000
"""rewards that are kept for callers that ask again"""
REPEAT_SECONDS = 900.0
"""in which the same response of the same group is taken for a repeat; later it is a new sample, of a next epoch"""


class Rollout(NamedTuple):
    """A response of a group: who asks again gives the same."""

    place: Hashable
    """which of the group's it is"""
    text: str

    def repeat(self, group: Hashable) -> Hashable:
        """Return by what a repeat is known, without its text."""
        return group, self.place, hashlib.sha256(self.text.encode(errors="replace")).digest()


class KnownReward(NamedTuple):
    """A reward that was answered."""

    reward: float
    at: float
    """by the monotonic clock"""


Waiting = dict[Rollout, "asyncio.Future[float]"]
"""the responses that wait for the others of their group"""


class Cohorts:
    """Groups by their key, each judged once it is whole.

    Args:
        size: of a group.
        seconds: for which a response waits for the others.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self.size, self._seconds = size, seconds
        self._waiting: dict[Hashable, list[Waiting]] = {}
        self._known: OrderedDict[Hashable, KnownReward] = OrderedDict()
        self._judging: set[asyncio.Task[None]] = set()

    async def reward(
        self, group: Hashable, rollout: Rollout, judge: Callable[[list[str]], Awaitable[list[float]]]
    ) -> float:
        """Return the reward of a response once its group is whole and judged.

        Args:
            group: what the responses of a group have in common.
            rollout: the response.
            judge: judges the texts of the group; they come sorted, so that the same group is the same request.

        Raises:
            BusyError: the group did not become whole in time.
        """
        cohorts = self._waiting.get(group, [])
        places = [{one.place for one in cohort} for cohort in cohorts]
        lacks_it = (
            c for c, own in zip(cohorts, places, strict=True) if len(c) < self.size and rollout.place not in own
        )
        waiting = next((one for one in cohorts if rollout in one), None) or next(lacks_it, None)
        if waiting is None:
            known = self._known.get(rollout.repeat(group))
            if known is not None and time.monotonic() - known.at < REPEAT_SECONDS:
                return known.reward
            self._waiting.setdefault(group, []).append(waiting := {})
        if rollout not in waiting:
            waiting[rollout] = asyncio.get_running_loop().create_future()
            if len(waiting) == self.size:
                task = asyncio.create_task(self._judge(group, waiting, judge))  # whoever came last may leave
                self._judging.add(task)
                task.add_done_callback(self._judging.discard)
        mine = waiting[rollout]
        done, _ = await asyncio.wait([mine], timeout=self._seconds)
        if not done:
            if len(waiting) < self.size:
                waiting.pop(rollout, None)
                if not waiting:
                    self._forget(group, waiting)
                raise BusyError(f"its group of {self.size} did not become whole", RETRY_SECONDS)
            raise BusyError(f"its group of {self.size} is not judged yet", RETRY_SECONDS)
        return mine.result()

    def _forget(self, group: Hashable, waiting: Waiting) -> None:
        """Wait for a cohort no more."""
        left = [one for one in self._waiting.pop(group, []) if one is not waiting]
        if left:
            self._waiting[group] = left

    async def _judge(
        self, group: Hashable, waiting: Waiting, judge: Callable[[list[str]], Awaitable[list[float]]]
    ) -> None:
        """Judge a whole group, and tell all that wait for it; they hear of an error, too."""
        ordered = sorted(waiting.items(), key=lambda one: one[0].text)
        try:
            rewards = await judge([rollout.text for rollout, _ in ordered])
        except Exception as error:  # noqa: BLE001 - each that waits raises it
            for one in waiting.values():
                one.set_exception(error)
                one.exception()  # whoever waited may be gone
            return
        finally:
            self._forget(group, waiting)
        for (rollout, one), reward in zip(ordered, rewards, strict=True):
            one.set_result(reward)
            self._known[rollout.repeat(group)] = KnownReward(reward, time.monotonic())
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
