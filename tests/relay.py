"""What stands between a client and a server here: an HTTP or SOCKS5 proxy, or the end of a secure connection."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

SOCKS_NAME = 3
_CONNECT = re.compile(rb"CONNECT (\S+) ")


class Relay:
    """Passes every connection on to one address, from a thread of its own, while the context lasts.

    As a proxy it notes where each connection was to lead, and leads it to its own address all the same.

    Args:
        to: the address that connections are passed on to.
        proxy: expect a proxy's greeting first, HTTP's CONNECT or SOCKS5.
        secure: the certificate and key of a secure server; None: plain connections.
    """

    port: int

    def __init__(self, to: str, *, proxy: bool = False, secure: str | None = None) -> None:
        parts = urlsplit(to)
        self.asked: list[str] = []
        """host and port that each connection was to lead to"""
        self._to, self._proxy, self._secure = (parts.hostname, parts.port), proxy, secure
        self._started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port, self._loop, self._stop = self._started.result(timeout=30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        context, stop = None, asyncio.Event()
        if self._secure is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._secure)
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=context)
        self._started.set_result((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if self._proxy:
                await self._greet(reader, writer)
            to_reader, to_writer = await asyncio.open_connection(*self._to)
            await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"\x05":
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x05\x00")
            kind = (await reader.readexactly(4))[3]
            length = (await reader.readexactly(1))[0] if kind == SOCKS_NAME else 4
            host, port = await reader.readexactly(length), await reader.readexactly(2)
            name = host.decode() if kind == SOCKS_NAME else ".".join(map(str, host))
            self.asked.append(f"{name}:{int.from_bytes(port)}")
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
            return
        head = first + await reader.readuntil(b"\r\n\r\n")
        found = _CONNECT.match(head)
        assert found is not None, head
        self.asked.append(found[1].decode())
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends, and then the end."""
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()
