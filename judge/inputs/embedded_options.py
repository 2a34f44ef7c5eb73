"""Part a question from the options that its text ends with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTERS = "ABCDEF"
LEAST = 2
"""a single letter with a point is more often the end of a sentence than an option"""

# One letter more than options may have: a question that goes on to G is left whole.
_AT_LINES = tuple(re.compile(rf"^[ \t]*([A-G])\{mark}[ \t]+", re.MULTILINE) for mark in ".)")
_ANYWHERE = tuple(re.compile(rf"(?<!\S)([A-G])\{mark}[ \t]+") for mark in ".)")


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """Return a question without its embedded options, and these by letter.

    Options are `A. one` or `A) one`, each on its own line or all in a row. The text stays whole, without options, where
    there is any doubt: letters that are not consecutive from A to at most F, a letter that occurs twice, an option
    without text or of several lines, nothing before the first.
    """
    for pattern in (*_AT_LINES, *_ANYWHERE):
        found = _split(text, list(pattern.finditer(text)))
        if found is not None:
            return found
    return text, {}


def _split(text: str, marks: Sequence[re.Match[str]]) -> tuple[str, dict[str, str]] | None:
    letters = "".join(mark[1] for mark in marks)
    if len(letters) < LEAST or letters != LETTERS[: len(letters)]:
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    texts = [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    stem = text[: marks[0].start()].strip()
    if not stem or any(not option or "\n" in option for option in texts):
        return None
    return stem, dict(zip(letters, texts, strict=True))
