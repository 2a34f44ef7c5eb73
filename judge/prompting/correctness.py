"""Tell whether a model's final answer is right, by rules that leave unclear answers unread."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from judge.schema import Item, Trace

_MARKS = r"[\s*_\"'$]*"
_STATED = re.compile(
    rf"\A{_MARKS}(?:option\s+|choice\s+)?[(\[{{]?(?P<letter>[a-z])(?:[)\]}}*_\"'.:,;$]|\s*\Z|\s+[-:(])", re.IGNORECASE
)
# A bare lower-case letter in prose is a word: "the answer is a beta blocker".
_IN_TEXT = re.compile(
    rf"(?:\b(?i:answer)\b(?:\s+(?:choice|option))?[*_]*\s*(?:is|would\s+be|should\s+be|:|=)\s*(?:option\s+)?|\\boxed\s*{{)"
    rf"{_MARKS}(?:[(\[](?P<marked>[A-Za-z])[)\]]|(?P<bare>[A-Z])\b)"
    r"(?!\s*(?:[,/&]|or\b|and\b)\s*[(\[]?[A-Z]\b)"  # "A or B" is no answer
)


def chosen_option(trace: Trace, item: Item) -> str | None:
    r"""Return the letter of the option that a trace ends with, or None where that cannot be read.

    The stated answer goes first: the text of exactly one option, a letter alone or before its text ("B", "(b)",
    "B. Aspirin", "option B"), several letters ("be": several options are right), or a sentence that names one letter.
    Without one, the trace counts: "answer is B", "Answer: B" or "\boxed{B}", if all such statements name one option.
    """
    letters = {letter.casefold(): letter for letter in item.options}
    if trace.answer is None:
        return _by_statement(trace.text, letters)
    return _by_text(trace.answer, item) or _by_letter(trace.answer, letters) or _by_statement(trace.answer, letters)


def is_right(trace: Trace, item: Item) -> bool | None:
    """Tell whether a trace's final answer is the item's; None where either is absent or cannot be read."""
    if item.answer is None:
        return None
    if not item.options:
        return None if trace.answer is None else _plain(trace.answer) == _plain(item.answer)
    letters = {letter.casefold(): letter for letter in item.options}
    right = _by_text(item.answer, item) or _by_letter(item.answer, letters)
    chosen = chosen_option(trace, item)
    return None if right is None or chosen is None else chosen == right


def _by_letter(answer: str, letters: dict[str, str]) -> str | None:
    match = _STATED.match(answer)
    if match:
        return letters.get(match["letter"].casefold())
    given = answer.strip()
    several = sorted(set(given.casefold()))
    is_list = given.isupper() or list(given.casefold()) == several  # "bad" is a word
    return (
        "".join(letters[letter] for letter in several) if several and is_list and letters.keys() >= {*several} else None
    )


def _by_statement(text: str, letters: dict[str, str]) -> str | None:
    """Return the only option that statements such as "the answer is B" name."""
    if "answer" not in text.casefold() and r"\boxed" not in text:
        return None  # as the search would find, thirty times as fast
    found = (match["marked"] or match["bare"] for match in _IN_TEXT.finditer(text))
    named = {letters.get(letter.casefold()) for letter in found} - {None}
    return named.pop() if len(named) == 1 else None


def _by_text(answer: str, item: Item) -> str | None:
    """Return the letter of the only option with this text."""
    plain = _plain(answer)
    same = [letter for letter, text in item.options.items() if _plain(text) == plain]
    return same[0] if len(same) == 1 else None


@lru_cache(maxsize=64)  # an item's options are compared with both traces' answers
def _plain(text: str) -> str:
    """Return text without case, punctuation at its ends and differences of spacing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.strip(" \t\n.,;:*_\"'()[]").split())
