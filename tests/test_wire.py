"""The connections that carry calls to judges, against servers that send scripted bytes over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.io.judges import wire
from judge.io.judges.wire import ExchangeError, Origin, Received, Wire, message

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""signed by itself, for localhost and 127.0.0.1, with its key"""
HEADERS = ((b"host", b"judge"),)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
HI = Received(200, [(b"content-length", b"2")], b"hi")
FORMS = {
    "a length": ([b"HTTP/1.1 200 OK", b"Content-Length: 11", b"", b"hello world"], False),
    "chunks": (
        [b"HTTP/1.1 200 OK", b"transfer-encoding: chunked", b"", b"5", b"hello", b"6;x=1", b" world", b"0", b"", b""],
        False,
    ),
    "its end": ([b"HTTP/1.1 200 OK", b"", b"hello world"], True),
    "HTTP/1.0": ([b"HTTP/1.0 200 OK", b"content-type: text/plain", b"", b"hello world"], True),
    "hints before it": (
        [b"HTTP/1.1 103 Hints", b"link: x", b"", b"HTTP/1.1 200 OK", b"content-length: 11", b"", b"hello world"],
        False,
    ),
}
"""lines of a reply, and whether its server hangs up after them"""
T = TypeVar("T")


@dataclass
class Server:
    """Answers each call with the next of some scripts: pieces of bytes, and whether to hang up after them."""

    scripts: list[tuple[list[bytes], bool]]
    n_connections: int = 0
    heard: list[bytes] = field(default_factory=list)
    serving: list[asyncio.Task[None]] = field(default_factory=list)

    async def close(self) -> None:
        """Hang up on everybody."""
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)
        await asyncio.sleep(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        self.serving.append(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self.answer(reader, writer)
        finally:
            writer.transport.abort()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.scripts:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heard.append(head + await reader.readexactly(4))
            pieces, hangs_up = self.scripts.pop(0)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if hangs_up:
                writer.close()
                return
        await reader.read()


def with_wire(
    scripts: list[tuple[list[bytes], bool]],
    act: Callable[[Wire, Server], Awaitable[T]],
    *,
    timeout: float = 10.0,
    secure: ssl.SSLContext | None = None,
    trusted: ssl.SSLContext | None = None,
) -> T:
    """Run something with the connections to a server."""

    async def run() -> T:
        server = Server(scripts)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=secure)
        port = listening.sockets[0].getsockname()[1]
        connections = Wire(Origin("127.0.0.1", port, secure is not None), timeout=timeout, certificates=trusted)
        try:
            return await act(connections, server)
        finally:
            await connections.close()
            listening.close()
            await server.close()

    return asyncio.run(run())


async def call(connections: Wire) -> Received:
    return await connections.send("POST", "/v1?x=1", HEADERS, b"body")


async def calls(connections: Wire, n: int) -> list[Received]:
    return [await call(connections) for _ in range(n)]


def outcome(scripts: list[tuple[list[bytes], bool]], *, timeout: float = 10.0) -> ExchangeError:
    """Return what one call fails with."""

    async def failing(connections: Wire, _: Server) -> ExchangeError:
        with pytest.raises(ExchangeError) as caught:
            await call(connections)
        return caught.value

    return with_wire(scripts, failing, timeout=timeout)


@given(st.sampled_from(list(FORMS)), st.lists(st.integers(0, 120), max_size=8))
def test_a_reply_is_read_whole_however_it_is_cut_and_whatever_tells_its_length(form: str, cuts: list[int]) -> None:
    lines, hangs_up = FORMS[form]
    reply = b"\r\n".join(lines)
    edges = [0, *sorted(min(cut, len(reply)) for cut in cuts), len(reply)]
    pieces = [reply[start:end] for start, end in pairwise(edges)]
    received = with_wire([(pieces, hangs_up)], lambda connections, _: call(connections))
    assert (received.status, received.body) == (200, b"hello world")


def test_a_call_arrives_as_it_was_given() -> None:
    async def act(connections: Wire, server: Server) -> list[bytes]:
        assert await call(connections) == HI
        return server.heard

    assert with_wire([([OK], False)], act) == [b"POST /v1?x=1 HTTP/1.1\r\nhost: judge\r\ncontent-length: 4\r\n\r\nbody"]


def test_calls_in_turn_share_a_connection_and_calls_at_once_do_not() -> None:
    async def act(connections: Wire, server: Server) -> tuple[int, int]:
        await calls(connections, 3)
        in_turn = server.n_connections
        await asyncio.gather(*(call(connections) for _ in range(3)))
        return in_turn, server.n_connections

    assert with_wire([([OK], False)] * 9, act) == (1, 3)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        OK + b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
    ],
    ids=["close", "HTTP/1.0", "more than was asked"],
)
def test_a_connection_that_its_reply_ends_serves_no_second_call(reply: bytes) -> None:
    async def act(connections: Wire, server: Server) -> tuple[list[Received], int]:
        return await calls(connections, 2), server.n_connections

    replies, n_connections = with_wire([([reply], False)] * 3, act)
    assert [received.body for received in replies] == [b"hi", b"hi"]
    assert n_connections == 2


@pytest.mark.parametrize("meanwhile", [[b""], [b"HTTP/1.1 408 Request Timeout\r\n\r\n"]], ids=["hung up", "said so"])
def test_a_connection_that_its_server_ended_meanwhile_is_not_used_again(meanwhile: list[bytes]) -> None:
    async def act(connections: Wire, server: Server) -> tuple[list[Received], int]:
        first = await call(connections)
        await asyncio.sleep(0.05)
        return [first, await call(connections)], server.n_connections

    replies, n_connections = with_wire([([OK, *meanwhile], True), ([OK], False)], act)
    assert (replies, n_connections) == ([HI, HI], 2)


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "KEEP_ALIVE_SECONDS", 0.0)

    async def act(connections: Wire, server: Server) -> int:
        await asyncio.gather(call(connections), call(connections))
        await call(connections)
        return server.n_connections

    assert with_wire([([OK], False)] * 5, act) == 3


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhi", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel", "closed the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP reply"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "no HTTP reply"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi", "no HTTP reply"),
        (b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nwhat", "no HTTP reply"),
    ],
)
def test_half_a_reply_and_what_is_none_is_an_error_that_may_have_been_paid(sent: bytes, words: str) -> None:
    error = outcome([([sent], True)])
    assert words in str(error)
    assert (error.sent, error.timed_out) == (True, False)


@pytest.mark.parametrize("sent", [[], [b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", *[b"."] * 10]])
def test_silence_and_a_slow_drip_end_at_the_time_limit(sent: list[bytes]) -> None:
    error = outcome([(sent, False)], timeout=0.2)
    assert (error.sent, error.timed_out) == (True, True)


def test_a_reply_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_REPLY_BYTES", 1 << 20)
    flood = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65536] * 40]
    assert "more than 1 MiB" in str(outcome([(flood, False)]))


def test_a_refusal_that_comes_before_the_call_is_sent_whole_is_told_and_ends_the_connection() -> None:
    too_large = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"

    async def act(connections: Wire, server: Server) -> tuple[int, int]:
        refused = await connections.send("POST", "/", HEADERS, bytes(50_000_000))
        await call(connections)
        return refused.status, server.n_connections

    assert with_wire([([too_large], False), ([OK], False)], act) == (413, 2)


@pytest.mark.parametrize("header", [b"a\r\nx-more: b", b"a\nb", b"a\rb"])
def test_a_line_break_in_a_header_is_refused(header: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        message("POST", "/", ((b"authorization", header),), b"")


def test_a_call_tells_the_length_of_its_body_and_one_that_has_none_by_its_method_tells_nothing() -> None:
    post, empty, get = (
        message("POST", "/p", HEADERS, b"abc"),
        message("POST", "/", (), b""),
        message("GET", "/", (), b""),
    )
    assert post == b"POST /p HTTP/1.1\r\nhost: judge\r\ncontent-length: 3\r\n\r\nabc"
    assert (empty, get) == (b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize("target", ["/\r\nx: y", "/\nb"])
def test_a_line_break_in_the_target_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        message("POST", target, (), b"")


def test_a_call_that_is_given_up_leaves_no_connection() -> None:
    async def act(connections: Wire, server: Server) -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call(connections), 0.1)
        await call(connections)
        return server.n_connections

    assert with_wire([([], False), ([OK], False)], act) == 2


def connecting(origin: Origin, *, timeout: float = 5.0, trusted: ssl.SSLContext | None = None) -> ExchangeError:
    """Return what a call to a place where nobody answers fails with."""

    async def run() -> ExchangeError:
        with pytest.raises(ExchangeError) as caught:
            await call(Wire(origin, timeout=timeout, certificates=trusted))
        return caught.value

    return asyncio.run(run())


def test_a_name_that_nobody_has_was_not_sent_anything() -> None:
    error = connecting(Origin("nobody.invalid", 80, secure=False))
    assert (error.sent, error.timed_out) == (False, False)
    assert "nobody.invalid:80" in str(error)


@pytest.fixture
def full() -> Iterator[int]:
    """Yield a port whose queue of new connections is full, so that it accepts no more."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003 - the standard library's
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def test_a_server_that_accepts_no_connection_in_time_was_not_sent_anything(full: int) -> None:
    error = connecting(Origin("127.0.0.1", full, secure=False), timeout=0.3)
    assert (error.sent, error.timed_out) == (False, True)


def test_a_name_is_looked_up_once_for_connections_that_open_together_and_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    async def act(connections: Wire, server: Server) -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        look_up = loop.getaddrinfo

        async def counting(host: str, port: int, **options: int) -> object:
            asked.append(host)
            if len(asked) == 1:
                raise socket.gaierror("no name server")
            return await look_up(host, port, **options)

        monkeypatch.setattr(loop, "getaddrinfo", counting)
        with pytest.raises(ExchangeError, match="no name server"):
            await call(connections)
        await asyncio.gather(*(call(connections) for _ in range(4)))
        return len(asked), server.n_connections

    assert with_wire([([OK], False)] * 5, act) == (2, 4)


def test_a_secure_server_is_spoken_to_where_its_certificate_is_trusted_and_sent_nothing_where_not() -> None:
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(CERTIFICATE)
    trusting = ssl.create_default_context(cafile=CERTIFICATE)

    async def twice(connections: Wire, _: Server) -> list[Received]:
        return await calls(connections, 2)

    assert with_wire([([OK], False)] * 3, twice, secure=own, trusted=trusting) == [HI, HI]

    async def failing(connections: Wire, server: Server) -> tuple[ExchangeError, list[bytes]]:
        with pytest.raises(ExchangeError) as caught:
            await call(connections)
        return caught.value, server.heard

    error, heard = with_wire([([OK], False)], failing, secure=own, trusted=ssl.create_default_context())
    assert (error.sent, heard) == (False, [])
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


def test_an_address_of_six_parts_stands_in_brackets() -> None:
    assert [str(Origin(host, 80, secure=False)) for host in ("::1", "judge.example")] == [
        "[::1]:80",
        "judge.example:80",
    ]
