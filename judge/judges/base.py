"""What every judge does, and how a provider's errors become ours."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import orjson
from msgspec import convert

from judge.errors import OmrJudgeError, ProviderError, RetryableError, StopRunError
from judge.files.secrets import REDACTED, hide_secrets
from judge.images.loader import load_encoded
from judge.judges.request_forms import learn, names_the_limit, set_forms
from judge.judges.retry_after import retry_after
from judge.schema import MESSAGES, Correction, FailureKind, JudgeSpec, Reply, Request, RequestForm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    import httpx2

MESSAGE_CHARS = 500

_STOP_STATUSES = {
    401: "the key is not accepted",
    402: "no credit",
    403: "not permitted",
    404: "no such model or address",
}
_STOP_CODES = re.compile(
    r"insufficient_quota|credit_balance|spend_limit|usage_limit_exceeded|billing|invalid_api_key|model_not_found"
)
_TOO_LONG_CODES = re.compile(r"context_length|context_size|context_window|prompt is too long|maximum context|too_large")
_FILTER_CODES = re.compile(r"content[-_ ](?:filter|policy|management)")
_PASSING_STATUSES = {408, 409, 425, 429}
_REDIRECTS = range(300, 400)
_ERRORS = range(400, 600)
_FIRST_SERVER_ERROR = 500
_TOO_LARGE = 413
_SECRETS = re.compile(
    r"""(?ix) \b (?: (?:sk|key|bearer) [-_ ] | (?:api[-_ ]?key|authorization) ["']?\s*[:=]\s*["']? (?:bearer\s)? )
        [A-Za-z0-9._*+/=-]{6,}"""
)


class Judge(Protocol):
    """A model that can be asked."""

    spec: JudgeSpec
    caches_prompts: bool
    """whether the provider remembers the beginning of a prompt, and charges less for it the second time"""
    on_headers: Callable[[Mapping[str, str]], None]
    """is told the headers of each successful reply, by names in lower case; does nothing unless it is set"""
    on_form: Callable[[RequestForm], None]
    """is told a form that the server takes instead of one that it refused; does nothing unless it is set"""
    forms: frozenset[RequestForm]
    """in what its requests differ from the usual ones"""

    async def ask(self, request: Request) -> Reply:
        """Make one call within the judge's time limit.

        Raises:
            ProviderError: there is no reply: retryable, fatal for the run, or neither.
        """
        ...

    async def close(self) -> None:
        """Close connections, and stop what was started."""
        ...


class SdkJudge:
    """A model that is asked through its provider's SDK, over one long-lived client.

    The SDK adds its headers and raises its errors; bodies are prepared and replies read here, since the SDK's own types
    would double the processor time of a call.

    Args:
        spec: the judge.
        sdk: the imported SDK.
        client: the SDK's asynchronous client.
        key: the secret that no message may hold.
        timeout: longest time of a call, connecting included, seconds.
    """

    PATH: ClassVar[str]
    """of calls, below the client's base address"""
    caches_prompts = True

    def __init__(self, spec: JudgeSpec, *, sdk: Any, client: Any, key: str, timeout: float) -> None:  # noqa: ANN401 - either SDK's
        self.spec = spec
        self.on_headers: Callable[[Mapping[str, str]], None] = ignore
        self.on_form: Callable[[RequestForm], None] = ignore
        self.forms = set_forms(spec)
        self._has_answered = False
        self._sdk, self._client, self._key, self._timeout = sdk, client, key, timeout

    async def ask(self, request: Request) -> Reply:
        """Ask for one reply in the request's schema; ProviderError where there is none."""
        if request.prompt.images:
            await load_encoded(request.prompt.images)
        while True:
            forms, body = self.forms, self.body(request)
            try:
                reply = await self._send(body)
                break
            except ProviderError as error:
                self._change_form(error, body, forms)
        self._has_answered = True
        self.on_headers(reply.headers)
        with reply_errors(key=self._key):
            return self.read(read_json(reply.content), reply.headers)

    async def _send(self, body: dict[str, Any]) -> httpx2.Response:
        """Make a call."""
        import httpx2  # noqa: PLC0415 - only judging needs it

        options = {"headers": {"content-type": "application/json"}}
        async with self.errors(seconds=self._timeout):
            reply: httpx2.Response = await self._client.post(
                self.PATH, content=orjson.dumps(body), cast_to=httpx2.Response, options=options
            )
        return reply

    def _change_form(self, error: ProviderError, body: dict[str, Any], forms: frozenset[RequestForm]) -> None:
        """Learn from a refusal how the server wants to be asked; raise it where there is nothing to learn.

        Args:
            error: how the server refused.
            body: what it refused.
            forms: in which the body was made; another call may have learnt more since.
        """
        if isinstance(error, (RetryableError, StopRunError)):
            raise error
        if not self._has_answered and names_the_limit(error.message):
            hint = f"max_output_tokens in {self.spec.config}" if self.spec.config else "--max-output-tokens"
            raise StopRunError(error.kind, f"{error.message} (set {hint})", status=error.status) from error
        form = learn(error.message, body, forms, chat=self.spec.provider not in MESSAGES)
        if form is None:
            raise error
        if form not in self.forms:
            self.forms |= {form}
            self.on_form(form)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's body: images first, then what both orders share, then the traces."""
        raise NotImplementedError

    def read(self, record: Any, headers: Mapping[str, str]) -> Reply:  # noqa: ANN401 - what a server sent
        """Return what a successful reply says; any error where it says nothing."""
        raise NotImplementedError

    @asynccontextmanager
    async def errors(self, *, seconds: float | None = None) -> AsyncIterator[None]:
        """Turn whatever a call through the SDK raises, and a reply in no known form, into a ProviderError.

        Args:
            seconds: longest time of what is done within; None leaves it to the client's limits for each step.
        """
        with reply_errors(key=self._key):
            try:
                async with asyncio.timeout(seconds):
                    yield
            except TimeoutError as error:
                raise RetryableError(FailureKind.TIMEOUT, "no whole reply in time", maybe_paid=True) from error
            except self._sdk.APIStatusError as error:
                code, message, headers = _error_code(error), _message(error), error.response.headers
                message = message.replace(self._key, REDACTED)
                raise status_error(error.status_code, code=code, message=message, headers=headers) from error
            except self._sdk.APIConnectionError as error:
                from judge.judges.http_client import connection_error  # noqa: PLC0415 - imports httpx2

                raise connection_error(error, key=self._key) from error

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def ignore(_: object) -> None:
    """Be told something, and do nothing."""


def user_turns(content: list[dict[str, Any]], correction: Correction | None) -> list[dict[str, Any]]:
    """Return the conversation after the system's words: the question, and what followed where it is asked again."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if correction is not None:
        turns.append({"role": "assistant", "content": correction.reply})
        turns.append({"role": "user", "content": correction.note})
    return turns


@contextmanager
def reply_errors(*, key: str) -> Iterator[None]:
    """Turn whatever the reading of a reply raises into a ProviderError: a reply in no known form.

    Args:
        key: the secret that no message may hold.
    """
    try:
        yield
    except OmrJudgeError:
        raise
    except Exception as error:
        # What a server sends instead of a reply breaks the SDKs and our reading in too many ways to list.
        problem = f"not a reply: {error_line(error, key=key)}"
        raise RetryableError(FailureKind.TRANSPORT, problem, maybe_paid=True) from error


def error_line(error: BaseException, *, key: str) -> str:
    """Name an error in a line, without the key; many errors of connections have no text of their own."""
    return redact(f"{type(error).__name__}: {error}".replace(key, REDACTED).rstrip(": "))


def _error_code(error: Any) -> str:  # noqa: ANN401 - either SDK's APIStatusError
    """Join the names that a provider gives an error: OpenAI's type and code, Anthropic's type and error code."""
    names = (getattr(error, name, None) for name in ("type", "code", "error_code"))
    return " ".join(str(name) for name in names if name)


def _message(error: Any) -> str:  # noqa: ANN401 - either SDK's APIStatusError
    """Return the provider's words, or all of an error in another form."""
    try:
        _, words = error_words(read_json(error.response.content))
    except ValueError:
        words = ""
    return words or str(error.response.text)


def status_error(status: int, *, code: str, message: str, headers: Mapping[str, str]) -> ProviderError:
    """Classify an HTTP error by its status and the provider's error code.

    Args:
        status: the HTTP status.
        code: the provider's error type and code, in any form; patterns are searched in it.
        message: the provider's words.
        headers: the reply's headers, by names in lower case.
    """
    message = ": ".join(part for part in (str(status), _STOP_STATUSES.get(status), redact(message)) if part)
    words = f"{code} {message}".lower()
    if status in _REDIRECTS:
        to = redact(headers.get("location", "elsewhere"))
        return StopRunError(FailureKind.REJECTED, f"{status}: the server sends calls on to {to}", status=status)
    if _STOP_CODES.search(code.lower()) or (status in _STOP_STATUSES and not _FILTER_CODES.search(words)):
        return StopRunError(FailureKind.REJECTED, message, status=status)
    if status in _PASSING_STATUSES or status >= _FIRST_SERVER_ERROR:
        kind = FailureKind.RATE_LIMIT if status == 429 else FailureKind.TRANSPORT  # noqa: PLR2004 - the status itself
        paid = status == 504  # noqa: PLR2004 - a gateway gave up on a server that may go on
        return RetryableError(kind, message, status=status, retry_after=retry_after(headers), maybe_paid=paid)
    if status == _TOO_LARGE or _TOO_LONG_CODES.search(words):
        return ProviderError(FailureKind.TOO_LONG, message, status=status)
    if _FILTER_CODES.search(words):
        return ProviderError(FailureKind.FILTERED, message, status=status)
    return ProviderError(FailureKind.REJECTED, message, status=status)


def error_words(record: object) -> tuple[str, str]:
    """Return an error's type and code, joined, and its message, from a record of OpenAI's form; empty in any other."""
    error = part(record, "error")
    code = " ".join(str(error[name]) for name in ("type", "code") if error.get(name))
    return code, str(error.get("message") or "")


def error_within(record: object, *, key: str, headers: Mapping[str, str]) -> ProviderError | None:
    """Return the error that a reply with the status of a success is, as gateways send them; None where it is none.

    Args:
        record: the reply.
        key: the secret that no message may hold.
        headers: the reply's, by names in lower case.
    """
    error = part(record, "error")
    if not error:
        return None
    named = error.get("code")
    status = named if type(named) is int and named in _ERRORS else _FIRST_SERVER_ERROR
    code, words = error_words(record)
    words = f"with status 200: {words.replace(key, REDACTED)}"
    found = status_error(status, code=code, message=words, headers=headers)
    found.maybe_paid = True
    return found


def redact(text: str) -> str:
    """Shorten a provider's message, and blank whatever looks like a key or cannot be written."""
    return clean(_SECRETS.sub(REDACTED, hide_secrets(text))[:MESSAGE_CHARS])


def read_json(content: bytes) -> Any:  # noqa: ANN401 - JSON can be anything
    """Parse a reply's body; what orjson finds too odd (half a character, NaN) the slow parser may still read."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)


def clean(text: str) -> str:
    """Return text that can be written as UTF-8: lone surrogates, which JSON can smuggle in, become U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def checked_reply(**fields: Any) -> Reply:  # noqa: ANN401 - what a server sent
    """Return a reply that can be recorded and read again; ValueError where a field is of another type."""
    return convert({name: clean(value) if isinstance(value, str) else value for name, value in fields.items()}, Reply)


def part(record: object, name: str) -> dict[str, Any]:
    """Return an object within an object of a reply, or an empty one."""
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, dict) else {}


def count(usage: Mapping[str, Any], name: str) -> int:
    """Return a number of tokens from a reply's usage, or 0 where the server tells none: a reply counts without it."""
    value = usage.get(name)
    return value if type(value) is int else 0  # True is no number here
