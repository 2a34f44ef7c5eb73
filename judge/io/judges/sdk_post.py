"""Calls through an SDK's client, which prepares the same call once and not anew for each body."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx2

from judge.io.judges.base import HttpReply, read_headers

_HEADERS = {"content-type": "application/json"}


class SdkPost:
    """Posts bodies that are ready to one address through an SDK's client.

    The SDK adds its authentication and raises its errors. Building its own types from the body and the reply would
    take ten times as long as the call itself, and preparing options, headers, address and request takes most of what
    remains. So the SDK prepares the first calls only: as soon as two requests in a row differ in nothing but their
    bodies, later ones are copies with another body. Where they always differ, each is prepared by the SDK.

    This relies on `_build_request(options, **settings)` of the SDKs' clients; one that builds its requests elsewhere
    prepares every call.

    Args:
        client: the SDK's.
        address: where to, whole: an SDK that is given a path joins and parses it anew at every call.
    """

    def __init__(self, client: Any, address: str) -> None:  # noqa: ANN401 - either SDK's client
        self._client, self._address = client, address
        self._last: _Prepared | None = None
        self._known: _Prepared | None = None
        self._build = getattr(client, "_build_request", None)
        if self._build is not None:
            client._build_request = self._request  # noqa: SLF001 - half of a call's cost, and no public way round it

    async def __call__(self, content: bytes) -> HttpReply:
        """Post a body and return the reply as it came; the SDK's errors are raised."""
        if self._known is None:
            reply = await self._client.post(
                self._address, content=content, cast_to=httpx2.Response, options={"headers": _HEADERS}
            )
        else:
            reply = await self._client.request(httpx2.Response, self._known.options_with(content))
        return HttpReply(reply.read(), read_headers(reply.headers.raw))

    def _request(self, options: Any, **settings: Any) -> httpx2.Request:  # noqa: ANN401 - the SDK's own class
        """Stand in for the SDK's method: return a copy of the known request, or what the SDK builds."""
        if not isinstance(options.content, bytes):  # no call of ours: batches go over the same client
            return self._build(options, **settings)  # type: ignore[misc, no-any-return]  # its client has the method
        if self._known is not None and self._known.is_asked(options, settings):
            return _with_body(self._known.request, options.content)
        request: httpx2.Request = self._build(options, **settings)  # type: ignore[misc]  # its client has the method
        # Without the body, which may hold images, and before the SDK adds what concerns this call alone.
        now = _Prepared(options.model_copy(update={"content": None}), settings, _with_body(request, b""))
        if self._last is not None and self._last.is_like(now):
            self._known = now
        self._last = now
        return request


class _Prepared(NamedTuple):
    """What an SDK made of one call, without the body."""

    options: Any
    """as its client takes them"""
    settings: dict[str, Any]
    """with which its client asked for the request: how many retries there were"""
    request: httpx2.Request

    def options_with(self, content: bytes) -> Any:  # noqa: ANN401 - the SDK's own class
        """Return the options of another call as they are given, to which the SDK adds this call's key and name."""
        return self.options.model_copy(update={"content": content, "headers": _HEADERS, "idempotency_key": None})

    def is_asked(self, options: Any, settings: dict[str, Any]) -> bool:  # noqa: ANN401 - the SDK's own class
        """Return whether options and settings ask for the same request, but for its body."""
        mine = self.options
        given = (options.method, options.url, options.headers, settings)
        return given == (mine.method, mine.url, mine.headers, self.settings)

    def is_like(self, other: _Prepared) -> bool:
        """Return whether another call is the same."""
        mine, its = self.request, other.request
        alike = (mine.method, mine.url, mine.headers.raw) == (its.method, its.url, its.headers.raw)
        return alike and self.is_asked(other.options, other.settings)


def _with_body(request: httpx2.Request, content: bytes) -> httpx2.Request:
    """Return a copy of a request with another body."""
    stream = httpx2.ByteStream(content)
    copy = httpx2.Request(
        request.method, request.url, headers=request.headers, stream=stream, extensions=request.extensions
    )
    copy.headers.encoding = request.headers.encoding  # otherwise found out anew from all headers
    copy.headers["content-length"] = str(len(content))
    copy.read()
    return copy
