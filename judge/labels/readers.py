"""The names of readers: what they may hold, and when two of them are too alike to be told apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_CHARS = 80
"""as the pages allow"""
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Joiners are part of names in some scripts: only those beside ASCII, or at an end, hide something.
_JOINER = re.compile(r"(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])")


def reader_problem(name: str, known: Iterable[str] = ()) -> str | None:
    """Return what is wrong with a reader's name; None where nothing is.

    Args:
        name: as the reader gave it.
        known: the names of readers who have labels already.
    """
    if not name.strip():
        return "the reader's name is empty"
    if len(name) > MAX_CHARS:
        return f"the reader's name has {len(name)} characters: at most {MAX_CHARS}"
    for character in _JOINER.sub("", name):
        if unicodedata.category(character) in _UNSEEN:
            return f"the reader's name holds a character that cannot be seen, U+{ord(character):04X}"
    for other in known:
        if other != name and _folded(other) == _folded(name):
            return f"the reader's name differs from {other!r}, who has labels here, only in case, width or spacing"
    return None


def _folded(name: str) -> str:
    return "".join(_JOINER.sub("", unicodedata.normalize("NFKC", name)).casefold().split())
