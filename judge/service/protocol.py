"""What the protocols of trainers have in common: a path, and what answers a body; errors become statuses here alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from judge.errors import InputError, RunError
from judge.files.limits import holds_too_much, limits
from judge.service.group_requests import PreferenceRequest, Preferences
from judge.service.preferences import AsyncPreferenceJudge, BusyError

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_SECONDS = 30.0
"""in which a body has to arrive"""
RETRY_SECONDS = 5.0


class Endpoint(NamedTuple):
    """A path of a protocol, asked by POST."""

    path: str
    body: Any
    """type of the body, checked before it is answered"""
    answer: Callable[[AsyncPreferenceJudge, Any], Awaitable[object]]
    """returns what is sent as JSON"""


class Refusal(Exception):  # noqa: N818 - it answers a request
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        why: in words.
        retry_after: seconds, where the same may be asked again.
    """

    def __init__(self, status: int, why: str, retry_after: float | None = None) -> None:
        self.status, self.why, self.retry_after = status, why, retry_after
        super().__init__(why)


class BodyBudget:
    """Bounds what all bodies that are being read and answered hold together.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0

    def take(self, n: int, *, fits: bool) -> None:
        """Take bytes; Refusal where there are none left, or a body does not fit."""
        if not fits:
            raise Refusal(413, f"the body is larger than {limits().max_record_mb} MiB (--max-record-mb)")
        if self.held + n > self.most:
            raise Refusal(503, "too much is being read at once", RETRY_SECONDS)
        self.held += n


async def read_body(request: Request, budget: BodyBudget) -> bytes:
    """Return a body of JSON, whose bytes the caller gives back; Refusal where it is too long, too slow, or no JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refusal(415, "the body has to be application/json")
    most, parts, n = limits().record_bytes, list[bytes](), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                n += len(part)
                budget.take(len(part), fits=n <= most)
                parts.append(part)
    except BaseException as error:
        budget.held -= sum(map(len, parts))
        if isinstance(error, TimeoutError):
            raise Refusal(408, f"the body did not come within {BODY_SECONDS:.0f} s") from error
        raise
    return b"".join(parts)


async def answered(endpoint: Endpoint, judge: AsyncPreferenceJudge, body: bytes) -> object:
    """Answer a body; Refusal where there is no answer."""
    if holds_too_much(body):
        raise Refusal(413, "the body holds too many values")
    try:
        return await endpoint.answer(judge, msgspec.json.decode(body, type=endpoint.body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(422, str(error)) from error
    except InputError as error:
        raise Refusal(422, str(error)) from error
    except BusyError as error:
        raise Refusal(503, str(error), error.retry_after) from error
    except RunError as error:
        raise Refusal(503, str(error), RETRY_SECONDS) from error


def label_text(label: object) -> str | None:
    """Return a trainer's label as the right answer; None where it is none."""
    return (str(label) or None) if isinstance(label, str | int | float) else None


async def preferred(judge: AsyncPreferenceJudge, request: PreferenceRequest) -> tuple[Preferences, list[float]]:
    """Judge a group for a protocol that knows no missing reward: Refusal (503) where one is missing, never a number.

    What was judged is kept: when the same is asked again, only what is missing is.
    """
    answer = await judge.answer(request)
    return answer, complete(answer)


def complete(answer: Preferences) -> list[float]:
    """Return the rewards of a group; Refusal where one is missing."""
    known = [reward for reward in answer.rewards if reward is not None]
    if len(known) < len(answer.rewards):
        reasons = sorted({pair.why_not for pair in answer.pairs if pair.why_not}) or ["no verdict decides"]
        missing = f"{len(answer.rewards) - len(known)} of {len(answer.rewards)} rewards are missing"
        raise Refusal(503, f"{missing}: {', '.join(reasons)}", RETRY_SECONDS)
    return known
