"""Text without control characters, for a terminal."""

from __future__ import annotations

import re
import unicodedata

_KEPT = {*"\n\t", *map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD))}
"""line ends, tabs, and the marks of numbers and verses, which are formatting characters and can be seen"""
_JOINERS = re.compile(r"(?<=[^\x00-\u02ff])[\u200c\u200d](?=[^\x00-\u02ff])")
"""decide how letters of other scripts than Latin, and emoji, are drawn together"""


def safe(text: str) -> str:
    """Return text without control characters, and with invisible formatting characters spelled out as ⟨U+202E⟩."""
    if text.isprintable():
        return text  # as below, fifty times as fast
    joiners = {match.start() for match in _JOINERS.finditer(text)}
    return "".join(one if place in joiners else _shown(one) for place, one in enumerate(text))


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if character in _KEPT or category not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return character
    return "" if category == "Cc" else f"⟨U+{ord(character):04X}⟩"
