"""The HTTP client that the SDKs are given: what they prepare goes out over aiohttp with nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import httpx2

from judge.io.judges.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence


class DirectClient(httpx2.AsyncClient):
    """Sends a request whose body is at hand at once, and reads its reply whole; all others go the SDK's usual way.

    The layers of an ordinary client (authentication, redirects, cookies, mounts, streams) take longer than the call.
    Redirects are not followed: a judge's address is where its calls go, and a reply from elsewhere is none.

    Args:
        usual: the SDK's own client on aiohttp: for streams, and for uploads.
        concurrency: most calls in flight.
        timeout: longest silence of a server, seconds.
    """

    def __init__(self, usual: httpx2.AsyncClient, *, concurrency: int, timeout: float) -> None:
        super().__init__(transport=httpx2.AsyncBaseTransport(), trust_env=False)
        self._usual, self._concurrency, self._seconds = usual, concurrency, timeout
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's
        """Send a request; httpx2's errors are raised from aiohttp's."""
        if stream or options or not isinstance(request.stream, httpx2.ByteStream):
            return await self._usual.send(request, stream=stream, **options)
        address = str(request.url)
        if self._session is None:
            self._session = self._open(address)
        try:
            async with self._session.request(
                request.method, address, headers=request.headers, data=request.content, allow_redirects=False
            ) as reply:
                body = await reply.read()
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.TransportError(str(error), request=request) from error
        return ReadResponse(reply.status, reply.raw_headers, body, request=request)

    def _open(self, address: str) -> aiohttp.ClientSession:
        secured = address.startswith("https:")
        return open_session(
            address,
            concurrency=self._concurrency,
            timeout=self._seconds,
            certificates=httpx2.create_ssl_context() if secured else True,
            decompress=False,
        )

    async def aclose(self) -> None:
        """Close the session and the usual client."""
        if self._session is not None:
            await self._session.close()
        await self._usual.aclose()
        await super().aclose()


class ReadResponse(httpx2.Response):
    """A reply that is at hand whole; a body that was sent as it is passes through none of httpx2's decoders."""

    def __init__(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, *, request: httpx2.Request
    ) -> None:
        super().__init__(status, headers=headers, stream=httpx2.ByteStream(body), request=request)
        if "content-encoding" not in self.headers:
            self._content = body
