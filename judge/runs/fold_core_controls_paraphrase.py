"""Write a text otherwise without changing a word: other line breaks, other list markers, other spaces."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"(?<=[a-z]{3}[.!?])[ \t]+(?=[A-Z])")
"""after a word of three letters: `Dr.` and `e.g.` end no sentence"""
_BULLET = re.compile(r"^(?P<indent>[ \t]*)(?P<marker>[-*])(?=[ \t]+\S)", re.MULTILINE)
_NUMBER = re.compile(r"^(?P<number>[ \t]*[0-9]{1,3})(?P<marker>[.)])(?=[ \t]+\S)", re.MULTILINE)
_OTHER = {"-": "*", "*": "-", ".": ")", ")": "."}
_SPACES = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_BREAKS = re.compile(r"\n(?:[ \t]*\n)*")


def paraphrase(text: str) -> str:
    """Return a text with the same words in the same order, that is never the same text.

    Sentences go on a line of their own; single line breaks become blank lines, and blank lines single breaks; `-` and
    `*` before list entries are exchanged, as are `1.` and `1)`; runs of spaces become one. Where all that changes
    nothing, a line break follows the text.
    """
    marked = _BULLET.sub(lambda found: found["indent"] + _OTHER[found["marker"]], text)
    marked = _NUMBER.sub(lambda found: found["number"] + _OTHER[found["marker"]], marked)
    spaced = _BREAKS.sub(lambda found: "\n" if found[0].count("\n") > 1 else "\n\n", _SPACES.sub(" ", marked))
    broken = _SENTENCE_END.sub("\n", spaced)
    return broken if broken != text else f"{text}\n"
