"""Chat completions without an SDK: for servers given by their address, where it adds nothing but time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from judge.io.judges.base import HttpReply, connection_error, error_words, read_headers, read_json, status_error
from judge.io.judges.openai import NO_KEY, PATH, OpenAIChat, openai_key
from judge.io.judges.sessions import open_carrier
from judge.io.judges.wire import ExchangeError
from judge.io.secrets import REDACTED

if TYPE_CHECKING:
    from judge.schema import JudgeSpec

OPENAI = "https://api.openai.com/v1"
_OK = range(200, 300)


class PlainJudge(OpenAIChat):
    """Asks over connections that stay open."""

    def __init__(
        self, spec: JudgeSpec, *, concurrency: int, timeout: float, api_key: str | None = None, trust_env: bool = True
    ) -> None:
        address = (spec.endpoint or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/") + PATH
        parts = urlsplit(address)
        super().__init__(spec, key=api_key or openai_key(spec) or NO_KEY, host=parts.hostname or "")
        self._target = quote(parts._replace(scheme="", netloc="").geturl(), safe="/?&=%:@!$'()*+,;~")
        self._headers = (
            (b"host", parts.netloc.encode("idna")),
            (b"authorization", f"Bearer {self._key}".encode()),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"user-agent", b"omr-judge"),
        )
        self._carrier = open_carrier(address, concurrency=concurrency, timeout=timeout, trust_env=trust_env)

    async def post(self, content: bytes) -> HttpReply:
        """Post a call's body."""
        with self._reply_errors:
            try:
                status, raw, body = await self._carrier.send("POST", self._target, self._headers, content)
            except ExchangeError as error:
                raise connection_error(error, key=self._key) from error
        told = read_headers(raw)
        if status not in _OK:
            code, words = _error_words(body)
            raise status_error(status, code=code, message=words.replace(self._key, REDACTED), headers=told)
        return HttpReply(body, told)

    async def close(self) -> None:
        """Close the connections."""
        await self._carrier.close()


def _error_words(body: bytes) -> tuple[str, str]:
    """Return a server's error type and code, joined, and its words: of OpenAI's form, else the body as it is."""
    try:
        code, words = error_words(read_json(body))
    except ValueError:
        code = words = ""
    return code, words or body.decode(errors="replace")
