"""Operators that plant an error in a sentence: read from closed lexicons, tried at every place where they may act."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, NamedTuple

from pydantic import Field

from judge.schema import Frozen, Group


class PlantedKind(StrEnum):
    """What an edit is: an error on a criterion, a step left out, or a change that changes nothing."""

    PERCEPTION = Group.PERCEPTION
    KNOWLEDGE = Group.KNOWLEDGE
    RATIONALE = Group.RATIONALE
    OMISSION = "omission"
    PLACEBO = "placebo"


ERRORS = tuple(PlantedKind(group) for group in Group)
"""the kinds whose catch rates a certificate is about"""


class Action(StrEnum):
    """How an operator changes a sentence."""

    SWAP = "swap"
    """the first word of a pair becomes the second, and the other way round"""
    REPLACE = "replace"
    """the first of a pair becomes the second"""
    NUMBER = "number"
    """a number between words becomes another: one more, or so many times as much"""
    OPTION = "option"
    """the right option's text becomes another option's"""
    OMIT = "omit"
    """the sentence is left out"""
    ORDER = "order"
    """two words beside a conjunction change places"""


class Operator(Frozen):
    """One way to change a sentence, by a closed list of words."""

    name: str
    """what it changes"""
    action: Action
    """how"""
    pairs: tuple[tuple[str, str], ...] = ()
    """of `swap` and `replace`: the words, and what they become"""
    words: tuple[str, ...] = ()
    """of `number`: what follows the number; of `option` and `omit`: a word that the sentence has; of `order`: the words
    that may change places"""
    before: tuple[str, ...] = ()
    """of `number`: what stands before it; of `order`: the conjunctions"""
    numerals: tuple[str, ...] = ()
    """of `number`: words for one, two, three ..."""
    factor: int = 0
    """of `number`: times so much; 0: one more"""
    stated: bool = True
    """whether the matched statement must say the very words that are changed: it says then that they are right"""
    negated: bool = False
    """whether it may act in a sentence that denies something"""
    numbered: bool = False
    """of `swap` and `replace`: whether it acts after a number alone, as on a unit"""


class Lexicon(Frozen):
    """The operators of one kind in one language: a file in `judge/certify/operators/`."""

    kind: PlantedKind
    """what its edits are"""
    language: str
    """of the traces, as ISO 639-1 has it"""
    skip: tuple[str, ...] = ()
    """words by which a sentence speaks of what is not so, or of another case: it stays as it is"""
    negations: tuple[str, ...] = ()
    """words that deny: only operators that are `negated` act beside them"""
    spare: tuple[str, ...] = ()
    """terms of which no part is changed: it means something else in them, or the other word makes none"""
    operators: Annotated[tuple[Operator, ...], Field(alias="operator", min_length=1)]
    """tried one by one"""

    @cached_property
    def skipping(self) -> re.Pattern[str]:
        """Finds a word of `skip`."""
        return any_word(self.skip)

    @cached_property
    def denying(self) -> re.Pattern[str]:
        """Finds a word of `negations`."""
        return any_word(self.negations)

    @cached_property
    def sparing(self) -> re.Pattern[str]:
        """Finds a term of `spare`."""
        return any_word(self.spare)


class Change(NamedTuple):
    """A change at a place of a text; undone, it gives the same bytes."""

    offset: int
    """characters before it"""
    before: str
    after: str

    def apply(self, text: str) -> str:
        """Return the text changed; ValueError where it does not hold `before` there."""
        return self._exchange(text, self.before, self.after)

    def undo(self, text: str) -> str:
        """Return the text as it was; ValueError where it does not hold `after` there."""
        return self._exchange(text, self.after, self.before)

    def _exchange(self, text: str, old: str, new: str) -> str:
        end = self.offset + len(old)
        if text[self.offset : end] != old:
            raise ValueError(f"the text holds no {old!r} at {self.offset}")
        return text[: self.offset] + new + text[end:]


@cache
def lexicons() -> tuple[Lexicon, ...]:
    """Read every file of operators, by name."""
    folder = files("judge.certify") / "operators"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".toml")), key=lambda path: path.name)
    return tuple(Lexicon.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))) for path in paths)


_LETTER = r"(?-i:[A-Za-z\u00c0-\u024f])"
"""of a script that has spaces"""
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
"""kana and Chinese characters, between which there are no spaces"""


def is_spaceless(text: str) -> bool:
    """Return whether a text is written without spaces between its words."""
    return bool(_SPACELESS.search(text))


@cache
def word(text: str) -> re.Pattern[str]:
    """Return what finds a word or words, whole where the script has spaces, whatever their case."""
    pattern = re.escape(text)
    if not is_spaceless(text):
        pattern = rf"(?<!{_LETTER}){pattern}(?!{_LETTER})" if text[-1:].isalpha() else rf"(?<!{_LETTER}){pattern}"
    return re.compile(pattern, re.IGNORECASE)


@cache
def any_word(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds any of some words; nothing where there are none."""
    return re.compile("|".join(word(one).pattern for one in words) or r"(?!)", re.IGNORECASE)


def changes(operator: Operator, sentence: str, options: tuple[str, ...]) -> Iterator[Change]:
    """Yield each change that an operator can make to a sentence, its place counted within the sentence.

    Args:
        operator: of a lexicon.
        sentence: one sentence of a trace.
        options: texts of the item's options, the right one first; empty where it is not known.
    """
    match operator.action:
        case Action.SWAP | Action.REPLACE:
            pairs = operator.pairs
            if operator.action is Action.SWAP:
                pairs += tuple((new, old) for old, new in operator.pairs)
            for old, new in pairs:
                for change in _replacements(sentence, old, new):
                    if not operator.numbered or _NUMBERED.search(sentence, 0, change.offset):
                        yield change
        case Action.NUMBER:
            yield from _numbers(operator, sentence)
        case Action.OPTION if options and any_word(operator.words).search(sentence):
            wrong = next((one for one in options[1:] if not word(one).search(sentence)), "")
            yield from _replacements(sentence, options[0], wrong) if wrong else ()
        case Action.OMIT if any_word(operator.words).search(sentence):
            yield Change(0, sentence, "")
        case Action.ORDER:
            yield from _exchanges(operator, sentence)
        case _:
            pass


def _replacements(sentence: str, old: str, new: str) -> Iterator[Change]:
    """Yield the places of a word, unless the sentence speaks of the other one too: but for what is part of the word."""
    places = list(word(old).finditer(sentence))
    others = [other.span() for other in word(new).finditer(sentence)] if places else []
    if all(any(one.start() <= start and end <= one.end() for one in places) for start, end in others):
        for found in places:
            yield Change(found.start(), found[0], new if found[0] == old else _in_case(new, found[0]))


def _in_case(new: str, old: str) -> str:
    """Return a word in capitals, or with a capital first, where the other one is so; else its first letter is small."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    if old[:1].isupper():
        return new[:1].upper() + new[1:]
    return new if new[1:2].isupper() else new[:1].lower() + new[1:]


_NUMBERED = re.compile(r"\d[\s-]*\Z")
_NUMBER = re.compile(rf"(?<!{_LETTER})(?<![\d.,])\d+(?:\.\d+)?(?![\d,]|\.\d)")


def _numbers(operator: Operator, sentence: str) -> Iterator[Change]:
    found = [(place.start(), place[0]) for place in _NUMBER.finditer(sentence)]
    found += [(place.start(), place[0]) for place in any_word(operator.numerals).finditer(sentence)]
    lead, follow = any_word(operator.before), any_word(operator.words)
    for start, old in sorted(found):
        rest = sentence[start + len(old) :]
        near = re.match(rf"\s*-?(?:{_LETTER}+[\s-]+)?", rest)
        follows = not operator.words or any(follow.match(rest, place) for place in _starts(rest, near))
        leads = not operator.before or any(
            place.end() >= len(sentence[:start].rstrip()) for place in lead.finditer(sentence, 0, start)
        )
        if follows and leads and (new := _other_number(operator, old)):
            yield Change(start, old, _in_case(new, old) if old.isalpha() else new)


def _starts(rest: str, near: re.Match[str] | None) -> set[int]:
    """Return where the word after a number may begin: at once, or one word later."""
    blank = len(rest) - len(rest.lstrip(" \u3000-"))
    return {0, blank, near.end() if near else 0}


def _other_number(operator: Operator, old: str) -> str:
    numerals = [one.casefold() for one in operator.numerals]
    if old.casefold() in numerals:
        at = numerals.index(old.casefold()) + 1
        if at == 1:  # its noun is singular
            return ""
        return operator.numerals[at] if at < len(numerals) else operator.numerals[at - 2]
    if not operator.factor:
        return str(int(old) + 1) if old.isdecimal() and int(old) > 1 else ""
    whole, _, part = old.partition(".")
    times = int(whole + part) * operator.factor
    digits = str(times).rjust(len(part) + 1, "0")
    return f"{digits[: -len(part)]}.{digits[-len(part) :]}" if part else digits


def _exchanges(operator: Operator, sentence: str) -> Iterator[Change]:
    one = any_word(operator.words).pattern
    for link in operator.before:
        for found in re.finditer(rf"(?P<one>{one})(?P<link>{re.escape(link)})(?P<two>{one})", sentence, re.IGNORECASE):
            if found["one"].casefold() != found["two"].casefold():
                swapped = _in_case(found["two"], found["one"]) + found["link"] + _in_case(found["one"], found["two"])
                yield Change(found.start(), found[0], swapped)
