"""Read one statement: what follows "the answer is", stands in a box, or is a line of its own."""

from __future__ import annotations

import re
from typing import NamedTuple

from judge.prompting.answer_letters import ANSWER, FLAGS, IS, NONE, OPTION, RIGHT, Labels, LetterReader
from judge.prompting.answer_phrases import any_of
from judge.prompting.option_texts import CLOSE, OPEN, Mention

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
SENTENCE_END = re.compile(r"\.(?=\s*$|\s+[^a-z\s])|[!?;\u3002]|\n", re.MULTILINE)
MANY_WORDS = re.compile(
    rf"\A\s*:|(?:\s|^)(?:\w+\s+){{2}}\w|{IS}|{any_of('against', 'or', 'undecided')}|(?:with|mit|con|avec|com)\s", FLAGS
)
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
_WORD = re.compile(r"\w")
_BRACKET = re.compile(r"\s*[(\[]")


class Said(NamedTuple):
    """What a statement says."""

    labels: Labels
    """none: several that exclude each other, or one that cannot be told"""
    rejects: bool = False


class _Begun(NamedTuple):
    said: Said | None


class StatementReader(LetterReader):
    """Reads statements about one item.

    Args:
        options: letter to text.
        several: whether more than one option may be right.
    """

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

    def sentence(self, span: str) -> int:
        """Return where the first sentence ends."""
        end = SENTENCE_END.search(span)
        return end.start() if end else len(span)
