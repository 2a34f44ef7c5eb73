"""The HTTP client that the SDKs are given, and whether a call that it failed to make may have been paid for."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import httpx2

from judge.errors import InputError, RetryableError
from judge.judges.provider_errors import error_line, redact
from judge.schema import FailureKind

CONNECT_SECONDS = 30.0
"""a server that does not even accept a connection is not worth a whole call's time"""
KEEP_ALIVE_SECONDS = 4.0
"""shorter than servers' own (vLLM: 5 s), so that no call meets a connection that is being closed"""
MAX_REPLY_BYTES = 8 * 2**20
"""parsed, the smallest values of JSON take 25 times as much memory"""
_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
)


def client_options(sdk: Any, *, concurrency: int, timeout: float, trust_env: bool = True) -> dict[str, Any]:  # noqa: ANN401 - a module
    """Return what either SDK's client is made with: no retries, time limits, and as many connections as calls.

    Calls go over the SDK's aiohttp client, since its ordinary one breaks down above some 250 connections. Only the
    ordinary one speaks SOCKS. Redirects are not followed: a judge's address is where its calls go.

    Args:
        sdk: the imported SDK.
        concurrency: most calls in flight.
        timeout: longest time of a call's steps, seconds.
        trust_env: whether the environment's proxies and certificates are used.

    Raises:
        InputError: the environment names certificates that cannot be read, or a proxy that is none.
    """
    proxies = urllib.request.getproxies() if trust_env else {}
    socks = any(address.startswith("socks") for address in proxies.values())
    make_client = sdk.DefaultAsyncHttpxClient if socks else sdk.DefaultAioHttpClient
    limits = httpx2.Limits(
        max_connections=concurrency, max_keepalive_connections=concurrency, keepalive_expiry=KEEP_ALIVE_SECONDS
    )
    try:
        client = make_client(
            limits=limits, follow_redirects=False, trust_env=trust_env, event_hooks={"response": [_bound]}
        )
    except OSError as error:
        file = os.environ.get("SSL_CERT_FILE", "the system's")
        problem = f"{file}: certificates cannot be read: {error.strerror or error}"
        raise InputError("SSL_CERT_FILE", problem, "name a file of certificates, or unset it") from error
    except (ValueError, httpx2.InvalidURL) as error:
        raise InputError("HTTP_PROXY, HTTPS_PROXY, ALL_PROXY", redact(str(error)), "name a proxy's address") from error
    # Half of a call's time at most goes to connecting, so that a call that was never sent is known as such.
    connect = min(timeout / 2, CONNECT_SECONDS)
    return {
        "max_retries": 0,
        "timeout": httpx2.Timeout(timeout, connect=connect, pool=connect),
        "http_client": client,
    }


async def _bound(response: httpx2.Response) -> None:
    """Bound the size of a reply to a call; what a batch's results hold is streamed, and may be larger."""
    if response.request.method == "POST":
        response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - of either kind, by httpx2's types
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_REPLY_BYTES
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError(f"a reply of more than {MAX_REPLY_BYTES >> 20} MiB")
            yield piece

    async def aclose(self) -> None:
        """Close the connection, or hand it back."""
        await self._stream.aclose()


def connection_error(error: Exception, *, key: str) -> RetryableError:
    """Return what went wrong with a connection, and whether the call may have been sent.

    Args:
        error: an SDK's, with its causes.
        key: the secret that no message may hold.
    """
    # The aiohttp client renames what aiohttp raises, a lost connection to one that was never made.
    causes = (cause for cause in _causes(error) if isinstance(cause, aiohttp.ClientError))
    origin = next(causes, None) or error.__cause__ or error
    late = isinstance(origin, (TimeoutError, httpx2.TimeoutException))
    kind = FailureKind.TIMEOUT if late else FailureKind.TRANSPORT
    return RetryableError(
        kind,
        error_line(origin, key=key),
        maybe_paid=not isinstance(origin, _UNSENT),
        has_begun=isinstance(origin, aiohttp.ClientPayloadError),
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
