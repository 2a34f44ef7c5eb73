"""How long a provider asks to be left alone: what its reply's headers say."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite

OPENAI_LIMITS = tuple((f"x-ratelimit-remaining-{what}", f"x-ratelimit-reset-{what}") for what in ("requests", "tokens"))
ANTHROPIC_LIMITS = tuple(
    (f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset")
    for what in ("requests", "tokens", "input-tokens", "output-tokens")
)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}
_NUMBER = r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?)"
_PART = re.compile(rf"({_NUMBER})(ms|[hms])")
_DURATION = re.compile(rf"{_NUMBER}|(?:{_NUMBER}(?:ms|[hms]))+")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a provider asks to wait, at least 0, or None where it says nothing.

    `retry-after-ms` goes before `retry-after` (seconds or a date); where neither can be read, the latest reset of those
    rate limits of which nothing remains. Dates are read against the reply's own `date` header, so that a wrong clock
    on either side does no harm.

    Args:
        headers: the reply's headers, by names in lower case.
    """
    milliseconds, value = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    for text, unit in ((milliseconds, 0.001), (value, 1.0)):
        if not text:
            continue
        try:
            seconds = float(text) * unit
        except ValueError:
            continue
        if isfinite(seconds):
            return max(0.0, seconds)
    until = _until(value, email.utils.parsedate_to_datetime, headers)
    return max(_resets(headers), default=None) if until is None else until


def _resets(headers: Mapping[str, str]) -> Iterator[float]:
    for remaining, reset in OPENAI_LIMITS:
        if _is_zero(headers.get(remaining)) and (seconds := duration(headers.get(reset, ""))) is not None:
            yield seconds
    for remaining, reset in ANTHROPIC_LIMITS:
        if _is_zero(headers.get(remaining)):
            until = _until(headers.get(reset, ""), datetime.fromisoformat, headers)
            if until is not None:
                yield until


def _is_zero(text: str | None) -> bool:
    try:
        return text is not None and float(text) <= 0
    except ValueError:
        return False


def duration(text: str) -> float | None:
    """Return the seconds of `1m30s`, `500ms`, `6m0s` or a plain number of seconds; None for anything else."""
    text = text.strip()
    if not _DURATION.fullmatch(text):
        return None
    parts = _PART.findall(text) or [(text, "")]
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _until(text: str, read: Callable[[str], datetime], headers: Mapping[str, str]) -> float | None:
    """Return the seconds from the reply's date to a time, at least 0; None where either cannot be read."""
    time = _time(text, read) if text else None
    now = None if time is None else _time(headers.get("date", ""), email.utils.parsedate_to_datetime)
    return None if time is None or now is None else max(0.0, (time - now).total_seconds())


def _time(text: str, read: Callable[[str], datetime]) -> datetime | None:
    """Return a time in UTC; None for one without a time zone or beyond all calendars."""
    try:
        time = read(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None
