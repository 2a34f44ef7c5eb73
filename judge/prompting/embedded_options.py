"""Find the options that stand within a question's text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from judge.schema import Item

LETTERS = "ABCDEF"
LEAST = 2
"""a single letter with a point is more often the end of a sentence than an option"""

# One letter more than options may have: a question that goes on to G is left whole.
_AT_LINES = tuple(re.compile(rf"^[ \t]*([A-G])\{mark}[ \t]+", re.MULTILINE) for mark in ".)")
_ANYWHERE = tuple(re.compile(rf"(?<!\S)([A-G])\{mark}[ \t]+") for mark in ".)")
_LETTERS_READ = "ABCDEFGHIJ"
_MARKED = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^[ \t]*([A-K])[.):\uff1a\u3001\uff0e-][ \t]*(?=\S)",
        r"^[ \t]*[(\uff08\[]([A-K])[)\uff09\]][ \t]*",
        r"^[ \t]*([a-k])[.)][ \t]+",
        r"(?<!\S)[(\uff08]([A-K])[)\uff09][ \t]*",
    )
)


def options_of(item: Item) -> Mapping[str, str]:
    """Return an item's options, which may stand in its question only: then in more forms than are parted off it."""
    if item.options or not item.question:
        return item.options
    _, options = split_options(item.question)
    if options:
        return options
    for pattern in _MARKED:
        found = _split_at(item.question, list(pattern.finditer(item.question)), _LETTERS_READ)
        if found is not None:
            return found[1]
    return {}


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """Return a question without its embedded options, and these by letter.

    Options are `A. one` or `A) one`, each on its own line or all in a row. The text stays whole, without options, where
    there is any doubt: letters that are not consecutive from A to at most F, a letter that occurs twice, an option
    without text or of several lines, nothing before the first.
    """
    for pattern in (*_AT_LINES, *_ANYWHERE):
        found = _split_at(text, list(pattern.finditer(text)))
        if found is not None:
            return found
    return text, {}


def _split_at(text: str, marks: Sequence[re.Match[str]], known: str = LETTERS) -> tuple[str, dict[str, str]] | None:
    letters = "".join(mark[1].upper() for mark in marks)
    if len(letters) < LEAST or letters != known[: len(letters)]:
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    texts = [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    stem = text[: marks[0].start()].strip()
    if not stem or any(not option or "\n" in option for option in texts):
        return None
    return stem, dict(zip(letters, texts, strict=True))
