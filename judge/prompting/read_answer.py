"""Read the option that a text states as its answer, as a careful person would; where there is doubt, none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from judge.prompting.answer_cues import CHOICES, claims, cues
from judge.prompting.answer_letters import NONE, OPTION, Labels
from judge.prompting.answer_phrases import any_of
from judge.prompting.answer_statement import AGAINST, LEAD, MANY_WORDS, SENTENCE_END, Said, StatementReader
from judge.prompting.option_texts import CLOSE, DECORATION, OPEN, small_letters, undressed
from judge.prompting.thinking import DRAFTS, part_thinking

_BOXED = re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")
_CONFIDENCE = re.compile(
    r"\n[^\w\n]*(?:confidence|certainty|confianza|confiance|konfidenz|sicherheit|confian\u00e7a|\u7f6e\u4fe1\u5ea6|\u78ba\u4fe1\u5ea6|\u4fe1\u5fc3|\ud655\uc2e0\ub3c4)"
    r"[^\w\n]*:[^\n]*\s*\Z",
    re.IGNORECASE,
)
"""a last line that says how sure the answer is"""
_LISTED = 3
"""letters, of an item with one right option: who writes so many without a word lists the options"""
_LONG_LINE = 2_000
"""characters before a claim in which its subject is looked for: to read a whole line at each claim takes its square"""
_LONG_SUBJECT = 500
"""characters that letters with their texts may take, of which something is claimed"""
# In texts of small letters, which is far quicker than to ignore case:
_CORRECTION, _TENTATIVE, _DOUBT, _CONCLUDES = (
    re.compile(any_of(role)) for role in ("correction", "tentative", "doubt", "concludes")
)
_CLAUSE = re.compile(rf"[,;:.\n\u3001\u3002\uff0c]|{any_of('but')}")
_ENUMERATED = re.compile(
    rf"^[ \t]*(?:{OPTION}[ \t]*)?[(\[]?([A-Z0-9])(?:[.:)\]]|[ \t]*$)", re.IGNORECASE | re.MULTILINE
)
_CLAUSE_START = re.compile(
    r"(?:^|[.;:,!?\n\u3001\u3002\uff0c*-]|\u53ea\u6709|\b(?:la|only|s[o\u00f3]lo|seule?|nur|s\u00f3|somente|so|thus|that|therefore|hence|and|but|then|both|que|donc|dass|also)\b)\s*$",
    re.IGNORECASE,
)
_OPTION_BEHIND = re.compile("(?:(?:\u9009|\u9078)?[\u9879\u9805]|\u756a|\ubc88)$")
"""in Chinese, Japanese and Korean, "option" may follow its letter"""
_ALL_BUT = re.compile(r"\b(?:all|everything|any\w*|none|nothing)\s+(?:but|except)\b", re.IGNORECASE)
_NEAR = 100
"""characters before a statement in which words take back an earlier one, or make it a thought on the way"""


class Event(NamedTuple):
    """A statement within a text."""

    start: int
    end: int
    said: Said
    final: bool
    asked: bool
    tentative: bool


class _Reader:
    """Reads answers to one item.

    Args:
        options: letter to text.
        several: whether more than one option may be right.
    """

    def __init__(self, options: Mapping[str, str], *, several: bool) -> None:
        self._one = StatementReader(options, several=several)
        self._decorated = any(map(DECORATION.search, options.values()))
        self._in_texts = {word for text in options.values() for word in re.findall(r"\b[A-Z]\b", text)}
        """letters that are words of options: "the deficient vitamin is C" may name "Vitamin C" """
        self._small = all(label.islower() for label in options)

    def read(self, text: str) -> Labels | None:
        """Return the options that a text states, None where it states none for certain."""
        final = part_thinking(text).final
        if final is None:
            return None
        text = _CONFIDENCE.sub("", undressed(DRAFTS.sub(" ", final)))
        if not self._decorated and not text.isascii():
            text = DECORATION.sub(" ", text)
        return self._read(text.strip())

    def _read(self, text: str) -> Labels | None:
        """Read a text without thinking and dress."""
        whole = self._one.label_of(text)
        if whole is not None:
            return whole or None
        if text.islower() and (self._one.several or self._small) and (run := self._lower_run(text)):
            return run
        events = sorted(self._events(text), key=lambda event: (event.start, -event.end))
        if all(event.said.rejects and not event.asked for event in events):
            said, rejected = self._bare(text), NONE.union(*(event.said.labels for event in events))
            return said.labels if said and said.labels and not said.rejects and not said.labels & rejected else None
        return self._settled(text, events)

    def _lower_run(self, text: str) -> Labels | None:
        """Read small letters in their order: "be" is two options, "bad" a word."""
        if len(text) > 1 and [*text] == sorted({*text}) and self._one.labels.keys() >= {*text}:
            return frozenset(self._one.labels[letter] for letter in text)
        return None

    def _events(self, text: str) -> Iterator[Event]:
        for box in _BOXED.finditer(text):
            if box[1].strip():
                boxed = Said(self._read(box[1].strip()) or NONE)
                yield self._event(text, box.start(), box.end(), boxed, final=True)
        text = _BOXED.sub(lambda box: " " * len(box[0]), text)
        yield from self._cued(text)
        for claim in claims(text):
            if said := self._subject(text, claim):
                yield self._event(text, claim.start(), claim.end(), said, final=False)
        lines = text.splitlines()
        if len(lines) > 1:
            first, last = self._alone(lines[0]), self._alone(lines[-1])
            if (first is None and last is None) or self._enumerates(text):
                return
            if first is not None:
                yield Event(0, len(lines[0]), Said(first), final=False, asked=False, tentative=False)
            if last is not None:
                yield Event(len(text) - len(lines[-1]), len(text), Said(last), final=True, asked=False, tentative=False)

    def _cued(self, text: str) -> Iterator[Event]:
        """Yield what follows words that lead to an answer."""
        for cue in cues(text):
            if cue.is_weak and text[cue.end] in self._in_texts:
                continue
            rest = text[cue.end :].lstrip()
            at = len(text) - len(rest)
            span = rest.split("\n", 1)[0]
            if said := self._one.span(span, bare=cue.retracts):
                start = at if cue.retracts else cue.start
                yield self._event(text, start, at + self._one.sentence(span), said, final=cue.final)

    def _event(self, text: str, start: int, end: int, said: Said, *, final: bool) -> Event:
        small, near = small_letters(text), max(0, start - _NEAR)
        cut = [found.end() for found in _CLAUSE.finditer(small, near, start)]
        clause = small[cut[-1] if cut else near : start]
        tail = text[end : end + 3].lstrip(" )" + CLOSE)
        return Event(start, end, said, final, tail[:1] == "?", bool(_TENTATIVE.search(clause)))

    def _settled(self, text: str, events: list[Event]) -> Labels | None:
        """Return what stands at the end: the last statement where it corrects the earlier ones or they say the same."""
        small = small_letters(text)
        current: Labels | None = None
        sure, torn, final, end = True, False, False, 0
        for event in events:
            labels = event.said.labels
            corrects = bool(_CORRECTION.search(small, max(end, event.start - _NEAR), max(end, event.start)))
            if event.said.rejects:
                sure = sure and not (current and current & labels)
            elif event.asked or not labels or event.tentative:
                sure = sure and (event.tentative and current is not None and not event.asked and bool(labels))
                sure = sure or (bool(labels) and current == labels and not event.asked)
            else:
                torn = torn or (current is not None and sure and current != labels)
                torn = torn and not corrects and not (event.final and not final)
                current, sure, final = labels, True, event.final or (final and current == labels)
            end = max(end, event.end)
        if current is None or torn or not sure or _DOUBT.search(small, end):
            return None
        return current

    def _subject(self, text: str, claim: re.Match[str]) -> Said | None:
        """Return the option of which something is claimed: a letter or an option's text right before."""
        line = max(text.rfind("\n", 0, claim.start() + 1) + 1, claim.start() - _LONG_LINE)
        before = text[line : claim.start()].rstrip(" ,)\"'")
        opened = before.count("(") > before.count(")")
        if _ALL_BUT.search(before):
            return None
        rejects = (bool(claim["bad"]) != bool(claim["no"])) or bool(claim["denied"])
        whole = _OPTION_BEHIND.sub("", text[line : claim.start()].rstrip())
        begins = max(0, len(whole) - _LONG_SUBJECT)
        for start in [found.start() for found in self._one.one.finditer(whole, begins)][-8:]:
            found = self._one.list(whole, start, closed=True)
            named = not whole[start].isalnum() or self._one.named(whole, start)
            if found is not None and (named or _CLAUSE_START.search(whole[:start])):
                return Said(found, rejects)
        mentions = [mention for mention in self._one.texts.mentions(before) if mention.end == len(before)]
        if mentions and not opened and not AGAINST.search(before[max(0, mentions[-1].start - 15) : mentions[-1].start]):
            return Said(frozenset((mentions[-1].label,)), rejects)
        return None

    def _alone(self, line: str) -> Labels | None:
        """Read a line that is a letter, an option, or both."""
        line = line.strip()
        if (whole := self._one.label_of(line)) is not None:
            return whole
        lead = LEAD.match(line)
        for at in (0, lead.end() if lead else 0):
            found = self._one.list(line, at, closed=True)
            if found is not None and not line[at : at + 1].islower():
                return found if self._is_choice(found) else None
        return None

    def _is_choice(self, labels: Labels) -> bool:
        """Return whether letters without a word may be an answer, and are no list of the options."""
        return self._one.several or len(labels) < _LISTED

    def _enumerates(self, text: str) -> bool:
        """Return whether several lines begin with letters of different options: they go through the options."""
        if len({found[1].casefold() for found in _ENUMERATED.finditer(text)} & self._one.labels.keys()) > 1:
            return True
        begun = [
            self._one.texts.at(line, len(line) - len(line.lstrip(" \t-+*0123456789.)"))) for line in text.splitlines()
        ]
        return len({text.label for text in begun if text}) > 1

    def _bare(self, text: str) -> Said | None:
        """Read the last line, or the last sentence, of a text that states an answer nowhere."""
        if self._enumerates(text) or text.endswith(("?", "\u061f")):
            return None
        line = "".join(text.splitlines()[-1:]).strip()
        if line.startswith("{") or CHOICES.search(line):
            return None
        if said := self._one.span(line, bare=True):
            return said if self._is_choice(said.labels) else None
        ends = [end.end() for end in SENTENCE_END.finditer(line) if line[end.end() :].strip()]
        last = line[ends[-1] :].strip() if ends else line
        if ends and (alone := self._alone(last)) is not None:
            return Said(alone)
        return self._concluded(last)

    def _concluded(self, sentence: str) -> Said | None:
        """Read a last sentence that concludes in free words: "the patient should be given ..."."""
        cue = _CONCLUDES.search(small_letters(sentence))
        mentions = self._one.texts.mentions(sentence)
        if cue is None or len(mentions) != 1 or AGAINST.search(sentence) or sentence.rstrip().endswith("?"):
            return None
        mention = mentions[0]
        return (
            Said(frozenset((mention.label,)))
            if mention.start >= cue.end() and not MANY_WORDS.search(sentence[mention.end :])
            else None
        )


@lru_cache(maxsize=16)
def _reader(options: tuple[tuple[str, str], ...], several: bool) -> _Reader:  # noqa: FBT001 - a key of the cache
    return _Reader(dict(options), several=several)


def read_answer(text: str, options: Mapping[str, str], *, several: bool = True) -> Labels | None:
    r"""Return the labels of the options that a text states as its answer; None where it states none for certain.

    Read are boxes, `<answer>`, JSON, statements ("the answer is B", "option C is correct", in eight languages), letters
    alone or with their option, option texts, and several letters that are joined ("A and C"). Of thinking that is
    marked as such only what follows counts. Statements that differ leave no answer, unless the last corrects.

    Args:
        text: what a model wrote, whole or its answer alone.
        options: letter to text.
        several: whether more than one option may be right: then "AC" and "A/C" are two letters, and "aspirin and
            digoxin" two options.
    """
    return _reader(tuple(options.items()), several).read(text)
