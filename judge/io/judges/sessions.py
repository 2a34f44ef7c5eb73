"""Sessions of aiohttp, which carry the calls to judges: as many connections as calls in flight, and no cookies."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from judge.errors import InputError
from judge.io.judges.base import CONNECT_SECONDS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

KEEP_ALIVE_SECONDS = 4.0
"""shorter than servers' own (vLLM: 5 s), so that no call meets a connection that is being closed"""
_PROXY_SCHEMES = {"http", "https"}


def open_session(
    address: str,
    *,
    concurrency: int,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    certificates: ssl.SSLContext | bool = True,
    decompress: bool = True,
    trust_env: bool = True,
) -> aiohttp.ClientSession:
    """Open a session, which must happen within the loop that uses it.

    Args:
        address: what it will be asked for; decides the proxy.
        concurrency: most connections.
        timeout: longest silence of a server, seconds; a call as a whole has its deadline in dispatch.
        headers: go with every call.
        certificates: what servers are checked against; True: what aiohttp trusts.
        decompress: whether replies are decompressed.
        trust_env: whether the environment's proxies are used.

    Raises:
        InputError: the environment names a proxy that aiohttp does not speak to.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=certificates),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(timeout, CONNECT_SECONDS), sock_read=timeout),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=environment_proxy(address) if trust_env else None,
        auto_decompress=decompress,
    )


def environment_proxy(address: str) -> str | None:
    """Return the proxy that the environment names for an address, read once: aiohttp would ask again at every call.

    Raises:
        InputError: aiohttp speaks no such proxy's protocol.
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
