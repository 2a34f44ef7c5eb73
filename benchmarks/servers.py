"""Servers for benchmarks: nginx, which answers at once, and one of ours, which answers after a pause.

`python benchmarks/servers.py --port PORT --seconds 1` is the second, as a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CRITERIA = ("perception", "knowledge", "rationale", "overall")
"""of the shipped rubric openmedreason.v1"""
NGINX = """
daemon off; master_process on; worker_processes 1; error_log stderr crit; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 1m; client_body_buffer_size 64k; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {folder};
    location = /v1/chat/completions {{ error_page 405 =200 /openai.json; return 405; }}
    location = /v1/messages {{ error_page 405 =200 /anthropic.json; return 405; }}
  }}
}}
"""
HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def replies() -> dict[str, bytes]:
    """Return a fixed valid reply of each provider, with a verdict on every criterion."""
    said = {"evidence_1": "as the first puts it", "evidence_2": "as the second puts it", "verdict": "first"}
    text = orjson.dumps(dict.fromkeys(CRITERIA, said)).decode()
    openai = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "judge-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1500, "completion_tokens": 120, "total_tokens": 1620},
    }
    anthropic = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "judge-1",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1500, "output_tokens": 120},
    }
    return {"openai": orjson.dumps(openai), "anthropic": orjson.dumps(anthropic)}


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Serve fixed replies to POST for as long as the context lasts; yield the address.

    Static files answer no POST, so that the configuration turns an error page into the reply.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    for name, reply in replies().items():
        (folder / f"{name}.json").write_bytes(reply)
    folder.chmod(0o755)  # the worker is another user
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, port) as (address, _):
        yield address


@contextmanager
def slow_server(seconds: float) -> Iterator[str]:
    """Serve fixed replies after a pause; yield the address."""
    port = free_port()
    with running([sys.executable, __file__, "--port", str(port), "--seconds", str(seconds)], port) as (address, _):
        yield address


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server while the context lasts; yield its address and its process."""
    process = subprocess.Popen(command)  # noqa: S603 - commands of this file
    try:
        _await_port(port)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait()


def _await_port(port: int, *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    sys.exit(f"the server on port {port} does not start")


@dataclass
class Seen:
    """The calls that a server was asked, by its own clock."""

    calls: int = 0
    first: float = 0.0
    last: float = 0.0

    def count(self, now: float) -> None:
        """Note a call."""
        self.first = self.first if self.calls else now
        self.calls, self.last = self.calls + 1, now

    def told(self) -> bytes:
        """Return the reply that tells all calls and the seconds from the first to the last, and forget them."""
        body = orjson.dumps([self.calls, self.last - self.first])
        self.calls = 0
        return HEAD.format(len(body)).encode() + body


class SlowConnection(asyncio.Protocol):
    """Answers each request of one connection after a pause, reading no more of it than its length and its path."""

    def __init__(self, seconds: float, answers: dict[str, bytes], seen: Seen) -> None:
        self._seconds, self._answers, self._seen = seconds, answers, seen
        self._buffer = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream server
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect a request; when it is whole, answer it later."""
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if blank and len(body) >= (int(length[1]) if length else 0):
            asked = bytes(self._buffer)
            self._buffer.clear()
            self._asked(asked)

    def _asked(self, asked: bytes) -> None:
        """Answer a whole request."""
        path, loop = asked.partition(b"\r\n")[0], asyncio.get_running_loop()
        if path.startswith(b"GET /seen"):
            self._transport.write(self._seen.told())
            return
        self._seen.count(loop.time())
        answer = self._answers["anthropic" if b"/v1/messages" in path else "openai"]
        loop.call_later(self._seconds, self._transport.write, answer)


async def serve(port: int, seconds: float) -> None:
    """Listen until this process is ended."""
    answers = {name: HEAD.format(len(body)).encode() + body for name, body in replies().items()}
    loop, seen = asyncio.get_running_loop(), Seen()
    server = await loop.create_server(lambda: SlowConnection(seconds, answers, seen), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=1.0)
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.port, chosen.seconds))
