"""Other texts that a text holds, with the places that they come from: decoded, unescaped, without markup, backwards."""

from __future__ import annotations

import base64
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote

LEAST_ENCODED = 20
"""shorter runs of letters and digits are words"""
LEAST_WORDS = 0.5
"""share of letters, digits and spaces in what is text"""
_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{LEAST_ENCODED},}}(?:\s{{1,2}}[A-Za-z0-9+/_-]{{{LEAST_ENCODED},}})*={{0,2}}")
_CODES = re.compile(r"\b(?:(?:0x)?[0-9a-f]{2,8}[\s,;:]{1,2}){11,}(?:0x)?[0-9a-f]{2,8}\b", re.IGNORECASE)
_CODE = re.compile(r"(?:0x)?([0-9a-f]{2,8})", re.IGNORECASE)
_TAG = re.compile(r"<!--.*?(?:-->|$)|</?[A-Za-z][^<>]{0,200}>", re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31});", re.IGNORECASE)
_PERCENT = re.compile(r"(?:%[0-9a-f]{2})+", re.IGNORECASE)
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})", re.IGNORECASE)
_TELLING = (
    "ignor",
    "instruct",
    "disregard",
    "forget",
    "choos",
    "prefer",
    "answer",
    "response",
    "judge",
    "score",
    " the ",
)
"""of what speaks to a judge in English, one of these"""
_ROT13 = tuple(codecs.encode(word, "rot13") for word in _TELLING)
_BACKWARDS = tuple(word[::-1] for word in _TELLING)


class View(NamedTuple):
    """A text within a text."""

    text: str
    start: int
    """where it comes from"""
    end: int
    encoded: bool
    """whether nobody writes so but to hide what is said"""
    words: bool = False
    """whether it is certain that words were hidden"""


def views(text: str) -> Iterator[View]:
    """Yield the other texts that a text holds, cheaply where it has none."""
    yield from _substituted(text, "<", _TAG, lambda _: "")
    yield from _substituted(text, "&", _ENTITY, lambda match: html.unescape(match[0]))
    yield from _substituted(text, "%", _PERCENT, lambda match: unquote(match[0], errors="replace"))
    yield from _substituted(text, "\\", _ESCAPE, lambda match: chr(int(match[1] or match[2], 16)))
    if max(map(len, text.split()), default=0) >= LEAST_ENCODED:
        for run in _RUN.finditer(text):
            if decoded := _decoded(run[0]):
                yield View(decoded, run.start(), run.end(), encoded=True, words=True)
    yield from _codes(text)
    lowered = text.lower()
    if any(word in lowered for word in _ROT13):
        yield View(codecs.encode(text, "rot13"), 0, len(text), encoded=True)
    if any(word in lowered for word in _BACKWARDS):
        yield View(text[::-1], 0, len(text), encoded=True)


def _substituted(
    text: str, mark: str, pattern: re.Pattern[str], reads_as: Callable[[re.Match[str]], str]
) -> Iterator[View]:
    """Yield a text with what a pattern finds replaced, from the first place to the last; nothing without the mark."""
    if mark in text and (places := [match.span() for match in pattern.finditer(text)]):
        yield View(pattern.sub(reads_as, text), places[0][0], places[-1][1], encoded=False)


def _codes(text: str) -> Iterator[View]:
    """Yield what runs of numbers say as codes of characters, in hex, decimal or binary: figures seldom say words."""
    for run in _CODES.finditer(text):
        numbers = _CODE.findall(run[0])
        for base in (16, 10, 2):
            with suppress(ValueError):  # no numbers of this base, or no characters
                if _is_text(said := "".join(chr(int(number, base)) for number in numbers)):
                    yield View(said, run.start(), run.end(), encoded=True)


def _decoded(run: str) -> str | None:
    """Return what a run of letters and digits says in hex, base32 or base64; None where that is no text."""
    joined = "".join(run.split()).rstrip("=")
    for decode in (bytes.fromhex, _from_base32, _from_base64):
        with suppress(ValueError):  # none of the three, or no UTF-8
            if _is_text(said := decode(joined).decode()):
                return said
    return None


def _is_text(said: str) -> bool:
    """Tell whether characters are those of a text: letters and spaces by half, and none that has no meaning."""
    kinds = [unicodedata.category(one)[0] for one in said if not one.isspace()]
    spaces = len(said) - len(kinds)
    letters = sum(kind in "LMN" for kind in kinds)
    unmeant = any(unicodedata.category(one) in {"Cc", "Cn", "Co", "Cs"} for one in said if not one.isspace())
    return letters > 0 and letters + spaces >= LEAST_WORDS * len(said) and not unmeant


def _from_base32(joined: str) -> bytes:
    return base64.b32decode(joined + "=" * (-len(joined) % 8))


def _from_base64(joined: str) -> bytes:
    """Decode either alphabet of base64, with what is left over at the end cut off."""
    whole = joined[: len(joined) - (len(joined) % 4 == 1)].translate(str.maketrans("-_", "+/"))
    return base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
