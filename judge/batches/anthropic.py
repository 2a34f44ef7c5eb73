"""Batches of Anthropic's messages: requests go up in one call, results come down as one stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from judge.batches.base import (
    BatchResult,
    BatchState,
    Frame,
    LostBatch,
    PackLimits,
    read_result,
    split_lines,
)
from judge.errors import RetryableError
from judge.judges.anthropic import AnthropicJudge
from judge.judges.provider_errors import STATUSES, part, status_error
from judge.judges.replies import receive_record
from judge.schema import FailureKind, Reply, Request

PATH = "/v1/messages/batches"
PAGE = 100
CHUNK_BYTES = 1 << 18
CLOCK_SKEW = timedelta(minutes=10)
"""how far the provider's clock may be behind ours, where only the time tells an earlier batch"""


class AnthropicBatches(AnthropicJudge):
    """Submits batches over the judge's own client. The provider takes 100,000 requests or 256 MB a batch."""

    limits = PackLimits(requests=100_000, size=240_000_000)
    frame = Frame(b'{"requests":[', b",", b"]}")
    keeps_marks = False

    def line(self, request: Request) -> bytes:
        """Return a request of the array of requests."""
        return orjson.dumps({"custom_id": request.key, "params": self.body(request)})

    async def upload(self, file: Path) -> str:
        """Do nothing: the requests go with the call that creates the batch."""
        return str(file)

    async def newest(self) -> str:
        """Return the id of the newest batch; empty where there is none."""
        async with self.errors():
            page = await self._client.messages.batches.list(limit=1)
            return page.data[0].id if page.data else ""

    async def create(self, uploaded: str, *, mark: str) -> str:  # noqa: ARG002 - no field of the API would keep it
        """Submit the requests, read from their file piece by piece."""
        import httpx2  # noqa: PLC0415 - only judging needs it

        file = Path(uploaded)
        async with self.errors():
            reply: httpx2.Response = await self._client.post(
                PATH, content=_chunks(file), cast_to=httpx2.Response, options={"headers": _headers(file)}
            )
            return str(reply.json()["id"])

    async def find(self, lost: LostBatch) -> list[str]:
        """List the later batches of the same size: nothing else tells them apart before they end."""
        found = []
        async with self.errors():
            async for batch in self._client.messages.batches.list(limit=PAGE):
                if batch.id == lost.newest or (lost.newest is None and batch.created_at < lost.since - CLOCK_SKEW):
                    break
                if sum(batch.request_counts.model_dump().values()) == lost.n_requests and batch.id not in lost.known:
                    found.append(batch.id)
        return found

    async def state(self, batch_id: str) -> BatchState:
        """Ask how far a batch is; the counts stay zero until it ended."""
        async with self.errors():
            batch = await self._client.messages.batches.retrieve(batch_id)
            counts, ended = batch.request_counts, batch.processing_status == "ended"
            return BatchState(
                ended=ended,
                n_replied=counts.succeeded,
                n_failed=counts.errored + counts.expired + counts.canceled,
                sources=(batch_id,),
                problem="its results are no longer kept" if ended and not batch.results_url else "",
            )

    async def results(self, source: str) -> AsyncGenerator[BatchResult, None]:
        """Stream the results of a batch that ended."""
        streaming = self._client.messages.batches.with_streaming_response
        async with self.errors(), streaming.results(source) as response:
            async for line in split_lines(response.iter_bytes()):
                yield read_result(line, self._read_line)

    def _read_line(self, line: dict[str, Any]) -> tuple[Reply, str]:
        """Return the reply of a result and its name, or raise what it tells of."""
        result = line["result"]
        match result["type"]:
            case "succeeded":
                message = result["message"]
                return receive_record(message, orjson.dumps(message), {}, key=self._key, read=self.read)
            case "errored":
                said = part(result["error"], "error")
                kind = str(said.get("type"))
                code = f"{kind} {part(said, 'details').get('error_code')}"
                raise status_error(STATUSES.get(kind, 500), code=code, message=str(said.get("message")), headers={})
            case ended:  # expired, canceled
                raise RetryableError(FailureKind.TIMEOUT, f"{ended} before it was answered")


def _headers(file: Path) -> dict[str, str]:
    return {"content-type": "application/json", "content-length": str(file.stat().st_size)}


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk
