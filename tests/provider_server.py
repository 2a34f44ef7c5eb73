"""A local server that speaks OpenAI chat completions and Anthropic messages, scripted by the test.

It answers the real SDKs over a real socket, so tests meet real exceptions. As a process of its own
(`python tests/provider_server.py --port-file FILE`) it outlives a client that a test kills.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import orjson
from aiohttp import web

Provider = Literal["openai", "anthropic"]
PATHS: dict[str, Provider] = {"/v1/chat/completions": "openai", "/v1/messages": "anthropic"}
ID_HEADERS: dict[Provider, str] = {"openai": "x-request-id", "anthropic": "request-id"}
MODEL = "judge-1"
MAX_BODY_BYTES = 64 * 2**20
DRIP_SECONDS = 0.05
HOLD_SECONDS = 60
FIRST_ANTHROPIC_VERSION_WITHOUT_SAMPLING = "2026-10-21"
TAG = re.compile(r"<[a-z0-9-]+-([0-9a-fA-F]{4,})>")
DATA_URL = re.compile(r"data:(?P<type>[^;,]+);base64,(?P<data>.*)", re.DOTALL)
TRACE = re.compile(r"<trace-(?P<slot>[12])-(?P<tag>[0-9a-fA-F]+)>(?P<text>.*?)</trace-(?P=slot)-(?P=tag)>", re.DOTALL)

OPENAI_FINISH = {"end": "stop", "length": "length", "refusal": "stop", "filter": "content_filter"}
ANTHROPIC_STOP = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal", "filter": "refusal"}
OPENAI_ERRORS = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
ANTHROPIC_ERRORS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Call:
    """Hold one request as it arrived."""

    provider: Provider
    body: dict[str, Any]
    headers: dict[str, str]
    """names in lower case"""
    number: int
    """0, 1, 2 ... in order of arrival"""

    @property
    def system(self) -> str:
        """Join all system text."""
        own = _texts(_parts(self.body.get("system", "")))
        return "\n".join([*own, *_texts(self._message_parts({"system", "developer"}))])

    @property
    def user(self) -> str:
        """Join all user text."""
        return "\n".join(_texts(self._message_parts({"user"})))

    @property
    def images(self) -> list[tuple[str, bytes]]:
        """Decode the images, each with its media type, from either provider's form."""
        images = []
        for part in self._message_parts({"user"}):
            if part["type"] == "image" and part["source"]["type"] == "base64":
                images.append((part["source"]["media_type"], base64.b64decode(part["source"]["data"])))
            elif part["type"] == "image_url" and (url := DATA_URL.fullmatch(part["image_url"]["url"])):
                images.append((url["type"], base64.b64decode(url["data"])))
        return images

    @property
    def schema(self) -> dict[str, Any] | None:
        """Find the JSON schema that the reply must follow, in either provider's form."""
        asked = (self.body.get("response_format") or {}).get("json_schema") or {}
        asked = asked or (self.body.get("output_config") or {}).get("format") or {}
        schema: dict[str, Any] | None = asked.get("schema")
        return schema

    @property
    def fingerprint(self) -> bytes:
        """Hash the body: equal for equal requests."""
        return hashlib.sha256(orjson.dumps(self.body, option=orjson.OPT_SORT_KEYS)).digest()

    def _message_parts(self, roles: set[str]) -> Iterator[dict[str, Any]]:
        return (part for m in self.body.get("messages", []) if m["role"] in roles for part in _parts(m["content"]))


def _parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _texts(parts: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> list[str]:
    return [part["text"] for part in parts if part["type"] == "text" and part["text"]]


@dataclass(frozen=True)
class Answer:
    """Say what to send back."""

    text: str = ""
    status: int = 200
    error: dict[str, Any] | None = None
    """`type`, `code` and `message`, each optional: wrapped in the provider's error form, also with status 200"""
    headers: Mapping[str, str] = field(default_factory=dict)
    """added to the usual ones, or in their place"""
    delay: float = 0.0
    """seconds before the answer"""
    after: Callable[[], bool] | None = None
    """what must have come true before the answer"""
    stop: Literal["end", "length", "refusal", "filter"] = "end"
    fault: Literal["none", "reset", "reset_mid_body", "drip", "hang", "garbage"] = "none"
    cached: int = 0
    """cached input tokens to report"""
    more: Mapping[str, Any] = field(default_factory=dict)
    """fields of a successful reply's body, in place of the usual ones"""


Script = Callable[[Call], Answer]


class ProviderServer:
    """Serve what the script answers, from a thread of its own, while the context lasts.

    The script runs in the server's thread, one call at a time. If it raises, the client gets a 400
    and leaving the context raises the error, so that a broken script never passes for a provider's fault.
    """

    url: str
    """`http://127.0.0.1:PORT`, the base URL for Anthropic; OpenAI's ends in `/v1`"""

    def __init__(self, answer: Script, *, delay: float = 0.0, port: int = 0) -> None:
        self.calls: list[Call] = []
        self._port = port
        self.in_flight_max = 0
        self._answer = answer
        self._delay = delay
        self._in_flight = 0
        self._script_errors: list[Exception] = []
        self._started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url, self._loop, self._stop = self._started.result(timeout=30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if error is None and self._script_errors:
            raise self._script_errors[0]

    async def _serve(self) -> None:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.add_routes(self.routes())
        # Cancelled handlers keep `in_flight_max` true when clients leave, and let a hanging server stop.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
        stop = asyncio.Event()
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self._port, backlog=1024).start()
            self._started.set_result((f"http://127.0.0.1:{runner.addresses[0][1]}", asyncio.get_running_loop(), stop))
            await stop.wait()
        except OSError as error:
            self._started.set_exception(error)
        finally:
            await runner.cleanup()

    def routes(self) -> list[web.RouteDef]:
        """Return what is served where."""
        calls = [web.post(path, self._complete) for path in PATHS]
        return [*calls, web.get("/v1/models", self._models), web.get("/count", self._count)]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = _json_object(await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = self.arrived(PATHS[request.path], body, headers)
        self._in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self._in_flight)
        try:
            answer = self.answer_to(call)
            await asyncio.sleep(self._delay + answer.delay)
            await _wait_until(answer.after)
            return await _respond(request, call, answer)
        finally:
            self._in_flight -= 1

    def arrived(self, provider: Provider, body: dict[str, Any], headers: dict[str, str]) -> Call:
        """Count a call."""
        call = Call(provider, body, headers, len(self.calls))
        self.calls.append(call)
        return call

    def answer_to(self, call: Call) -> Answer:
        """Refuse a call as the provider would, or ask the script."""
        try:
            return _problem_with(call) or self._answer(call)
        except Exception as error:  # noqa: BLE001 - whatever the script raises belongs to the test
            self._script_errors.append(error)
            return _refuse(f"the test's script failed: {error!r}")

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "tests"}
        return web.json_response({"object": "list", "data": [model]})

    async def _count(self, _: web.Request) -> web.Response:
        """Tell a test that runs the server as a process what it would read from the object."""
        distinct = len({call.fingerprint for call in self.calls})
        return web.json_response({"calls": len(self.calls), "distinct": distinct, "in_flight_max": self.in_flight_max})


async def _wait_until(true: Callable[[], bool] | None) -> None:
    async with asyncio.timeout(HOLD_SECONDS):
        while true is not None and not true():  # noqa: ASYNC110 - what comes true is in other threads
            await asyncio.sleep(0.005)


def _json_object(data: bytes) -> dict[str, Any]:
    """Read a body; what is no JSON object becomes an empty one, which then lacks its required fields."""
    with suppress(orjson.JSONDecodeError):
        if isinstance(body := orjson.loads(data), dict):
            return body
    return {}


def _refuse(message: str, *, status: int = 400, **error: str) -> Answer:
    return Answer(status=status, error={"message": message, **error})


def _problem_with(call: Call) -> Answer | None:
    """Refuse what the real providers refuse before any model runs."""
    has_key = re.fullmatch(r"Bearer \S+", call.headers.get("authorization", ""))
    if call.provider == "openai":
        return _openai_problem(call) if has_key else _refuse("You didn't provide an API key.", status=401)
    if has_key or call.headers.get("x-api-key"):
        return _anthropic_problem(call)
    return _refuse("x-api-key header is required", status=401)


def _openai_problem(call: Call) -> Answer | None:
    asked = call.body.get("response_format") or {"type": "text"}
    strict = asked.get("json_schema", {})
    if missing := next((name for name in ("model", "messages") if not call.body.get(name)), None):
        return _refuse(f"Missing required parameter: '{missing}'.", code="missing_required_parameter")
    if asked.get("type") not in {"text", "json_object", "json_schema"}:
        return _refuse(f"Invalid value: '{asked.get('type')}' for 'response_format.type'.", code="invalid_value")
    if asked["type"] == "json_schema" and not strict.get("name"):
        return _refuse("Missing 'response_format.json_schema.name'.", code="missing_required_parameter")
    if strict.get("strict") and _is_loose(call.schema, all_required=True):
        return _refuse("Invalid schema for response_format: not strict.", code="invalid_json_schema")
    return None


def _anthropic_problem(call: Call) -> Answer | None:
    if missing := next((name for name in ("model", "max_tokens", "messages") if not call.body.get(name)), None):
        return _refuse(f"{missing}: Field required")
    recent = call.headers.get("anthropic-version", "") >= FIRST_ANTHROPIC_VERSION_WITHOUT_SAMPLING
    if recent and (extra := {"temperature", "top_p", "top_k"} & call.body.keys()):
        return _refuse(f"{min(extra)}: Extra inputs are not permitted")
    if _is_loose(call.schema, all_required=False):
        return _refuse("output_config.format.schema: 'additionalProperties' must be explicitly set to false")
    return None


def _is_loose(node: object, *, all_required: bool) -> bool:
    """Find an object in a schema that allows properties which are not listed, or leaves listed ones out."""
    if isinstance(node, list):
        return any(_is_loose(value, all_required=all_required) for value in node)
    if not isinstance(node, dict):
        return False
    optional = node.get("properties", {}).keys() - set(node.get("required", []))
    if node.get("type") == "object" and (node.get("additionalProperties") is not False or (all_required and optional)):
        return True
    return any(_is_loose(value, all_required=all_required) for value in node.values())


async def _respond(request: web.Request, call: Call, answer: Answer) -> web.StreamResponse:
    name = ID_HEADERS[call.provider]
    headers = {"content-type": "application/json", name: f"req_{call.number:06d}"}
    headers |= {key.lower(): value for key, value in answer.headers.items()}
    body = json.dumps(envelope(call, answer, headers[name])).encode()  # half a character too, which orjson refuses
    match answer.fault:
        case "hang":
            await asyncio.Event().wait()
        case "reset":
            reset(request)
        case "garbage":
            body = (answer.text or "<html>upstream connect error</html>").encode()
        case "drip" | "reset_mid_body":
            return await _stream(request, web.StreamResponse(status=answer.status, headers=headers), body, answer)
    return web.Response(body=body, status=answer.status, headers=headers)


def envelope(call: Call, answer: Answer, request_id: str) -> dict[str, Any]:
    """Wrap an answer as the provider does, or its error."""
    if answer.status != 200 or answer.error:
        return error_form(call.provider, answer.status, answer.error or {}, request_id)
    body = _completion(call, answer) if call.provider == "openai" else _message(call, answer)
    return {**body, **answer.more}


def error_form(provider: Provider, status: int, given: dict[str, Any], request_id: str) -> dict[str, Any]:
    """Wrap an error as the provider does."""
    fallback = "invalid_request_error" if status < 500 else "server_error"
    message = given.get("message", f"scripted status {status}")
    if provider == "openai":
        kind, code = OPENAI_ERRORS.get(status, (fallback, None))
        error = {"message": message, "type": kind, "param": None, "code": code}
        return {"error": error | given}
    kind = ANTHROPIC_ERRORS.get(status, fallback.replace("server", "api"))
    error = {"type": given.get("type", kind), "message": message}
    if code := given.get("code"):
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": request_id}


def _tokens(call: Call, answer: Answer) -> tuple[int, int, int]:
    """Count input, cached input and output tokens, at four characters each."""
    given = (len(call.system) + len(call.user)) // 4
    return given, min(answer.cached, given), len(answer.text) // 4


def _completion(call: Call, answer: Answer) -> dict[str, Any]:
    given, cached, made = _tokens(call, answer)
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.stop == "refusal":
        message |= {"content": None, "refusal": answer.text or "I'm sorry, I can't help with that."}
    return {
        "id": f"chatcmpl-{call.number:06d}",
        "object": "chat.completion",
        "created": 1_790_000_000 + call.number,
        "model": call.body["model"],
        "choices": [{"index": 0, "finish_reason": OPENAI_FINISH[answer.stop], "logprobs": None, "message": message}],
        "usage": {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _message(call: Call, answer: Answer) -> dict[str, Any]:
    given, cached, made = _tokens(call, answer)
    stop = ANTHROPIC_STOP[answer.stop]
    refusal = {"type": "refusal", "category": None, "explanation": None}
    return {
        "id": f"msg_{call.number:06d}",
        "type": "message",
        "role": "assistant",
        "model": call.body["model"],
        "content": [{"type": "text", "text": answer.text}] if answer.text else [],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": refusal if stop == "refusal" else None,
        "usage": {
            "input_tokens": given - cached,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": 0,
            "output_tokens": made,
            "service_tier": "standard",
        },
    }


def reset(request: web.Request) -> None:
    """Close the socket with a reset: unsent data is dropped and the client sees no orderly end."""
    assert request.transport is not None
    connection: socket.socket = request.transport.get_extra_info("socket")
    linger_zero_seconds = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero_seconds)
    request.transport.abort()


async def _stream(
    request: web.Request, response: web.StreamResponse, body: bytes, answer: Answer
) -> web.StreamResponse:
    """Send the body byte by byte, or half of it and then the end of the connection."""
    response.content_length = len(body)
    await response.prepare(request)
    if answer.fault == "reset_mid_body":
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response
    for byte in body:
        await response.write(bytes([byte]))
        await asyncio.sleep(DRIP_SECONDS)
    return response


def traces_of(call: Call) -> tuple[str, str]:
    """Find the two traces in the user text, the one shown first leading."""
    found: dict[str, str] = {}
    for fence in TRACE.finditer(call.user):
        found.setdefault(fence["slot"], fence["text"].strip("\n"))
    if found.keys() != {"1", "2"}:
        raise ValueError(f"no <trace-1-TAG> and <trace-2-TAG> fences in call {call.number}: {call.user[:200]!r}")
    return found["1"], found["2"]


def verdicts_for(
    schema: dict[str, Any], verdict: str | Mapping[str, str], evidence: tuple[str, str] = ("seen in 1", "seen in 2")
) -> str:
    """Write a reply that follows the pairwise schema, with one verdict for all criteria or one for each."""
    reply = {}
    for criterion in schema["properties"]:
        chosen = verdict if isinstance(verdict, str) else verdict[criterion]
        reply[criterion] = {"evidence_1": evidence[0], "evidence_2": evidence[1], "verdict": chosen}
    return orjson.dumps(reply).decode()


def longer_wins(call: Call) -> Answer:
    """Judge by length alone."""
    first, second = traces_of(call)
    verdict = "tie" if len(first) == len(second) else "first" if len(first) > len(second) else "second"
    return _judged(call, dict.fromkeys(_criteria(call), verdict))


def content_judge(call: Call) -> Answer:
    """Judge by content on about four of five criteria, and for the first slot on the others."""
    first, second = traces_of(call)
    question = TRACE.sub("", call.user)
    # Tags are drawn anew for each call: they must not make the two orders of one item differ.
    for tag in sorted(set(TAG.findall(call.user))):
        question = question.replace(tag, "")
    pair = sorted((first, second), key=lambda text: (len(text), text))
    verdicts = {}
    for criterion in _criteria(call):
        digest = hashlib.sha256(orjson.dumps([criterion, question, *pair])).digest()
        winner = None if digest[1] < 50 or first == second else pair[digest[1] < 160]
        by_content = "tie" if winner is None else "first" if winner == first else "second"
        verdicts[criterion] = "first" if digest[0] < 51 else by_content
    return _judged(call, verdicts)


def _criteria(call: Call) -> list[str]:
    if call.schema is None:
        raise ValueError(f"call {call.number} asks for no JSON schema, so its criteria are unknown")
    return list(call.schema["properties"])


def _judged(call: Call, verdicts: Mapping[str, str]) -> Answer:
    first, second = traces_of(call)
    return Answer(verdicts_for(call.schema or {}, verdicts, (first[:80], second[:80])))


def main() -> None:
    """Serve the content judge until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True, help="where to write the port, once it is open")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args()
    with ProviderServer(content_judge, delay=given.delay) as server:
        serve(server, given.port_file)


def serve(server: ProviderServer, port_file: Path) -> None:
    """Tell the port of a server that runs, and wait until the process is ended."""
    # Renamed into place, so that a waiting test never reads half a number.
    unfinished = port_file.with_suffix(".part")
    unfinished.write_text(server.url.rpartition(":")[2])
    unfinished.replace(port_file)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    main()
