"""A local server that speaks both providers' batches besides their direct calls, answered by the same scripts.

A request of a batch is answered as a direct call would be; in its results, an answer that hangs has expired, one of
garbage is a line of no JSON, and one with a reset is no line at all. Results come shuffled. As a process of its own
(`python tests/batch_server.py --port-file FILE`) it outlives a client that a test kills.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from aiohttp import web
from provider_server import (
    Answer,
    Call,
    Provider,
    ProviderServer,
    Script,
    content_judge,
    envelope,
    error_form,
    reset,
    serve,
)

Step = Literal["upload", "create", "retrieve", "list", "results"]
Fault = Literal["500", "429", "401", "404", "garbage", "lost", "hang", "cut"]
"""statuses; a reply that is none; after accepting: the connection is reset, or nothing more is heard; half a body"""
End = Literal["completed", "failed", "expired", "cancelled", "archived"]


@dataclass
class Batch:
    """Hold one accepted batch."""

    id: str
    provider: Provider
    calls: dict[str, Call]
    """by custom id"""
    metadata: dict[str, str]
    created: datetime
    polls: int = 0
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    """results, in the file of replies (`output`) and that of errors (`error`); Anthropic's are all in the first"""
    counts: Counter[str] = field(default_factory=Counter)


class BatchServer(ProviderServer):
    """Serve direct calls and batches.

    Args:
        answer: the script of every request, direct or not.
        polls: looks at a batch before it ends; None: it never ends.
        end: how batches end.
        faults: what goes wrong at a step, in turn; then all goes well.
    """

    def __init__(
        self,
        answer: Script,
        *,
        polls: int | None = 0,
        end: End = "completed",
        faults: Mapping[Step, Iterable[Fault]] | None = None,
    ) -> None:
        super().__init__(answer)
        self.batches: list[Batch] = []
        self.steps: Counter[str] = Counter()
        self.polls, self.end = polls, end
        self._files: dict[str, bytes] = {}
        self._faults = {step: list(given) for step, given in (faults or {}).items()}

    def routes(self) -> list[web.RouteDef]:
        own = [
            web.post("/v1/files", self._upload),
            web.get("/v1/files/{id}/content", self._content),
            web.post("/v1/batches", self._create_openai),
            web.get("/v1/batches", self._list_openai),
            web.get("/v1/batches/{id}", self._retrieve),
            web.post("/v1/messages/batches", self._create_anthropic),
            web.get("/v1/messages/batches", self._list_anthropic),
            web.get("/v1/messages/batches/{id}", self._retrieve),
            web.get("/v1/messages/batches/{id}/results", self._content),
            web.get("/batches", self._count_batches),
        ]
        return [*own, *super().routes()]

    async def _count_batches(self, _: web.Request) -> web.Response:
        """Tell a test that runs the server as a process what was submitted and done."""
        sizes = [len(batch.calls) for batch in self.batches]
        return web.json_response({"batches": len(sizes), "requests": sum(sizes), "steps": self.steps})

    def _fault(self, step: Step) -> Fault | None:
        self.steps[step] += 1
        waiting = self._faults.get(step)
        return waiting.pop(0) if waiting else None

    async def _faulty(self, request: web.Request, step: Step) -> web.Response | None:
        """Return a response in place of the right one where a step fails before anything is accepted."""
        fault = self._faults.get(step, [None])[:1]
        if not fault or fault[0] in {None, "lost", "hang", "cut"}:
            return None
        chosen = self._fault(step)
        if chosen == "garbage":
            return web.Response(text="<html>upstream connect error</html>", content_type="application/json")
        provider: Provider = "anthropic" if "messages" in request.path else "openai"
        status = int(chosen or 500)
        headers = {"retry-after-ms": "1"} if status == 429 else {}
        return web.json_response(error_form(provider, status, {}, "req_0"), status=status, headers=headers)

    async def _upload(self, request: web.Request) -> web.Response:
        if failed := await self._faulty(request, "upload"):
            return failed
        given = await request.post()
        sent = given["file"]
        assert isinstance(sent, web.FileField)
        assert given["purpose"] == "batch"
        self._fault("upload")
        id_ = f"file-{len(self._files)}"
        self._files[id_] = sent.file.read()
        size = len(self._files[id_])
        made = {"id": id_, "object": "file", "bytes": size, "created_at": 0, "filename": sent.filename}
        return web.json_response({**made, "purpose": "batch", "status": "processed"})

    async def _create_openai(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert (asked["endpoint"], asked["completion_window"]) == ("/v1/chat/completions", "24h")
        lines = [orjson.loads(line) for line in self._files[asked["input_file_id"]].splitlines()]
        assert {(line["method"], line["url"]) for line in lines} == {("POST", asked["endpoint"])}
        bodies = [(line["custom_id"], line["body"]) for line in lines]
        return await self._accept(request, "openai", bodies, asked.get("metadata") or {})

    async def _create_anthropic(self, request: web.Request) -> web.Response:
        asked = await request.json()
        bodies = [(line["custom_id"], line["params"]) for line in asked["requests"]]
        return await self._accept(request, "anthropic", bodies, {})

    async def _accept(
        self,
        request: web.Request,
        provider: Provider,
        bodies: list[tuple[str, dict[str, Any]]],
        metadata: dict[str, str],
    ) -> web.Response:
        if failed := await self._faulty(request, "create"):
            return failed
        fault = self._fault("create")
        headers = {name.lower(): value for name, value in request.headers.items()}
        calls = {key: self.arrived(provider, body, headers) for key, body in bodies}
        assert len(calls) == len(bodies), "custom ids must be unique"
        batch = Batch(f"batch-{len(self.batches)}", provider, calls, metadata, datetime.now(UTC))
        self.batches.append(batch)
        if fault == "lost":
            reset(request)
        if fault == "hang":
            await asyncio.Event().wait()
        return web.json_response(self._shown(batch, request))

    async def _retrieve(self, request: web.Request) -> web.Response:
        if failed := await self._faulty(request, "retrieve"):
            return failed
        self._fault("retrieve")
        batch = self._batch(request.match_info["id"])
        batch.polls += 1
        if self._ended(batch) and not batch.lines:
            self._answer_all(batch)
        return web.json_response(self._shown(batch, request))

    async def _list_openai(self, request: web.Request) -> web.Response:
        return await self._list(request, "openai", request.query.get("after"))

    async def _list_anthropic(self, request: web.Request) -> web.Response:
        return await self._list(request, "anthropic", request.query.get("after_id"))

    async def _list(self, request: web.Request, provider: Provider, after: str | None) -> web.Response:
        """List two batches a page, newest first, whatever limit was asked."""
        if failed := await self._faulty(request, "list"):
            return failed
        self._fault("list")
        known = [batch for batch in reversed(self.batches) if batch.provider == provider]
        start = next((n for n, batch in enumerate(known, start=1) if batch.id == after), 0)
        page = [self._shown(batch, request) for batch in known[start : start + 2]]
        more = start + 2 < len(known)
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
        return web.json_response({"object": "list", "data": page, "has_more": more, **ends})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        if failed := await self._faulty(request, "results"):
            return failed
        fault = self._fault("results")
        id_, _, name = request.match_info["id"].partition(".")
        body = b"".join(self._batch(id_).lines[name or "output"])
        response = web.StreamResponse(headers={"content-type": "application/octet-stream"})
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: len(body) // 2] if fault == "cut" else body)
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        return response

    def _batch(self, id_: str) -> Batch:
        found = next((batch for batch in self.batches if batch.id == id_), None)
        if found is None:
            raise web.HTTPNotFound(text="{}", content_type="application/json")
        return found

    def _ended(self, batch: Batch) -> bool:
        return self.polls is not None and batch.polls > self.polls

    def _answer_all(self, batch: Batch) -> None:
        """Answer a batch's requests in some other order than they came in."""
        batch.lines = {"output": [], "error": []}
        calls = list(batch.calls.items())
        random.Random(len(calls)).shuffle(calls)  # noqa: S311 - the same order each time
        for number, (key, call) in enumerate(calls):
            late = self.end in {"expired", "cancelled"} and number % 2 == 1
            answer = Answer(fault="hang") if late else self.answer_to(call)
            if answer.fault == "reset":
                continue
            kind = "expired" if answer.fault == "hang" else "failed" if answer.status != 200 else "completed"
            batch.counts[kind] += 1
            line = (
                _anthropic_line(key, call, answer) if batch.provider == "anthropic" else _openai_line(key, call, answer)
            )
            whole = b"{garbage\n" if answer.fault == "garbage" else orjson.dumps(line) + b"\n"
            batch.lines["output" if kind == "completed" or batch.provider == "anthropic" else "error"].append(whole)

    def _shown(self, batch: Batch, request: web.Request) -> dict[str, Any]:
        return self._openai_form(batch) if batch.provider == "openai" else self._anthropic_form(batch, request)

    def _openai_form(self, batch: Batch) -> dict[str, Any]:
        ended = self._ended(batch)
        errors = [{"code": "invalid_json_line", "line": 3, "message": "This line is not JSON.", "param": None}]
        failed = ended and self.end == "failed"
        files = {f"{name}_file_id": f"{batch.id}.{name}" for name, lines in batch.lines.items() if lines and not failed}
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "created_at": int(batch.created.timestamp()),
            "input_file_id": "file-0",
            "metadata": batch.metadata,
            "status": self.end if ended else "in_progress",
            "errors": {"object": "list", "data": errors} if failed else None,
            "request_counts": {
                "total": len(batch.calls),
                "completed": batch.counts["completed"],
                "failed": batch.counts["failed"],
            },
            **files,
        }

    def _anthropic_form(self, batch: Batch, request: web.Request) -> dict[str, Any]:
        ended = self._ended(batch)
        shown = ended and self.end != "archived"
        return {
            "id": batch.id,
            "type": "message_batch",
            "created_at": batch.created.isoformat(),
            "expires_at": batch.created.isoformat(),
            "processing_status": "ended" if ended else "in_progress",
            "results_url": f"http://{request.host}/v1/messages/batches/{batch.id}/results" if shown else None,
            "request_counts": {
                "processing": len(batch.calls) - sum(batch.counts.values()),
                "succeeded": batch.counts["completed"],
                "errored": batch.counts["failed"],
                "canceled": 0,
                "expired": batch.counts["expired"],
            },
        }


def _openai_line(key: str, call: Call, answer: Answer) -> dict[str, Any]:
    line: dict[str, Any] = {"id": f"batch_req_{call.number}", "custom_id": key, "response": None, "error": None}
    if answer.fault == "hang":
        message = "This request could not be executed before the completion window expired."
        return line | {"error": {"code": "batch_expired", "message": message}}
    request_id = f"req_{call.number:06d}"
    body = envelope(call, answer, request_id)
    return line | {"response": {"status_code": answer.status, "request_id": request_id, "body": body}}


def _anthropic_line(key: str, call: Call, answer: Answer) -> dict[str, Any]:
    if answer.fault == "hang":
        return {"custom_id": key, "result": {"type": "expired"}}
    body = envelope(call, answer, f"req_{call.number:06d}")
    if answer.status != 200:
        return {"custom_id": key, "result": {"type": "errored", "error": body}}
    return {"custom_id": key, "result": {"type": "succeeded", "message": body}}


def main() -> None:
    """Serve the content judge until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True, help="where to write the port, once it is open")
    parser.add_argument("--polls", type=int, default=0, help="looks at a batch before it ends")
    parser.add_argument("--hang-creates", type=int, default=0, help="accepted batches of which nothing is heard")
    given = parser.parse_args()
    hangs: list[Fault] = ["hang"] * given.hang_creates
    with BatchServer(content_judge, polls=given.polls, faults={"create": hangs}) as server:
        serve(server, given.port_file)


if __name__ == "__main__":
    main()
