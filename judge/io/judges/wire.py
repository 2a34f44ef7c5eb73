"""Calls over HTTP/1.1 at the least cost: one call at a time on a connection, its body at hand, its reply read whole.

A general client (aiohttp, httpx2) spends three to eight times as long on a call as the socket and the parser do: on
redirects, cookies, streams, tracing and hooks, none of which a judge's call needs. Here asyncio holds the connection,
llhttp (by httptools) reads the reply, and what is left are a few rules of RFC 9112.
"""

from __future__ import annotations

import asyncio
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import aiohappyeyeballs
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

if TYPE_CHECKING:
    import ssl

    from aiohappyeyeballs import AddrInfoType

CONNECT_SECONDS = 30.0
"""a server that does not even accept a connection is not worth a whole call's time"""
KEEP_ALIVE_SECONDS = 4.0
"""shorter than servers' own (vLLM: 5 s), so that no call meets a connection that is being closed"""
RESOLVED_SECONDS = 10.0
"""how long a name's addresses are kept: a thousand connections that open at once ask for them once"""
HAPPY_EYEBALLS_SECONDS = 0.25
"""when the next address is tried beside one that does not answer (RFC 8305)"""
BUFFER_BYTES = 2**16
MAX_REPLY_BYTES = 64 * 2**20
_FIRST_FINAL = 200
"""statuses below announce another reply to the same call"""
_LENGTHS = {b"content-length", b"transfer-encoding"}


Headers = tuple[tuple[bytes, bytes], ...]


class ExchangeError(OSError):
    """A call that got no whole reply.

    Attributes:
        sent: whether the server may have seen the call.
        timed_out: whether it was given up for taking too long.
    """

    def __init__(self, problem: str, *, sent: bool = True, timed_out: bool = False) -> None:
        super().__init__(problem)
        self.sent, self.timed_out = sent, timed_out


class Origin(NamedTuple):
    """Where a server is."""

    host: str
    port: int
    secure: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Received(NamedTuple):
    """A reply as it came."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def message(method: str, target: str, headers: Headers, body: bytes) -> bytes:
    """Return the bytes of a call.

    Args:
        method: such as POST.
        target: path and query.
        headers: all of them, host among them, but the content-length.
        body: may be empty.

    Raises:
        ValueError: a line break in the target or a header would begin another one.
    """
    length = b"content-length: %d\r\n" % len(body) if body or method != "GET" else b""
    return _head(method, target, headers) + length + b"\r\n" + body


@lru_cache(maxsize=8)  # the calls to a judge begin alike
def _head(method: str, target: str, headers: Headers) -> bytes:
    lines = [f"{method} {target} HTTP/1.1".encode("ascii"), *(name + b": " + value for name, value in headers), b""]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise ValueError("a line break in a header")
    return head


class Wire:
    """The connections to one server; a call takes one that is idle, or opens one.

    There are as many as calls at once. Used within one event loop.

    Args:
        origin: the server.
        timeout: longest time of a call, connecting and a dripping reply included, seconds.
        certificates: what a secure server is checked against.
    """

    def __init__(self, origin: Origin, *, timeout: float, certificates: ssl.SSLContext | None = None) -> None:
        self._origin, self._timeout, self._certificates = origin, timeout, certificates
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._buffer = bytearray(BUFFER_BYTES)
        self._addresses: asyncio.Future[list[AddrInfoType]] | None = None
        self._resolved_at = 0.0

    async def send(self, method: str, target: str, headers: Headers, body: bytes) -> Received:
        """Make a call and return its reply, whatever its status (see `message` for the arguments).

        Raises:
            ExchangeError: there is no whole reply.
            ValueError: a header holds a line break.
        """
        loop, sent = asyncio.get_running_loop(), message(method, target, headers, body)
        deadline = loop.time() + self._timeout
        connection = self._take(loop.time()) or await self._connect()
        connection.deadline = deadline
        self._busy.add(connection)
        self._watch(loop, deadline)
        try:
            received = await connection.exchange(sent)
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        if connection.reusable:
            connection.idle_since = loop.time()
            self._idle.append(connection)
        else:
            connection.close()
        return received

    def _watch(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Have calls given up in time: by one alarm for all of them, since one for each costs more than the parser."""
        if self._alarm is None or deadline < self._alarm.when():
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = loop.call_at(deadline, self._give_up, loop)

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up the calls whose time is over, and watch the others."""
        self._alarm = None
        now = loop.time()
        for connection in self._busy:
            if connection.deadline <= now:
                connection.give_up()
            else:
                self._watch(loop, connection.deadline)

    def _take(self, now: float) -> _Connection | None:
        """Return the connection that was used last, unless it may be closing; those idle for longer are closed too."""
        if not self._idle:
            return None
        connection = self._idle.pop()
        if connection.reusable and now - connection.idle_since < KEEP_ALIVE_SECONDS:
            return connection
        for stale in (connection, *self._idle):
            stale.close()
        self._idle.clear()
        return None

    async def _connect(self) -> _Connection:
        loop, origin = asyncio.get_running_loop(), self._origin
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, self._timeout)):
                opened = await aiohappyeyeballs.start_connection(
                    await self._resolve(), happy_eyeballs_delay=HAPPY_EYEBALLS_SECONDS
                )
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                name = origin.host if origin.secure else None
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop, self._buffer), sock=opened, ssl=self._certificates, server_hostname=name
                )
        except TimeoutError as error:
            raise ExchangeError(f"{origin} does not accept a connection", sent=False, timed_out=True) from error
        except OSError as error:
            raise ExchangeError(f"no connection to {origin}: {error}", sent=False) from error
        return connection

    async def _resolve(self) -> list[AddrInfoType]:
        """Return the server's addresses, asking for them once for all connections that open together."""
        loop, origin = asyncio.get_running_loop(), self._origin
        if self._addresses is None or loop.time() - self._resolved_at > RESOLVED_SECONDS:
            self._resolved_at = loop.time()
            asked: Any = loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            self._addresses = asyncio.ensure_future(asked)
        try:
            return list(await asyncio.shield(self._addresses))
        except OSError:
            self._addresses = None
            raise

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._alarm is not None:
            self._alarm.cancel()
        await asyncio.sleep(0)  # the loop closes a socket in its next round


class _Connection(asyncio.BufferedProtocol):
    """One connection, and the call that is on it.

    Args:
        loop: whose connection it is.
        buffer: what all connections of the loop read into in turn, since what comes is parsed at once: a buffer made
            anew for each read takes longer than the rest of it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, buffer: bytearray) -> None:
        self.reusable = True
        """whether another call may be made on it"""
        self.idle_since = 0.0
        self.deadline = 0.0
        """of the call that is on it, by the loop's clock"""
        self._loop, self._buffer, self._read = loop, buffer, memoryview(buffer)
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiting: asyncio.Future[Received] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._ends_with_connection = False

    async def exchange(self, sent: bytes) -> Received:
        """Send a call and wait for its reply; ExchangeError where there is none."""
        waiting: asyncio.Future[Received] = self._loop.create_future()
        self._waiting, self._size = waiting, 0
        self._transport.write(sent)
        return await waiting

    def close(self) -> None:
        """Close it at once, without a farewell."""
        self.reusable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be told that the connection is open."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's
        """Say where to put what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what came; whatever comes while no call waits says that the server hangs up."""
        if self._waiting is None:
            self.close()
            return
        self._size += nbytes
        if self._size > MAX_REPLY_BYTES:
            self._fail(f"a reply of more than {MAX_REPLY_BYTES >> 20} MiB")
            return
        try:
            self._parser.feed_data(self._read[:nbytes])
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(f"no HTTP reply: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        """Be told that the connection is closed: where a reply tells no length, that is how it ends."""
        self.reusable = False
        if self._ends_with_connection and error is None:
            self._settle()
        else:
            self._fail(f"the server closed the connection{f': {error}' if error else ''}")

    def on_message_begin(self) -> None:
        """Begin a reply."""
        self._headers, self._body = [], []
        if self._waiting is None:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the reply."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """See how the reply will end."""
        self._ends_with_connection = all(name.lower() not in _LENGTHS for name, _ in self._headers)

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the reply's body."""
        self._body.append(piece)

    def on_message_complete(self) -> None:
        """Hand over the reply, unless it only announces another."""
        self._ends_with_connection = False
        if self._parser.get_status_code() >= _FIRST_FINAL:
            # A reply to a call that is not yet sent whole is a refusal, and what follows would be taken for the rest.
            half_sent = self._transport.get_write_buffer_size() > 0
            self.reusable = self.reusable and self._parser.should_keep_alive() and not half_sent
            self._settle()

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Received(self._parser.get_status_code(), self._headers, b"".join(self._body)))

    def give_up(self) -> None:
        """Let the call on it fail for taking too long."""
        self._fail("no whole reply in time", timed_out=True)

    def _fail(self, problem: str, *, timed_out: bool = False) -> None:
        self.reusable = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(ExchangeError(problem, timed_out=timed_out))
