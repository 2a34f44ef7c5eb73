"""Chat completions over aiohttp alone: for servers given by their address, where an SDK adds nothing but time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from judge.io.judges.base import (
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
_OK = range(200, 300)


class PlainJudge(OpenAIChat):
    """Asks over one long-lived session, which opens with the first call."""

    def __init__(
        self, spec: JudgeSpec, *, concurrency: int, timeout: float, api_key: str | None = None, trust_env: bool = True
    ) -> None:
        address = spec.endpoint or os.environ.get("OPENAI_BASE_URL") or OPENAI
        super().__init__(spec, key=api_key or openai_key(spec) or NO_KEY, host=urlsplit(address).hostname or "")
        self._url = address.rstrip("/") + PATH
        self._concurrency, self._timeout, self._trust_env = concurrency, timeout, trust_env
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
        from judge.io.judges.sessions import open_session  # noqa: PLC0415 - imports aiohttp

        return open_session(
            self._url,
            concurrency=self._concurrency,
            timeout=self._timeout,
            headers={"authorization": f"Bearer {self._key}", "content-type": "application/json"},
            trust_env=self._trust_env,
        )

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


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
