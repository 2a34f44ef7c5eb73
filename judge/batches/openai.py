"""Batches of OpenAI's chat completions: a file of requests goes up, a file of replies and one of errors come down."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

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
from judge.judges.openai import OpenAIJudge
from judge.judges.provider_errors import part, redact, status_error
from judge.judges.replies import receive_record
from judge.schema import FailureKind, Reply, Request

ENDPOINT: Final = "/v1/chat/completions"
MARK = "omr_judge_batch"
PAGE = 100
PASSING_CODES = {"batch_expired", "batch_cancelled"}
ENDED = {"completed", "failed", "expired", "cancelled"}


class OpenAIBatches(OpenAIJudge):
    """Submits batches over the judge's own client. The provider takes 50,000 requests and 200 MB a file."""

    limits = PackLimits(requests=50_000, size=190_000_000)
    frame = Frame(b"", b"", b"")
    keeps_marks = True

    def line(self, request: Request) -> bytes:
        """Return a line of the file of requests."""
        call = {"custom_id": request.key, "method": "POST", "url": ENDPOINT, "body": self.body(request)}
        return orjson.dumps(call) + b"\n"

    async def upload(self, file: Path) -> str:
        """Upload the file of requests, read piece by piece, and return its id."""
        with file.open("rb") as stream:
            async with self.errors():
                named = (file.name, stream, "application/jsonl")
                return (await self._client.files.create(file=named, purpose="batch")).id

    async def newest(self) -> str:
        """Return nothing: a mark tells a batch from all others."""
        return ""

    async def create(self, uploaded: str, *, mark: str) -> str:
        """Submit the uploaded file, with the mark as metadata."""
        async with self.errors():
            batch = await self._client.batches.create(
                input_file_id=uploaded, endpoint=ENDPOINT, completion_window="24h", metadata={MARK: mark}
            )
            return batch.id

    async def find(self, lost: LostBatch) -> list[str]:
        """Look for the mark among all batches, newest first."""
        async with self.errors():
            async for batch in self._client.batches.list(limit=PAGE):
                if (batch.metadata or {}).get(MARK) == lost.mark:
                    return [batch.id]
            return []

    async def state(self, batch_id: str) -> BatchState:
        """Ask how far a batch is."""
        async with self.errors():
            batch = await self._client.batches.retrieve(batch_id)
            counts, sources = batch.request_counts, (batch.output_file_id, batch.error_file_id)
            return BatchState(
                ended=batch.status in ENDED,
                n_replied=counts.completed if counts else 0,
                n_failed=counts.failed if counts else 0,
                sources=tuple(source for source in sources if source),
                problem=_problem(batch),
            )

    async def results(self, source: str) -> AsyncGenerator[BatchResult, None]:
        """Stream one of the files of a batch that ended."""
        async with self.errors(), self._client.files.with_streaming_response.content(source) as response:
            async for line in split_lines(response.iter_bytes()):
                yield read_result(line, self._read_line)

    def _read_line(self, line: dict[str, Any]) -> tuple[Reply, str]:
        """Return the reply of a result and its name, or raise what it tells of."""
        response, error = part(line, "response"), part(line, "error")
        if not response:
            code, message = str(error.get("code")), str(error.get("message"))
            if code in PASSING_CODES:
                raise RetryableError(FailureKind.TIMEOUT, message)
            raise status_error(500, code=code, message=message, headers={})
        headers: dict[str, Any] = {"x-request-id": response.get("request_id")}
        status = int(response["status_code"])
        if status != HTTPStatus.OK:
            said = part(response["body"], "error")
            code = f"{said.get('type')} {said.get('code')}"
            raise status_error(status, code=code, message=str(said.get("message")), headers={})
        body = response["body"]
        return receive_record(body, orjson.dumps(body), headers, key=self._key, read=self.read)


def _problem(batch: Any) -> str:  # noqa: ANN401 - the SDK's Batch
    """Say why a batch was refused as a whole, in the provider's words."""
    if batch.status != "failed":
        return ""
    errors = (batch.errors.data if batch.errors else None) or []
    said = [f"{error.message} ({error.code}{f', line {error.line}' if error.line else ''})" for error in errors[:3]]
    return redact("; ".join(said)) or "no reason given"
