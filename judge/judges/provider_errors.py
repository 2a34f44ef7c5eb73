"""The errors that servers send: their words in every form, and whether to ask again, to stop, or to go on without."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from judge.errors import ProviderError, RetryableError, StopRunError
from judge.files.secrets import REDACTED, hide_secrets
from judge.judges.retry_after import retry_after
from judge.schema import FailureKind

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
_STOP_WORDS = re.compile(
    r"insufficient_quota|credit balance|exceeded your current quota|insufficient (?:credits|balance|funds|quota)"
    r"|out of credits|billing hard limit|api key not valid|api_key_invalid|invalid api key|incorrect api key"
)
"""in the words of an error, whatever its status"""
_NO_STOP = "resource_exhausted"
"""Google's name for any limit, one of a minute too, with words about billing"""
_TOO_LONG_CODES = re.compile(
    r"context_length|context_size|context_window|prompt is too long|maximum context|too_large|context length"
    r"|input is too long|input token count|tokens must be <=|`inputs` tokens"
)
_FILTER_CODES = re.compile(r"content[-_ ](?:filter|policy|management)")
_PASSING_STATUSES = {408, 409, 425, 429}
_REDIRECTS = range(300, 400)
_FIRST_SERVER_ERROR = 500
_TOO_LARGE = 413
_SECRETS = re.compile(
    r"""(?ix) \b (?: (?:sk|key|bearer) [-_ ] | (?:api[-_ ]?key|authorization) ["']?\s*[:=]\s*["']? (?:bearer\s)? )
        [A-Za-z0-9._*+/=-]{6,}"""
)
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "overloaded_error": 529,
}
"""the HTTP status that an error of this type has as such"""
TELLING = {name: status for name, status in STATUSES.items() if status != 400}  # noqa: PLR2004
"""the types that say more than that a request failed"""
_ERRORS = range(400, 600)
_RATE_WORDS = re.compile(r"rate[ -_]?limit|too many requests", re.IGNORECASE)
_FAILED = {"error", "failed", "incomplete", "cancelled", "canceled", "aborted"}
_NO_CODE = (None, "", 0, "0")
_NUMBER = re.compile(r"\d{3}", re.ASCII)
_NUMBERS = ("code", "status_code", "statusCode", "error_code", "status")
"""what servers call an error's number"""
_WORDS = ("message", "error_msg", "error_message", "status_msg", "msg", "detail")
"""what they call its words"""


class FoundError(NamedTuple):
    """An error within a body."""

    code: str
    words: str
    status: int | None


def find_error(record: object) -> FoundError | None:
    """Return the error that a body holds in any form that servers give it; None where there is none."""
    if isinstance(record, list):
        return next((told for one in record if (told := find_error(one))), None)
    if not isinstance(record, dict):
        return None
    choices = record.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for place in (record, first, part(first, "message")):
        if isinstance(place, dict) and (error := place.get("error") or place.get("errors")):
            return _told(error)
    if (base := part(record, "base_resp")).get("status_code"):
        return _told(base)
    failed = not _FAILED.isdisjoint(str(record.get(name)).lower() for name in ("object", "type", "status"))
    failed = failed or record.get("success") is False or record.get("error_code") not in _NO_CODE
    return _told(record) if failed or _status(record) else None


def _told(error: object) -> FoundError:
    """Return what an error tells, in whatever form it is."""
    if isinstance(error, list):
        return _told(error[0])
    if not isinstance(error, dict):
        return FoundError("", str(error), 429 if _RATE_WORDS.search(str(error)) else None)
    words = next((str(error[name]) for name in _WORDS if error.get(name)), "")
    if not words and (inner := error.get("error") or error.get("errors")):
        return _told(inner)
    details = part(error, "details").get("error_code")
    named = [str(name) for name in (error.get("type"), error.get("code"), error.get("status"), details) if name]
    return FoundError(" ".join(named), words, _status(error) or (429 if _RATE_WORDS.search(words) else None))


def _status(error: dict[str, Any]) -> int | None:
    """Return the HTTP status that an error tells by a number or by its type; None where it tells none."""
    for number in (*(error.get(name) for name in _NUMBERS), part(error, "details").get("error_code")):
        told = int(number) if isinstance(number, str) and _NUMBER.fullmatch(number) else number
        if type(told) is int and told in _ERRORS:
            return told
    return TELLING.get(str(error.get("type")))


def error_line(error: BaseException, *, key: str) -> str:
    """Name an error in a line, without the key; many errors of connections have no text of their own."""
    return redact(f"{type(error).__name__}: {error}".replace(key, REDACTED).rstrip(": "))


def error_said(error: Any) -> tuple[str, str]:  # noqa: ANN401 - either SDK's APIStatusError
    """Return the names that a provider gives an error, joined, and its words, or all of an error in another form."""
    try:
        found = find_error(read_json(error.response.content))
    except (ValueError, RecursionError):
        found = None
    names = (getattr(error, name, None) for name in ("type", "code", "error_code"))
    code = " ".join([*(str(name) for name in names if name), found.code if found else ""])
    return code, (found.words if found else "") or str(error.response.text)


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
    no_more = _STOP_CODES.search(code.lower()) or (_STOP_WORDS.search(words) and _NO_STOP not in words)
    if no_more or (status in _STOP_STATUSES and not _FILTER_CODES.search(words)):
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


def part(record: object, name: str) -> dict[str, Any]:
    """Return an object within an object of a reply, or an empty one."""
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, dict) else {}
