"""Redaction of the secrets that the environment holds."""

from __future__ import annotations

import base64
import logging
import os
import re
from urllib.parse import unquote, urlsplit

from judge.files.safe_text import safe

REDACTED = "[redacted]"
FEWEST_CHARS = 8
"""shorter values are words of a message more often than secrets"""
_KEYS = re.compile(r"(?:OPENAI|ANTHROPIC|OMR_JUDGE)_(?:\w+_)?(?:KEY|TOKEN|SECRET)")
_HEADERS = ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_noted: set[str] = set()


def note_secret(variable: str) -> None:
    """Count an environment variable among those that hold secrets, from now on."""
    _noted.add(variable)


def known_secrets() -> frozenset[str]:
    """Return the values of all keys, of custom headers and of proxies' passwords that the environment holds."""
    found: set[str] = set()
    for name, value in os.environ.items():
        if name in _noted or _KEYS.fullmatch(name):
            found.add(value.strip())
        elif name in _HEADERS:
            found |= _header_values(value)
        elif name.upper() in _PROXIES:
            found |= _credentials(value)
    return frozenset(secret for secret in found if len(secret) >= FEWEST_CHARS)


def _header_values(headers: str) -> set[str]:
    """Return the values of `Name: value` lines, with and without the scheme before a credential."""
    values = {line.partition(":")[2].strip() for line in headers.splitlines()}
    return values | {value.rpartition(" ")[2] for value in values}


def _credentials(proxy: str) -> set[str]:
    """Return the password of a proxy's address as it is written, as it is meant and as it is sent."""
    try:
        address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError:
        return {proxy}
    if address.password is None:
        return set()
    user, password = unquote(address.username or ""), unquote(address.password)
    return {address.password, password, base64.b64encode(f"{user}:{password}".encode()).decode()}


def hide_secrets(text: str) -> str:
    """Return a text with every known secret blanked, the longest first."""
    for secret in sorted(known_secrets(), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def hide_in_logs() -> None:
    """Blank the secrets in what is logged from now on: `OPENAI_LOG` and `ANTHROPIC_LOG` make the SDKs talk."""

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = safe(hide_secrets(record.getMessage())), None
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(hide)
