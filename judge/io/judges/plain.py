"""Chat completions over aiohttp alone: for servers given by their address, where an SDK adds nothing but time."""

from __future__ import annotations

import os
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from judge.errors import InputError
from judge.io.judges.base import (
    CONNECT_SECONDS,
    HttpReply,
    connection_error,
    part,
    read_json,
    reply_errors,
    status_error,
)
from judge.io.judges.openai import NO_KEY, PATH, OpenAIChat, openai_key

if TYPE_CHECKING:
    import aiohttp

    from judge.schema import JudgeSpec

OPENAI = "https://api.openai.com/v1"
KEEP_ALIVE_SECONDS = 4.0
"""shorter than servers' own (vLLM: 5 s), so that no call meets a connection that is being closed"""
_OK = range(200, 300)
_PROXY_SCHEMES = {"http", "https"}


class PlainJudge(OpenAIChat):
    """Asks over one long-lived session, which opens with the first call."""

    def __init__(
        self, spec: JudgeSpec, *, concurrency: int, timeout: float, api_key: str | None = None, trust_env: bool = True
    ) -> None:
        address = spec.endpoint or os.environ.get("OPENAI_BASE_URL") or OPENAI
        super().__init__(spec, key=api_key or openai_key(spec) or NO_KEY, host=urlsplit(address).hostname or "")
        self._url = address.rstrip("/") + PATH
        self._proxy = environment_proxy(address) if trust_env else None
        self._concurrency, self._timeout = concurrency, timeout
        self._session: aiohttp.ClientSession | None = None

    async def post(self, content: bytes) -> HttpReply:
        """Post a call's body; redirects are not followed, and cookies not kept."""
        import aiohttp  # noqa: PLC0415 - only judging needs it

        if self._session is None:
            self._session = self._open()
        with reply_errors(key=self._key):
            try:
                async with self._session.post(self._url, data=content, allow_redirects=False) as response:
                    status, headers, body = response.status, response.headers, await response.read()
            except (aiohttp.ClientError, OSError) as error:
                raise connection_error(error, key=self._key) from error
        if status not in _OK:
            code, message = _error_words(body)
            message = message.replace(self._key, "[redacted]")
            raise status_error(status, code=code, message=message, headers=headers)
        return HttpReply(body, headers)

    def _open(self) -> aiohttp.ClientSession:
        """Open the session, which must happen within the loop that uses it."""
        import aiohttp  # noqa: PLC0415 - only judging needs it

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=min(self._timeout, CONNECT_SECONDS), sock_read=self._timeout
            ),
            headers={"authorization": f"Bearer {self._key}", "content-type": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._proxy,
        )

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


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
        raise InputError(f"{parts.scheme.upper()}_PROXY", f"{scheme} is no HTTP proxy", "try --transport sdk")
    return proxy


def _error_words(body: bytes) -> tuple[str, str]:
    """Return a server's error type and code, joined, and its words: of OpenAI's form, else the body as it is."""
    text = body.decode(errors="replace")
    try:
        record: Any = read_json(body)
    except ValueError:
        return "", text
    error = part(record, "error")
    code = " ".join(str(error[name]) for name in ("type", "code") if error.get(name))
    return code, str(error.get("message") or text)
