"""Text as it reads once its disguise is undone: other alphabets, look-alikes, accents, what cannot be seen, leet."""

from __future__ import annotations

import codecs
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import NamedTuple

_HANDLER = "judge.flags.fold"
_TAGS = range(0xE0020, 0xE007F)
"""tag characters, which show nothing and hold a letter of ASCII each"""
_ALPHABETS = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
"""where symbols begin that are alphabets, and that no normal form undoes"""
_TATWEEL = "\u0640"
"""lengthens an Arabic line"""
# What stands for what in writing such as "1gn0r3"; i, l and 1 are one letter, so that either reading is found.
_LEET = str.maketrans("0134578@$l", "oieastbasi")
_SQUEEZED = bytes(ord(chr(code).lower().translate(_LEET)) if code < 128 else code for code in range(256))  # noqa: PLR2004 - ASCII
_DROPPED = bytes(code for code in range(128) if not (chr(code).isalnum() or chr(code) in "@$"))
_LEET_MARKS = re.compile(r"[!|](?=[^\W\d_])")


class Folded(NamedTuple):
    """A text in two forms."""

    readable: str
    """with its case, punctuation and spaces"""
    squeezed: bytes
    """letters and digits alone, in lower case, those of leet as the letters that they stand for; UTF-8"""


class _Fold(dict[str, str]):
    """What each character that is no ASCII reads as, worked out once."""

    def __init__(self) -> None:
        text = (files("judge.flags") / "look_alikes.toml").read_text(encoding="utf-8")
        self._alike = {one: reads_as for reads_as, ones in tomllib.loads(text).items() for one in ones}

    def __missing__(self, character: str) -> str:
        self[character] = found = self._work_out(character)
        return found

    def _work_out(self, character: str) -> str:
        code = ord(character)
        if code in _TAGS:
            return chr(code - 0xE0000)
        for first in _ALPHABETS:
            if first <= code < first + 26:
                return chr(ord("a") + code - first)
        parts = self._alike.get(character) or unicodedata.normalize("NFKD", character)
        return "".join(map(self._part, parts))

    def _part(self, part: str) -> str:
        if part.isascii():
            return part
        lower = part.lower()
        if alike := self._alike.get(part) or self._alike.get(lower):
            return alike
        if part.isdecimal():
            return str(unicodedata.decimal(part))
        kind = unicodedata.category(part)
        if kind[0] == "M" or kind == "Cf" or part == _TATWEEL:
            return ""
        return lower if part.isalnum() else " "


_FOLD = _Fold()


def _fold_run(error: UnicodeError) -> tuple[bytes, int]:
    """Fold a run of characters that are no ASCII, as the codec of ASCII meets it."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - text is encoded here, never decoded
    run = error.object[error.start : error.end]
    return "".join(map(_FOLD.__getitem__, run)).encode(errors="replace"), error.end


# The codec passes ASCII over at its own speed, so that English costs next to nothing.
codecs.register_error(_HANDLER, _fold_run)


def fold(text: str) -> Folded:
    """Return a text as it reads once its disguise is undone.

    Undone are compatibility forms (full-width, mathematical, enclosed), accents, letters that look like Latin ones, and
    characters that cannot be seen. Letters of every script stay, the same wherever they come from, so that a phrase
    is found by folding it too. Folding what is folded changes nothing.
    """
    raw = text.encode("ascii", _HANDLER)
    readable = text if text.isascii() else raw.decode()
    if "!" in readable or "|" in readable:
        raw = _LEET_MARKS.sub("i", readable).encode()
    return Folded(readable, raw.translate(_SQUEEZED, _DROPPED))


def readable_places(text: str) -> Iterator[int]:
    """Yield for each character of a text's readable form where it comes from in the text."""
    for place, character in enumerate(text):
        for _ in character if character.isascii() else _FOLD[character]:
            yield place


def squeezed_places(text: str) -> Iterator[int]:
    """Yield for each byte of a text's squeezed form where it comes from in the text."""
    marked = _LEET_MARKS.sub("i", fold(text).readable)
    for place, character in zip(readable_places(text), marked, strict=True):
        for _ in character.encode().translate(None, _DROPPED):
            yield place


def picked(places: Iterator[int], wanted: Iterable[int]) -> dict[int, int]:
    """Return the places of the wanted numbers alone: a whole list takes many times the memory of a long text."""
    numbers = set(wanted)
    return {number: place for number, place in enumerate(places) if number in numbers}
