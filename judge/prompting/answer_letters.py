"""Read letters as options: one, or several that are joined; never one that begins a word or a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from judge.prompting.answer_phrases import any_of
from judge.prompting.option_texts import CLOSE, ENDS, OPEN, option_texts

Labels = frozenset[str]
NONE: Labels = frozenset()

FLAGS = re.IGNORECASE | re.MULTILINE
ANSWER, OPTION, RIGHT, IS = (any_of(role) for role in ("answer", "option", "right", "is"))
_AND = rf"(?:\s*(?:,\s*{any_of('and')}?|[;|\u3001\u00b7\uff0c]|{any_of('and')})\s*)"
_OR = rf"(?:\s*,?\s*{any_of('or')}\s*)"
_AFTER = re.compile(
    rf"\s*(?:$|[)\]{CLOSE}}}:,;!?\u3002\"'/]|\.(?!\w)(?!\s+(?-i:[a-z]))|\.\.|\s-\s|-\s|\n)|\s+\("
    rf"|[ \t]*{any_of('reason')}",
    FLAGS,
)
_NAME = re.compile(r"\.\s+\w+(?:\s+\w+)?\s*[.\"')\]]*\s*$")
_PREDICATE = re.compile(
    r"\s+(?:is|are|was|es|son|est|sont|ist|sind|\u00e9|s\u00e3o|est\u00e1|no|not|nicht|n\u00e3o|ne|n'est|isn't)\b|\s*(?:\u306f|\ub294|\uc740)",
    re.IGNORECASE,
)
"""behind a letter something is said of it, which is read as a claim"""
_MAYBE = re.compile(
    r"(?:maybe|perhaps|possibly|quiz\u00e1s?|tal vez|peut-\u00eatre|vielleicht|talvez|\u53ef\u80fd|\u4e5f\u8bb8"
    r"|\u305f\u3076\u3093|\uc544\ub9c8)\s*",
    FLAGS,
)
_GAP = re.compile(r"[\s.):,(\[\"'=\u2192-]*")
"""between a letter and its option's text"""
_LETTERED = re.compile(r"\s*([0-9A-Za-z])\.(?=[^\W\d])")
"""an option's letter right before its text"""
_LOWER_END = re.compile(r"\s*[.)\]:!?]*\s*$|[)\]]")
_TEXT_END = re.compile(r"\s*(?:$|[).,;\]\"'\u3002])")
_OPTION, _OPTION_BEFORE = re.compile(OPTION, FLAGS), re.compile(rf"{OPTION}\s*\Z", FLAGS)
_DRESS = 100
"""characters that the dress of an option's text may take"""
_LONGEST_WORD = 40
"""characters before a letter in which "option" is looked for"""


def _in_order(letters: str) -> bool:
    """Return whether capitals without anything between are different letters, and no word such as "CAD"."""
    return [*letters] == sorted({*letters}) or len({*letters}) == len(letters) == 2  # noqa: PLR2004


@lru_cache(maxsize=64)
def _letter_patterns(letter: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return what finds one letter of options, what joins several, and several without anything between them."""
    one = re.compile(
        rf"(?:{OPTION}\s*)?(?:[(\[{{{OPEN}\u300c\u300e\u3010'\"]\s*(?:{OPTION}\s*)?(?P<marked>{letter})"
        rf"\s*[.:]?\s*[)\]}}{CLOSE}\u300d\u300f\u3011'\"]"
        rf"|(?P<bare>{letter})(?![0-9A-Za-z\u00c0-\u024f'+]|-\w|\.\w))",
        re.IGNORECASE,
    )
    link = re.compile(rf"\)?(?:(?P<or>{_OR})|{_AND}|(?P<slash>\s*[/&+]\s*))", re.IGNORECASE)
    return one, link, re.compile(rf"(?-i:(?:{letter.upper()}){{2,}})(?![\w-])")


class LetterReader:
    """Reads the letters of one item's options.

    Args:
        options: letter to text.
        several: whether more than one option may be right.
    """

    def __init__(self, options: Mapping[str, str], *, several: bool) -> None:
        self.several, self.texts = several, option_texts(tuple(options.items()))
        self._most_words = max((len(text.split()) for text in self.texts.known), default=0)
        self._longest = _DRESS + 3 * max(map(len, self.texts.known), default=0)
        self.labels = {label.casefold(): label for label in options if len(label) == 1 or label.isdecimal()}
        if options and [*options] == [str(number) for number in range(1, len(options) + 1)]:
            self.labels |= dict(zip("abcdefghijklmnopqrstuvwxyz", options, strict=False))
        letter = "|".join(map(re.escape, sorted(self.labels, key=len, reverse=True))) or r"(?!)"
        self.one, self.link, self.run = _letter_patterns(letter)

    def label_of(self, text: str) -> Labels | None:
        """Read a text that is an option's text and nothing else; none where it is another's letter too."""
        if "\\" not in text and (
            len(text) > self._longest or len(text.strip(ENDS).split(None, self._most_words)) > self._most_words
        ):
            return None  # at once, where the text is a whole trace
        label = self.texts.same(text)
        if label is None and (lettered := _LETTERED.match(text)):
            label = self.labels.get(lettered[1].casefold())
            label = label if label and self.texts.same(text[lettered.end() :]) == label else None
        if label is None:
            return None
        other = self.labels.get(text.strip(" .()[]").casefold(), label)
        return frozenset((label,)) if other == label else NONE

    def list(self, span: str, at: int, *, closed: bool = False) -> Labels | None:
        """Read letters at a place: one, or several joined; none where they exclude each other.

        Args:
            span: the text.
            at: where the first stands.
            closed: the span must end with them.
        """
        if self.several and (run := self.run.match(span, at)) and not closed and _in_order(run[0]):
            return (
                frozenset(self.labels[letter.casefold()] for letter in run[0])
                if _AFTER.match(span, run.end())
                else None
            )
        labels: list[str] = []
        excluded, last, lower = False, None, False
        while one := self.one.match(span, at):
            letter = one["marked"] or one["bare"]
            lower = lower or (one["marked"] is None and letter.islower() and not one[0][: -len(letter)].strip())
            labels.append(self.labels[letter.casefold()])
            at, last = one.end(), one
            at = self._own_text(span, at, labels[-1])
            link = self.link.match(span, at)
            if link is None or not self.one.match(span, link.end()):
                maybe = _MAYBE.match(span, link.end()) if link else None
                excluded = excluded or bool(link and link["or"]) or bool(maybe and self.one.match(span, maybe.end()))
                break
            if link["slash"] and not self.several:
                excluded = True
            excluded = excluded or bool(link["or"])
            at = link.end()
        if last is None:
            return None
        if closed:
            return None if span[at:].strip(" ,.)") else (NONE if excluded else frozenset(labels))
        if not lower and self._contradicts(span, at, labels[-1]):
            return NONE
        if not self._ends_well(span, at, last, lower=lower, label=labels[-1]):
            return None
        return NONE if excluded else frozenset(labels)

    def _own_text(self, span: str, at: int, label: str) -> int:
        """Return the place behind the option's own text, where that follows its letter."""
        gap = _GAP.match(span, at)
        text = self.texts.at(span, gap.end()) if gap else None
        if text is None or text.label != label:
            return at
        return text.end + len(span[text.end :]) - len(span[text.end :].lstrip(")]\"'"))

    def _ends_well(self, span: str, at: int, one: re.Match[str], *, lower: bool, label: str) -> bool:
        """Return whether letters that end here are letters, and no beginning of a word or a name."""
        if _PREDICATE.match(span, at) and at == one.end():
            return False
        if at > one.end():
            return True  # its own text followed
        rest = span[at:]
        if lower:
            return bool(_LOWER_END.match(rest)) or (label not in "AEIOY" and rest.lstrip().startswith(","))
        if one["marked"]:
            return True
        return bool(_AFTER.match(rest)) and not _NAME.match(rest) and not (rest[:1] == "/" and rest[1:2].isalnum())

    def _contradicts(self, span: str, at: int, label: str) -> bool:
        """Return whether another option, its text or its letter alone, follows a letter as its own text would."""
        gap = _GAP.match(span, at)
        other = self.one.match(span, gap.end()) if gap and gap[0].strip() else None
        if other and not span[other.end() :].strip(ENDS):
            return self.labels[(other["marked"] or other["bare"]).casefold()] != label
        text = self.texts.at(span, gap.end()) if gap else None
        if text is None or text.label == label:
            return False
        return bool(_TEXT_END.match(span[text.end :]))

    def named(self, text: str, start: int) -> bool:
        """Return whether what stands at a place is called an option: "option B"."""
        return bool(_OPTION.match(text, start) or _OPTION_BEFORE.search(text[max(0, start - _LONGEST_WORD) : start]))
