"""Phrases that speak to a judge, in twelve languages, found under any disguise that folding undoes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.flags.fold import fold, picked, squeezed_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORT = 6
"""a word of fewer letters at an end of a phrase must be a word of its own"""
MAX_FILLERS = 6
GAP = ("...",)
_GAP_PATTERN = b".{0,20}?"
_NO_SPACES = "\u2e80"
"""from here on, scripts write no spaces between words"""
_BLOCK = 1 << 20
_PREFIX = 4
"""bytes that a phrase begins with, by which its places are found"""
_SLOTS = 16
"""bits of a prefix's hash"""
_MULTIPLIER = np.uint32(2654435761)
"""Knuth, The Art of Computer Programming, volume 3, section 6.4"""

Words = tuple[str, ...]


class Language(NamedTuple):
    """The phrases of a language, as they are written in `phrases.toml`."""

    fillers: Words
    phrases: dict[str, tuple[Words, ...]]
    """by what they want: the parts of each, which are alternatives"""


class _Phrase(NamedTuple):
    """A phrase, folded."""

    fillers: tuple[bytes, ...]
    parts: tuple[tuple[bytes, ...], ...]
    """empty: a gap"""


class _Prefixes(NamedTuple):
    """What phrases begin with."""

    phrases: dict[bytes, list[_Phrase]]
    slots: NDArray[np.bool_]
    """by hash, whether some phrase begins so"""


@cache
def read_languages() -> dict[str, Language]:
    """Return the phrases by language."""
    given = tomllib.loads((files("judge.flags") / "phrases.toml").read_text(encoding="utf-8"))
    return {
        name: Language(
            tuple(fields.pop("fillers")), {wanted: tuple(map(tuple, parts)) for wanted, parts in fields.items()}
        )
        for name, fields in given.items()
    }


@cache
def _prefixes() -> _Prefixes:
    """Return the phrases of all languages by their first bytes."""
    found: dict[bytes, list[_Phrase]] = {}
    for language in read_languages().values():
        fillers = _folded(language.fillers)
        for parts in language.phrases.values():
            phrase = _Phrase(fillers, tuple(() if part == GAP else _folded(part) for part in parts))
            for prefix in set(_beginnings(phrase, b"", 0)):
                found.setdefault(prefix, []).append(phrase)
    slots = np.zeros(1 << _SLOTS, dtype=np.bool_)
    slots[_hashes(b"".join(found))[::_PREFIX]] = True
    return _Prefixes(found, slots)


def _folded(words: Words) -> tuple[bytes, ...]:
    return tuple(fold(word).squeezed for word in words)


def _beginnings(phrase: _Phrase, begun: bytes, part: int) -> Iterator[bytes]:
    """Yield the first bytes that a phrase may have: a short word is followed by fillers or the next part."""
    if len(begun) >= _PREFIX:
        yield begun[:_PREFIX]
        return
    following = phrase.parts[part]
    for word in following:
        yield from _beginnings(phrase, begun + word, part + 1)
    if begun:
        for filler in phrase.fillers:
            yield from _beginnings(phrase, begun + filler, part)


def _hashes(raw: bytes) -> NDArray[np.uint32]:
    """Return a hash of each so many bytes that follow each other."""
    windows = np.ndarray((max(0, len(raw) - _PREFIX + 1),), dtype="<u4", buffer=raw, strides=(1,))
    return (windows * _MULTIPLIER) >> np.uint32(32 - _SLOTS)


@cache
def _pattern(phrase: _Phrase) -> re.Pattern[bytes]:
    """Return the pattern of a phrase in squeezed text; its first and last group hold its first and last words."""
    fillers = b"(?:" + _either(phrase.fillers) + b"){0,%d}" % MAX_FILLERS
    whole = fillers.join(b"(" + _either(part) + b")" if part else _GAP_PATTERN for part in phrase.parts)
    # Fillers on either side of a gap would be tried in every combination with it, and say no more.
    return re.compile(whole.replace(fillers + _GAP_PATTERN + fillers, _GAP_PATTERN))


def _either(words: tuple[bytes, ...]) -> bytes:
    return b"|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def phrase_spans(text: str, squeezed: bytes) -> list[tuple[int, int]]:
    """Return where phrases stand in a text, in order and without overlaps.

    Args:
        text: the text.
        squeezed: its squeezed form.
    """
    known = _prefixes().phrases
    matches = [
        match
        for at in _candidates(squeezed)
        for phrase in known.get(squeezed[at : at + _PREFIX], ())
        if (match := _pattern(phrase).match(squeezed, at))
    ]
    if not matches:
        return []
    numbers = ((match.start(), match.end() - 1, _last_start(match)) for match in matches)
    places = picked(squeezed_places(text), chain.from_iterable(numbers))
    spans: list[tuple[int, int]] = []
    for match in sorted(matches, key=lambda match: (match.start(), -match.end())):
        start, end = places[match.start()], places[match.end() - 1] + 1
        if (not spans or start >= spans[-1][1]) and _stands_alone(text, match, start, places[_last_start(match)], end):
            spans.append((start, end))
    return spans


def _last_start(match: re.Match[bytes]) -> int:
    return match.start(match.lastindex or 1)


def _candidates(squeezed: bytes) -> Iterator[int]:
    """Yield where a phrase may begin; a block of the text in memory at a time."""
    slots = _prefixes().slots
    for begin in range(0, len(squeezed), _BLOCK):
        block = squeezed[begin : begin + _BLOCK + _PREFIX - 1]
        yield from (np.flatnonzero(slots[_hashes(block)]) + begin).tolist()


def _stands_alone(text: str, match: re.Match[bytes], start: int, last_start: int, end: int) -> bool:
    """Tell whether short words at the ends of a match are words of the text, and no parts of longer ones.

    The last may follow the part before it directly, as in "trace1", but not a filler, as in "theme".
    """
    n_groups = match.lastindex or 1
    first, last = match[1].decode(), match[n_groups].decode()
    begins = len(first) >= SHORT or not _joined(text[start - 1 : start], text[start])
    follows = match.start(n_groups) in {match.start(), match.end(n_groups - 1)}
    ends = len(last) >= SHORT or not (
        _joined(text[end - 1], text[end : end + 1])
        or (not follows and _joined(text[last_start - 1 : last_start], text[last_start]))
    )
    return begins and ends


def _joined(left: str, right: str) -> bool:
    """Tell whether two neighbouring characters belong to one word."""
    return all(one.isalnum() and one < _NO_SPACES for one in (left, right))
