"""Read one statement: what follows "the answer is", stands in a box, or is a line of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from judge.prompting.answer_phrases import any_of
from judge.prompting.option_texts import CLOSE, ENDS, OPEN, Mention, option_texts

Labels = frozenset[str]
NONE: Labels = frozenset()

FLAGS = re.IGNORECASE | re.MULTILINE
ANSWER, OPTION, RIGHT, IS = (any_of(role) for role in ("answer", "option", "right", "is"))
DET = (
    r"(?:(?-i:an?|the|el|la|los|las|un|une|una|le|les|der|die|das|den|eine?|os?|as?|uma?"
    r"|The|La|El|Le|Les|Der|Die|Das)(?=\s)|l'|(?:my|our|the|meine|mi|ma|minha)(?=\s))"
)
LEAD = re.compile(
    rf"(?:(?:[\s\"'=>,:\u2192\u21d2\u3001\uff0c-]|[({{\[{OPEN}](?!\s*\w\s*[)\]}}{CLOSE}]))+|{DET}\s*|(?:it|that|this)(?:'s|\s+(?:is|(?:must|has\s+to)\s+be))(?=\s)|{any_of('adverb')}|{IS}(?=\s)|{OPTION}\s*|{any_of('answer')}(?=\s+\S)|{RIGHT}(?=\s))",
    FLAGS,
)
_NOT, _BUT, _UNDECIDED = (re.compile(any_of(role), FLAGS) for role in ("not", "but", "undecided"))
_NOT_BUT = re.compile(
    r"\s*(?:(?P<but>(?:\u3067\u306f|\u3058\u3083)\u306a\u304f|[\uac00\uc774]?\s*\uc544\ub2c8(?:\ub77c|\uace0))|(?:\u3067\u306f|\u3058\u3083)(?:\u306a\u3044|\u3042\u308a\u307e\u305b\u3093)|[\uac00\uc774]?\s*\uc544(?:\ub2d9|\ub2c8))"
)
_AND = rf"(?:\s*(?:,\s*{any_of('and')}?|[;|\u3001\u00b7\uff0c]|{any_of('and')})\s*)"
_OR = rf"(?:\s*,?\s*{any_of('or')}\s*)"
SENTENCE_END = re.compile(r"\.(?=\s*$|\s+[^a-z\s])|[!?;\u3002]|\n", re.MULTILINE)
_AFTER = re.compile(
    rf"\s*(?:$|[)\]{CLOSE}}}:,;!?\u3002\"'/]|\.(?!\w)(?!\s+(?-i:[a-z]))|\.\.|\s-\s|-\s|\n)|\s+\("
    rf"|[ \t]*{any_of('reason')}",
    FLAGS,
)
_NAME = re.compile(r"\.\s+\w+(?:\s+\w+)?\s*[.\"')\]]*\s*$")
MANY_WORDS = re.compile(
    rf"\A\s*:|(?:\s|^)(?:\w+\s+){{2}}\w|{IS}|{any_of('against', 'or', 'undecided')}|(?:with|mit|con|avec|com)\s", FLAGS
)
_PREDICATE = re.compile(
    r"\s+(?:is|are|was|es|son|est|sont|ist|sind|\u00e9|s\u00e3o|est\u00e1|no|not|nicht|n\u00e3o|ne|n'est|isn't)\b|\s*(?:\u306f|\ub294|\uc740)",
    re.IGNORECASE,
)
"""behind a letter something is said of it, which is read as a claim"""
_TAKEN_BACK = re.compile(any_of("wrong", "against"), FLAGS)
_ADDED = re.compile(
    rf"\s*{any_of('and')}(?!\s*(?:it|its|this|that|so|thus|therefore|hence|the|is|are|should|can|will|no|es|est|ist|\u00e9"
    rf"|un[ad]?|nicht|pas|n\u00e3o|{OPTION}|{ANSWER}|{RIGHT}|{any_of('wrong', 'not')})\b)",
    FLAGS,
)
"""behind an option's text: another thing, so that no option is meant"""
_WITH = re.compile(r"\s*[/+&]\s*\w|\s*(?:with|without|plus|mit|ohne|con|sin|avec|sans|com|sem)\s", re.IGNORECASE)
_REASONS = re.compile(
    r"\b(?:because|since|due to|as|which|given|porque|car|weil|pois|ya que)\b|,|\uff0c|\u56e0\u4e3a", re.IGNORECASE
)
AGAINST = re.compile(any_of("against"), FLAGS)
_MAYBE = re.compile(
    r"(?:maybe|perhaps|possibly|quiz\u00e1s?|tal vez|peut-\u00eatre|vielleicht|talvez|\u53ef\u80fd|\u4e5f\u8bb8"
    r"|\u305f\u3076\u3093|\uc544\ub9c8)\s*",
    FLAGS,
)
_GAP = re.compile(r"[\s.):,(\[\"'=\u2192-]*")
"""between a letter and its option's text"""
_LETTERED = re.compile(r"\s*([0-9A-Za-z])\.(?=[^\W\d])")
"""an option's letter right before its text"""
_WORD = re.compile(r"\w")
_BRACKET = re.compile(r"\s*[(\[]")
_LOWER_END = re.compile(r"\s*[.)\]:!?]*\s*$|[)\]]")
_TEXT_END = re.compile(r"\s*(?:$|[).,;\]\"'\u3002])")
_OPTION, _OPTION_BEFORE = re.compile(OPTION, FLAGS), re.compile(rf"{OPTION}\s*\Z", FLAGS)
_DRESS = 100
"""characters that the dress of an option's text may take"""
_LONGEST_WORD = 40
"""characters before a letter in which "option" is looked for"""


class Said(NamedTuple):
    """What a statement says."""

    labels: Labels
    """none: several that exclude each other, or one that cannot be told"""
    rejects: bool = False


class _Begun(NamedTuple):
    said: Said | None


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


class StatementReader:
    """Reads statements about one item.

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

    def span(self, span: str, *, bare: bool = False) -> Said | None:
        """Read what follows a cue; None where it says nothing of the options."""
        sentence = span[: self.sentence(span)]
        for part in (span, sentence):
            if (part == span or len(part) > 1) and (whole := self.label_of(part)) is not None:
                return Said(whole)
        at = 0
        for _ in range(8):
            if (begun := self._begun(span, at, bare=bare)) is not None:
                return begun.said
            lead = LEAD.match(span, at)
            if not lead or lead.end() == at:
                break
            at = lead.end()
        return None if bare else self._within(sentence)

    def _begun(self, span: str, at: int, *, bare: bool) -> _Begun | None:
        """Read a statement that begins at a place; None where none does."""
        text, listed, first_end = self.texts.at(span, at), self.list(span, at), self._end_of_first(span, at)
        if denied := _NOT_BUT.match(span, text.end if text else first_end):
            said = self.span(span[denied.end() :]) if denied["but"] else self._rejected(span, at, text)
        elif text and listed and text.end == first_end and {text.label} != listed:
            named = self._own_text(span, first_end, next(iter(listed))) > first_end or self.named(span, at)
            said = Said(listed if named else NONE)
        elif text and (listed is None or text.end > first_end):
            said = self._text_said(span, text, bare=bare)
        elif listed is not None:
            rest = span[first_end + 2 :]
            doubtful = (
                "?" in span[first_end:][:3]
                or self._is_subject(span, first_end, next(iter(listed), ""))
                or span.startswith("\u4e0d\u662f", first_end)
                or _TAKEN_BACK.search(rest[: self.sentence(rest)])
            )
            said = None if bare and doubtful else Said(listed)
        elif _UNDECIDED.match(span, at):
            said = Said(NONE)
        elif no := _NOT.match(span, at):
            said = self._negated(span[no.end() :])
        else:
            return None
        return _Begun(said)

    def _is_subject(self, span: str, first_end: int, label: str) -> bool:
        """Return whether a letter is the article of its option's own text, of which more is said ("A aspirina foi")."""
        end = self._own_text(span, first_end, label)
        return (
            end > first_end
            and span[first_end].isspace()
            and bool(_WORD.search(span[end : end + self.sentence(span[end:])]))
        )

    def _rejected(self, span: str, at: int, text: Mention | None) -> Said | None:
        """Reject the option that stands at a place, before a negation."""
        one = self.one.match(span, at)
        letter = (one["marked"] or one["bare"]).casefold() if one else ""
        label = text.label if text else self.labels.get(letter)
        return Said(frozenset((label,)), rejects=True) if label else None

    def _negated(self, rest: str) -> Said | None:
        if but := _BUT.search(rest):
            return self.span(rest[but.end() :])
        said = self.span(rest)
        return Said(said.labels, rejects=True) if said and said.labels else None

    def _end_of_first(self, span: str, at: int) -> int:
        found = self.one.match(span, at)
        return found.end() if found else at

    def _text_said(self, span: str, text: Mention, *, bare: bool) -> Said | None:
        """Read an option's text with which a statement begins."""
        labels, end = {text.label}, text.end
        while link := self.link.match(span, end):
            other = self.texts.at(span, link.end())
            if other is None and not link["or"]:
                if _ADDED.match(span, link.start()):
                    return Said(NONE)
                break
            if other is None or link["or"] or not self.several:
                return Said(NONE)
            labels.add(other.label)
            end = other.end
        named = _BRACKET.match(span, end) and self.list(span, end + len(span[end:]) - len(span[end:].lstrip()))
        if _WITH.match(span, end) or (named and named != labels):
            return Said(NONE)
        rest = span[end : end + self.sentence(span[end:])]
        if bare and (MANY_WORDS.search(rest) or self.texts.mentions(rest)):
            return None
        return Said(frozenset(labels))

    def _within(self, sentence: str) -> Said | None:
        """Read a clause that names one option's text somewhere and takes nothing back."""
        clause = _REASONS.split(sentence)[0]
        mentions = self.texts.mentions(clause)
        labels = {mention.label for mention in mentions} | self._in_order(clause)
        if AGAINST.search(clause) or not labels:
            return None
        if any(one.label in self.texts.within and _WORD.search(clause[: one.start].rstrip()[-1:]) for one in mentions):
            return Said(NONE)  # "necrotizing pancreatitis", where "Pancreatitis" and "Acute pancreatitis" are options
        return Said(frozenset(labels) if len(labels) == 1 else NONE)

    def _in_order(self, clause: str) -> set[str]:
        """Return the options whose words stand in the clause in their order, a word or two between."""
        found, folded = set(), clause.casefold()
        for label, words in self.texts.words:
            if len(words) < 2 or not all(word in folded for word in words):  # noqa: PLR2004 - one word is a mention
                continue
            if re.search(
                r"(?<!\w)" + r"(?:\W+\w+){0,2}?\W+".join(map(re.escape, words)) + r"(?!\w)", clause, re.IGNORECASE
            ):
                found.add(label)
        return found

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

    def sentence(self, span: str) -> int:
        """Return where the first sentence ends."""
        end = SENTENCE_END.search(span)
        return end.start() if end else len(span)
