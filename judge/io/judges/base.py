"""What every judge does, and how a provider's errors become ours."""

from __future__ import annotations

import email.utils
import re
from typing import TYPE_CHECKING, Protocol

from judge.errors import ProviderError, RetryableError, StopRunError
from judge.schema import FailureKind, JudgeSpec, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

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
_FILTER_CODES = re.compile(r"content_filter|content_policy|content_management")
_PASSING_STATUSES = {408, 409, 425, 429}
_FIRST_SERVER_ERROR = 500
_TOO_LARGE = 413
_SECRETS = re.compile(r"(?i)\b(?:sk|key|bearer)[-_ ][A-Za-z0-9._*-]{6,}")


class Judge(Protocol):
    """A model that can be asked."""

    spec: JudgeSpec

    async def ask(self, request: Request) -> Reply:
        """Make one call; ProviderError (retryable, fatal for the run, or neither) where there is no reply."""
        ...

    async def close(self) -> None:
        """Close connections, and stop what was started."""
        ...


def status_error(status: int, *, code: str, message: str, headers: Mapping[str, str]) -> ProviderError:
    """Classify an HTTP error by its status and the provider's error code.

    Args:
        status: the HTTP status.
        code: the provider's error type and code, in any form; patterns are searched in it.
        message: the provider's words.
        headers: the reply's headers, with case-insensitive look-up.
    """
    message = f"{status}: {redact(message)}"
    words = f"{code} {message}".lower()
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


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a provider asks to wait, from `retry-after-ms` or `retry-after` (seconds or a date).

    A date is read against the reply's own `date` header, so that a wrong clock on either side does no harm.
    """
    milliseconds, value = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    for text, unit in ((milliseconds, 0.001), (value, 1.0)):
        try:
            return max(0.0, float(text) * unit)
        except ValueError:
            continue
    try:
        until, now = (email.utils.parsedate_to_datetime(text) for text in (value, headers.get("date", "")))
    except ValueError:
        return None
    return max(0.0, (until - now).total_seconds())


def redact(text: str) -> str:
    """Shorten a provider's message and blank whatever looks like a key."""
    return _SECRETS.sub("[redacted]", text)[:MESSAGE_CHARS]


def clean(text: str) -> str:
    """Return text that can be written as UTF-8: lone surrogates, which JSON can smuggle in, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
