"""The HTTP client that the SDKs are given: what they prepare goes out over our own connections, nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from judge.io.judges.sessions import Carrier, open_carrier
from judge.io.judges.wire import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class DirectClient(httpx2.AsyncClient):
    """Sends a request whose body is at hand at once, and reads its reply whole; all others go the SDK's usual way.

    The layers of an ordinary client (authentication, redirects, cookies, mounts, streams) take longer than the call.
    Redirects are not followed: a judge's address is where its calls go, and a reply from elsewhere is none.

    Args:
        usual: makes the SDK's own client: for streams, and for uploads.
        concurrency: most calls in flight.
        timeout: longest time of a call, seconds.
    """

    def __init__(self, usual: Callable[[], httpx2.AsyncClient], *, concurrency: int, timeout: float) -> None:
        super().__init__(transport=httpx2.AsyncBaseTransport(), trust_env=False)
        self._make_usual, self._concurrency, self._seconds = usual, concurrency, timeout
        self._usual: httpx2.AsyncClient | None = None
        self._carriers: dict[str, Carrier] = {}
        """by scheme, host and port"""

    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's
        """Send a request; httpx2's errors are raised from our own."""
        if stream or options or not isinstance(request.stream, httpx2.ByteStream):
            self._usual = self._usual or self._make_usual()
            return await self._usual.send(request, stream=stream, **options)
        told = tuple(header for header in request.headers.raw if header[0].lower() != b"content-length")
        try:
            status, headers, body = await self._carrier(request.url).send(
                request.method, request.url.raw_path.decode("ascii"), told, request.content
            )
        except ExchangeError as error:
            raise httpx2.TransportError(str(error), request=request) from error
        return ReadResponse(status, headers, body, request=request)

    def _carrier(self, url: httpx2.URL) -> Carrier:
        server = f"{url.scheme}://{url.netloc.decode('ascii')}"
        carrier = self._carriers.get(server)
        if carrier is None:
            carrier = self._carriers[server] = open_carrier(
                server,
                concurrency=self._concurrency,
                timeout=self._seconds,
                certificates=httpx2.create_ssl_context,
            )
        return carrier

    async def aclose(self) -> None:
        """Close the connections and the usual client."""
        for carrier in self._carriers.values():
            await carrier.close()
        if self._usual is not None:
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
