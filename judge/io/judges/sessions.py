"""What carries the calls to judges: connections of our own, or aiohttp where a proxy stands in between."""

from __future__ import annotations

import ssl
import urllib.request
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from judge.errors import InputError
from judge.io.judges.wire import CONNECT_SECONDS, KEEP_ALIVE_SECONDS, ExchangeError, Headers, Origin, Received, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

_PROXY_SCHEMES = {"http", "https"}
_PORTS = {"http": 80, "https": 443}


class Carrier(Protocol):
    """Makes calls to one server."""

    async def send(self, method: str, target: str, headers: Headers, body: bytes) -> Received:
        """Make a call and return its reply, whatever its status (see `wire.message` for the arguments).

        Redirects are not followed, and cookies not kept.

        Raises:
            ExchangeError: there is no whole reply.
            ValueError: a header holds a line break.
        """

    async def close(self) -> None:
        """Close the connections."""


def open_carrier(
    address: str,
    *,
    concurrency: int,
    timeout: float,
    certificates: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    trust_env: bool = True,
) -> Carrier:
    """Return what carries calls to a server.

    Args:
        address: of the server, http or https; what follows the host is of no matter.
        concurrency: most calls at once.
        timeout: longest time of a call, seconds.
        certificates: makes what a secure server is checked against.
        trust_env: whether the environment's proxies are used.

    Raises:
        InputError: the environment names a proxy that is not spoken to.
    """
    parts = urlsplit(address)
    context = certificates() if parts.scheme == "https" else None
    if trust_env and (proxy := environment_proxy(address)) is not None:
        return Proxied(f"{parts.scheme}://{parts.netloc}", proxy, concurrency, timeout, context)
    origin = Origin(parts.hostname or "", parts.port or _PORTS[parts.scheme], secure=context is not None)
    return Wire(origin, timeout=timeout, certificates=context)


class Proxied:
    """Makes calls through a proxy, over aiohttp.

    Args:
        server: scheme and place of the server.
        proxy: the proxy's address, with the name and password that it may ask for.
        concurrency: most connections.
        timeout: longest time of a call, seconds.
        certificates: what a secure server is checked against.
    """

    def __init__(
        self, server: str, proxy: str, concurrency: int, timeout: float, certificates: ssl.SSLContext | None
    ) -> None:
        self._server, self._proxy, self._concurrency, self._timeout = server, proxy, concurrency, timeout
        self._certificates = certificates
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, target: str, headers: Headers, body: bytes) -> Received:
        """Make a call."""
        import aiohttp  # noqa: PLC0415 - only proxies need it
        from yarl import URL  # noqa: PLC0415 - aiohttp's

        if self._session is None:
            self._session = self._open()
        named = [(name.decode("ascii"), value.decode("latin-1")) for name, value in headers]
        try:
            async with self._session.request(
                method, URL(self._server + target, encoded=True), headers=named, data=body, allow_redirects=False
            ) as reply:
                return Received(reply.status, list(reply.raw_headers), await reply.read())
        except (aiohttp.ClientError, OSError) as error:
            unsent = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
            words = f"{type(error).__name__}: {error}".rstrip(": ")
            timed_out = isinstance(error, TimeoutError)
            raise ExchangeError(words, sent=not isinstance(error, unsent), timed_out=timed_out) from error

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415

        limits = aiohttp.ClientTimeout(total=self._timeout, sock_connect=min(self._timeout, CONNECT_SECONDS))
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._concurrency, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=self._certificates or True
            ),
            timeout=limits,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._proxy,
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


def environment_proxy(address: str) -> str | None:
    """Return the proxy that the environment names for an address.

    Raises:
        InputError: it is no HTTP proxy.
    """
    parts = urlsplit(address)
    if not parts.hostname or urllib.request.proxy_bypass(parts.hostname):
        return None
    named = urllib.request.getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if proxy is None:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if (scheme := urlsplit(proxy).scheme) not in _PROXY_SCHEMES:
        raise InputError(f"{parts.scheme.upper()}_PROXY", f"{scheme} is no HTTP proxy", "name one, or unset it")
    return proxy
