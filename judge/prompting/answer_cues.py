"""Find the words that lead to an answer ("the answer is", "I choose"), and those that claim one ("is correct")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from judge.prompting.answer_letters import ANSWER, FLAGS, IS, OPTION, RIGHT
from judge.prompting.answer_phrases import any_of, places
from judge.prompting.answer_statement import DET
from judge.prompting.option_texts import CLOSE, OPEN, small_letters

_GAP = r"[\s,]*"
_NOUN = (
    rf"(?:(?:{RIGHT}\s*){{1,4}}(?:\u7684|\u306a)?\s*(?:{OPTION}\s*)?(?:{ANSWER}|{OPTION})(?:\s*{OPTION})?"
    rf"|(?:{ANSWER}|{OPTION})\s*(?:{RIGHT})|{ANSWER}(?:\s+{OPTION})?|\b(?:la|die|a)\s+{RIGHT}(?=\s+{IS})"
    rf"|{RIGHT}(?=\s*:))"
)
_OF = r"(?:\s+(?:to|for|in|of|among|from|here|given|a|para|à|de|pour|auf|für|da)\s+[^.\n:;!?,]{0,80}?)?"
_STATE = re.compile(
    rf"(?:{_NOUN}|(?<=\")(?:choice|option|letter)(?=\"))(?:'s(?=\s)|[\"']?(?:{_OF}\s*(?:,?\s*{any_of('adverb')},?\s*)?"
    rf"(?:{IS}(?:\s*[:\n])?|\s*(?:[:|\u2192\u21d2]|=>?|->)|\s-\s|[ \t]*[:]?[ \t]*\n)"
    rf"|(?=\s*[(\[{OPEN}]?(?-i:[A-Z])[)\]{CLOSE}]?[.\u3002]?\s*$)|\s*[\u3011\]]|\s*(?={any_of('not')})))",
    FLAGS,
)
_TURN = rf"{any_of('correction')}\s*"
_RETRACTED = re.compile(
    rf"(?:{_TURN})+[,:.!\u3001\uff0c]+\s*(?:{_TURN}[,\u3001\uff0c]?\s*)*(?:(?:it|that)(?:'s|\s+(?:is|must\s+be))\b|c'est\b|{IS})?[\s:]*",
    FLAGS,
)
"""the beginning of a sentence that takes back the one before: "No, actually it's C" """
_PICK = re.compile(rf"{any_of('pick')}[ \t]*:?", FLAGS)
_GOOD = (
    rf"(?:(?:{RIGHT}\s*){{1,4}}(?:\u7684|\u306a)?\s*(?:{OPTION}|{ANSWER})|{ANSWER}"
    rf"|{RIGHT}(?=\s*(?:[.,;:!\u3002)\n]|$|because|since|as\s|{any_of('and', 'but')}|\u3067|\u305f|\uc785))"
    r"|\u6b63(?:\u786e|\u78ba)(?:\u7684)?)"
)
_CLAIM = re.compile(
    rf"\s*(?:{IS}|(?<=[A-Z)\u9879\u9805])(?=\u6b63|\u9519|\u932f))\s*(?:{any_of('adverb')}{_GAP})*"
    rf"(?P<no>{any_of('not')}\s*)?"
    rf"(?:{DET}\s*)?(?:(?P<bad>{any_of('wrong')})|{_GOOD})"
    rf"(?P<denied>{any_of('denied')})?"
    r"|(?P<chosen>\s*(?:\u3092\u9078|[\ub97c\uc744]\s*(?:\uc120\ud0dd|\uace0\ub974|\uace0\ub985)))",
    FLAGS,
)
_WEAK = re.compile(
    rf"{RIGHT}\s[^.;:?\n]{{0,80}}?\s{IS}[\s:]*(?=(?:{DET}\s+)?(?:{OPTION}\s+[A-Z0-9](?!\w)|(?:{OPTION}\s*)?[(\[][A-Z0-9][)\]]|(?-i:[A-Z])\.?\s*$))",
    FLAGS,
)
_SENTENCE_ENDS = "\n.;:!?\u3002\uff01\uff1f\u2014-"
_NO_CLAIM = ".;:!?()"
"""what stands nowhere between the verb of a claim and its predicate"""
_CHOSEN = re.compile("[\u3092\ub97c\uc744]")
"""particles before "chosen", with which a claim begins without a verb"""
_FINAL = re.compile(rf"final|ultimate|endg|\u6700\u7ec8|\u6700\u7d42|\ucd5c\uc885|{OPEN}", re.IGNORECASE)
_RIGHT = re.compile(RIGHT, FLAGS)
CHOICES = re.compile(r"\b(?:choices|options)\b", re.IGNORECASE)
"""all of them, where they are not called right"""
_STATING = ("right", "answer", "option", "wrong")


class Cue(NamedTuple):
    """Words that lead to an answer."""

    start: int
    end: int
    final: bool
    """the answer is called the final one, or stands in JSON"""
    is_weak: bool
    """they say that something is right, not that an option is: "the most likely cause is" """
    retracts: bool
    """they take back what was said before"""


def cues(text: str) -> Iterator[Cue]:
    """Yield the words that lead to an answer, kind by kind."""
    small = small_letters(text)
    words, picks = places(small, *_STATING), places(small, "pick")
    turns = [at for at in places(small, "correction") if text[max(0, at - 3) : at].rstrip(" ")[-1:] in _SENTENCE_ENDS]
    for pattern, starts in ((_STATE, words), (_PICK, picks), (_WEAK, words), (_RETRACTED, turns)):
        for cue in _matches(pattern, text, starts):
            if CHOICES.search(cue[0]) and not _RIGHT.search(cue[0]):
                continue
            final = bool(_FINAL.search(cue[0])) or cue[0].rstrip('"').endswith('"') or '":' in cue[0]
            yield Cue(cue.start(), cue.end(), final, pattern is _WEAK, pattern is _RETRACTED)


def claims(text: str) -> Iterator[re.Match[str]]:
    """Yield what is claimed of an option that stands before: groups `bad`, `no` and `denied` turn it around."""
    small = small_letters(text)
    return _matches(_CLAIM, text, _verbs(small, places(small, *_STATING)))


def _matches(pattern: re.Pattern[str], text: str, starts: Iterable[int]) -> Iterator[re.Match[str]]:
    """Find a pattern as `finditer` does, where it may begin at these places only: to try every place takes long."""
    end = 0
    for start in starts:
        if start >= end and (found := pattern.match(text, start)):
            yield found
            end = found.end()


def _verbs(small: str, words: list[int]) -> list[int]:
    """Return where a claim may begin: at a verb, or the space before it, with a word for right or wrong in reach."""
    verbs = [] if small.isascii() else [found.start() for found in _CHOSEN.finditer(small)]
    begin = 0
    for word in words:
        begin = max(begin, *(small.rfind(end, begin, word) for end in _NO_CLAIM))
        verbs += [begin + verb for verb in places(small[begin:word], "is")]
        if small[word] in "\u6b63\u9519\u932f":
            verbs.append(word)
        begin = word
    return sorted({_before_space(small, verb) for verb in verbs})


def _before_space(text: str, at: int) -> int:
    while at and text[at - 1].isspace():
        at -= 1
    return at
