"""Text without control characters, for a terminal."""

from __future__ import annotations

import unicodedata

_KEPT = {"\n", "\t"}


def safe(text: str) -> str:
    """Return text without control characters, and with invisible formatting characters spelled out as ⟨U+202E⟩."""
    if text.isprintable():
        return text  # as below, fifty times as fast
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if character in _KEPT or category not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return character
    return "" if category == "Cc" else f"⟨U+{ord(character):04X}⟩"
