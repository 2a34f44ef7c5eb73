"""The interface of providers' batches, packs of requests, and the reading of results."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from judge.dispatch.retry_policy import RetryPolicy
from judge.errors import ProviderError, RetryableError, StopRunError
from judge.files.limits import MIB, OWN_LINE_BYTES
from judge.judges.prompt_counts import Sent
from judge.schema import FailureKind, JudgeSpec, Reply, Request, RequestForm

P = ParamSpec("P")
T = TypeVar("T")
Part = TypeVar("Part")


@dataclass(frozen=True)
class PackLimits:
    """What one batch may hold."""

    requests: int
    size: int
    """bytes of all its requests"""


def packs(parts: Iterable[Part], *, size_of: Callable[[Part], int], limits: PackLimits) -> Iterator[Iterator[Part]]:
    """Yield consecutive packs as full as the limits allow, in order and without loss.

    A pack is read before the next one is drawn: what is left of it then is skipped, as with `itertools.groupby`.

    Args:
        parts: what is packed, drawn lazily.
        size_of: the bytes of a part; ValueError if one alone is above the limit.
        limits: of each pack.
    """
    number = count = filled = 0

    def pack_of(part: Part) -> int:
        nonlocal number, count, filled
        size = size_of(part)
        if size > limits.size:
            raise ValueError(f"a part of {size} bytes fits into no pack of {limits.size}")
        if count == limits.requests or filled + size > limits.size:
            number, count, filled = number + 1, 0, 0
        count, filled = count + 1, filled + size
        return number

    for _, pack in groupby(parts, key=pack_of):
        yield pack


class Frame(NamedTuple):
    """What stands around the requests of a batch in the bytes that are sent."""

    before: bytes
    between: bytes
    after: bytes


class BatchState(NamedTuple):
    """How far a batch is."""

    ended: bool
    n_replied: int = 0
    n_failed: int = 0
    """requests that ended without a reply: errors, expired, cancelled"""
    sources: tuple[str, ...] = ()
    """what `results` reads, once it ended"""
    problem: str = ""
    """why none of it was or will be answered"""


class BatchResult(NamedTuple):
    """One line of a batch's results."""

    key: str | None
    """of its request; None: the line cannot be read"""
    reply: Reply | ProviderError
    reply_id: str = ""
    """the provider's name of the reply"""


@dataclass(frozen=True)
class LostBatch:
    """A batch that may have been accepted without our hearing of it."""

    mark: str
    """32 hex digits that went with it, where the provider has a field for them"""
    since: datetime
    """when it was submitted, by our clock"""
    newest: str | None
    """it came after this batch of the provider's; empty: there was none; None: nobody knows"""
    n_requests: int
    known: frozenset[str]
    """ids of the provider's batches that are others"""


class BatchJudge(Protocol):
    """A judge whose provider takes batches."""

    spec: JudgeSpec
    limits: PackLimits
    """a little below the provider's own"""
    frame: Frame
    keeps_marks: bool
    """whether `find` is certain of what it finds"""
    forms: frozenset[RequestForm]
    """in what its requests differ from the usual ones"""
    allowed_models: Sequence[str]
    """names that replies may bear beside that of the model that is asked"""

    def check(self, reply: Reply, sent: Sent, *, reply_id: str, headers: Mapping[str, str]) -> Reply:
        """Return a reply as a failure where it is another model's, or answers another prompt than its request's."""

    def line(self, request: Request) -> bytes:
        """Return a request as it stands in a batch, under its key."""

    async def upload(self, file: Path) -> str:
        """Hand the file of a batch over, where that comes before creating it; return what `create` is told."""

    async def newest(self) -> str:
        """Return the id of the provider's newest batch, where `find` needs it; empty where there is none."""

    async def create(self, uploaded: str, *, mark: str) -> str:
        """Submit a batch and return the provider's id: from here on it costs money."""

    async def find(self, lost: LostBatch) -> list[str]:
        """Return the ids of batches that may be the lost one, newest first."""

    async def state(self, batch_id: str) -> BatchState:
        """Ask how far a batch is."""

    def results(self, source: str) -> AsyncGenerator[BatchResult, None]:
        """Stream results, in any order; RetryableError where the stream breaks off."""

    async def close(self) -> None:
        """Close connections."""


async def call_with_retries(
    policy: RetryPolicy, what: str, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Make a call about a batch, again while it fails in passing; StopRunError, naming `what`, when it stays failed."""
    try:
        return await policy.call(partial(call, *args, **kwargs))
    except ProviderError as error:
        raise StopRunError(error.kind, f"{what}: {error.message}", status=error.status) from error


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a stream that are not blank; only a newline ends one, whatever else Unicode calls a break."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > OWN_LINE_BYTES:
            told = f"a result of more than {OWN_LINE_BYTES // MIB} MiB"
            raise RetryableError(FailureKind.TRANSPORT, told, maybe_paid=True)
        for line in whole:
            if line.strip():
                yield line
    if rest.strip():
        yield rest


def read_result(raw: bytes, read: Callable[[dict[str, Any]], tuple[Reply, str]]) -> BatchResult:
    """Read one line of results; what cannot be read is an error of its request, or of an unknown one.

    Args:
        raw: the line.
        read: returns the reply that a parsed line holds, with its name, or raises the ProviderError that it tells of.
    """
    key: str | None = None
    try:
        line = json.loads(raw)
        key = str(line["custom_id"])
        return BatchResult(key, *read(line))
    except ProviderError as error:
        return BatchResult(key, error)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        told = f"no result that can be read: {error!r:.200}"
        return BatchResult(key, RetryableError(FailureKind.TRANSPORT, told, maybe_paid=True))
