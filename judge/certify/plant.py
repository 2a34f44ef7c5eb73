"""Plant errors in traces: where the item's checklist or reference says what is true, one edit a trace."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from judge.certify.lexicon import (
    Action,
    Change,
    Lexicon,
    Operator,
    PlantedKind,
    any_word,
    changes,
    is_spaceless,
    lexicons,
    word,
)
from judge.files.sampling import shuffled
from judge.outcomes.item_features import image_clusters
from judge.prompting.pairwise_prompt import is_identical
from judge.schema import Item, Pair, Trace

PLANTED, SOURCE, EDIT = "planted", "source", "edit"
"""fields of a planted pair: the kind of its edit and the item that it was made from, in the item's subgroup; the edit's
own record, in the edited trace's `meta`"""
ORIGINAL, EDITED = "original", "edited"
"""names of the two models of a certification"""
LEAST_SHARED, LEAST_SHARE = 2, 0.5
"""content words that a sentence shares with a statement it says the same as: so many, and so great a share of the
shorter one's"""
WINDOW, SPACELESS_WINDOW = 30, 10
"""characters on either side of a change within which the statement has a content word, too"""
MOST_ITEMS = 2_000
"""items drawn at random, in whose traces a place is looked for: enough for any number of edits that is asked for"""
LEAST_SENTENCES = 3
"""of a trace from which one is left out"""
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[^a-z\s])|(?<=[\u3002\uff01\uff1f])|\n+")
_WORD = re.compile(r"[^\W_]{3,}|\d+")
_RUN = re.compile(r"[\u30a0-\u30ff\u3400-\u9fff]{2,}|[A-Za-z]{2,}|\d+")
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|vs|cf|etc|Dr|Fig|No|approx|z\.B|d\.h|ca|bzw)|\b[A-Z])\.\s*\Z")
_ARTICLE = re.compile(r"(?:\b(?=a)|\A)([Aa]n?)(\s+)\Z")
_EMPTY_WORDS = """
the and that this with for are was were not but from has have had its which there these those than also may can
der die das und ist sind ein eine einer eines dem den des mit von für auf bei nicht auch wird werden
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


class Statement(NamedTuple):
    """Something that is true of an item: a unit of its checklist, or a sentence of its reference."""

    text: str
    of: PlantedKind | None
    """the unit's group; None: a sentence of the reference, which has none"""
    words: frozenset[str]


class Planted(NamedTuple):
    """An edit of an item's trace."""

    item: str
    kind: PlantedKind
    operator: str
    of: PlantedKind | None
    """the group of the unit that the sentence matches; None: the reference's sentence"""
    change: Change

    def record(self) -> dict[str, Any]:
        """Return the log of the edit."""
        return {"operator": self.operator, "criterion": self.of or self.kind, **self.change._asdict()}


@lru_cache(maxsize=1024)
def content_words(text: str) -> frozenset[str]:
    """Return the words of a text that say something; of text without spaces, pairs of neighbouring characters."""
    if is_spaceless(text):
        runs = _RUN.findall(text)
        return frozenset(run[at : at + 2] for run in runs for at in range(len(run) - 1)) | {
            run for run in runs if run.isdecimal()
        }
    return frozenset(_WORD.findall(text.casefold())) - _EMPTY


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence of a text begins and ends."""
    start = 0
    for found in _SENTENCE.finditer(text):
        if _ABBREVIATED.search(text, start, found.start()):
            continue
        if text[start : found.start()].strip():
            yield start, found.start()
        start = found.end()
    if text[start:].strip():
        yield start, len(text)


def statements(item: Item) -> list[Statement]:
    """Return what is known to be true of an item: its units, else the sentences of its reference."""
    known = [
        Statement(f"{unit.claim} {unit.source_quote}", PlantedKind(group.value), content_words(unit.claim))
        for group, units in item.checklist.items()
        for unit in units
    ]
    reference = "" if known else item.reference_reasoning or ""
    own = (reference[start:end] for start, end in sentences(reference))
    return known or [Statement(text, None, content_words(text)) for text in own]


def matched(sentence: str, known: Iterable[Statement]) -> Statement | None:
    """Return the statement that a sentence says most of, None where it says none."""
    own = content_words(sentence)
    best, most = None, 0.0
    for one in known:
        shared = len(own & one.words)
        share = shared / max(1, min(len(own), len(one.words)))
        if shared >= LEAST_SHARED and share >= LEAST_SHARE and share > most:
            best, most = one, share
    return best


def language_of(text: str) -> str:
    """Return the language of a trace among those that have operators, by its script and its commonest words."""
    if len(re.findall(r"[\u3040-\u30ff]", text)) > len(text) / 20:
        return "ja"
    told = re.findall(r"\w+", text.casefold())
    german, english = (sum(one in words for one in told) for words in ({"der", "die", "und", "ist"}, {"the", "and"}))
    return "de" if german > english else "en"


def edits(item: Item, text: str) -> Iterator[Planted]:
    """Yield every edit that can be planted in a trace: within a sentence that says what a unit or the reference says.

    Args:
        item: with its checklist or reference.
        text: of the trace.
    """
    known, language = statements(item), language_of(text)
    right = item.options.get(item.answer or "", "")
    options = (right, *(one for one in item.options.values() if one != right)) if len(right) > LEAST_SENTENCES else ()
    spans = list(sentences(text)) if known else []
    own = [lexicon for lexicon in lexicons() if lexicon.language == language]
    for place, (start, end) in enumerate(spans):
        after = spans[place + 1][0] if place + 1 < len(spans) else end
        for lexicon in own:
            statement = matched(text[start:end], (one for one in known if _fits(one, lexicon.kind)))
            if statement is not None:
                for operator, change in _changes(lexicon, text[start:end], statement, options):
                    moved = change._replace(offset=start + change.offset)
                    if operator.action is Action.OMIT:
                        if place == 0 or len(spans) < LEAST_SENTENCES:
                            continue
                        moved = Change(start, text[start:after], "")
                    yield Planted(item.id, lexicon.kind, operator.name, statement.of, moved)


def _changes(
    lexicon: Lexicon, sentence: str, statement: Statement, options: tuple[str, ...]
) -> Iterator[tuple[Operator, Change]]:
    """Yield the changes of a sentence by the operators of a lexicon that the matched statement bears out."""
    if lexicon.skipping.search(sentence):
        return
    denies = lexicon.denying.search(sentence)
    spared = [found.span() for one in (lexicon.sparing, any_word(options[1:])) for found in one.finditer(sentence)]
    for operator in lexicon.operators:
        for change in changes(operator, sentence, options) if operator.negated or not denies else ():
            if operator.action is Action.OMIT:
                yield operator, change
                continue
            end = change.offset + len(change.before)
            is_spared = any(start <= change.offset and end <= stop for start, stop in spared)
            if not is_spared and _is_stated(operator, change, sentence, statement, lexicon):
                yield operator, with_article(change, sentence) if lexicon.language == "en" else change


def with_article(change: Change, sentence: str) -> Change:
    """Return a change of English words with the article that its new words need: "an increase" becomes "a decrease"."""
    after, rest = change.after, sentence[change.offset + len(change.before) :]
    if after.endswith(" a") and _has_vowel(rest.lstrip()):
        after += "n"
    lead = _ARTICLE.search(sentence, 0, change.offset)
    if lead is None or _has_vowel(change.before) == _has_vowel(after):
        return change._replace(after=after)
    article = lead[1][0] + ("n" if _has_vowel(after) else "")
    return Change(lead.start(), sentence[lead.start() : change.offset] + change.before, article + lead[2] + after)


def _has_vowel(text: str) -> bool:
    """Return whether an English text begins with the sound of a vowel; abbreviations are spelled."""
    first = re.split(r"\W", text, maxsplit=1)[0]
    if first.isupper() and len(first) > 1:
        return first[0] in "AEFHILMNORSX"
    return first[:1].casefold() in set("aeiou") and not first.casefold().startswith("uni")


def _fits(one: Statement, kind: PlantedKind) -> bool:
    """Return whether a sentence that says a statement may have an edit of a kind."""
    return one.of in {None, kind} or kind in {PlantedKind.OMISSION, PlantedKind.PLACEBO}


def _is_stated(operator: Operator, change: Change, sentence: str, statement: Statement, lexicon: Lexicon) -> bool:
    """Return whether the statement says that what is changed was right: the same words, beside the same words."""
    if not operator.stated or lexicon.kind is PlantedKind.PLACEBO:
        return True
    window = SPACELESS_WINDOW if is_spaceless(sentence) else WINDOW
    beside = _beside(sentence, change.offset, len(change.before), window)
    rest = word(change.before).sub("\0", statement.text)
    if word(change.after).search(rest):
        return False
    return any(
        beside & _beside(statement.text, found.start(), len(found[0]), window)
        for found in word(change.before).finditer(statement.text)
    )


def _beside(text: str, start: int, length: int, window: int) -> frozenset[str]:
    """Return the content words that stand beside a place, whole ones."""
    left, right = text[max(0, start - window) : start], text[start + length : start + length + window]
    if not is_spaceless(text):
        left, right = left.partition(" ")[2] if start > window else left, right.rpartition(" ")[0] or right
    return content_words(left) | content_words(right)


def choose(
    pairs: Callable[[], Iterable[Pair]], wanted: Mapping[PlantedKind, int], *, seed: int, answers: bool
) -> dict[str, list[Planted]]:
    """Choose the edits to plant: of each kind one an item, and one of the items that share an image.

    So the pairs of a kind are independent of each other. The operators of a kind get as many places each as they can
    fill, those with the fewest first.

    Args:
        pairs: reads those whose trace of a is edited, one in memory at a time; called twice.
        wanted: how many of each kind.
        seed: decides which.
        answers: whether the judge is shown the final answers: an edit that it would not see is none.

    Returns:
        The edits by item.
    """
    images = {pair.item.id: tuple(image.sha256 for image in pair.item.images) for pair in pairs()}
    tried = set(shuffled(images, seed=f"{seed} planted")[:MOST_ITEMS])
    found: dict[tuple[PlantedKind, str], list[Planted]] = {}
    for pair in pairs():
        for one in edits(pair.item, pair.a.text) if pair.item.id in tried else ():
            if wanted.get(one.kind) and not is_identical(_edited(pair, one), answers=answers):
                found.setdefault((one.kind, one.operator), []).append(one)
    clusters = image_clusters(list(images.values())) or [None] * len(images)
    unit = {item: cluster or item for item, cluster in zip(images, clusters, strict=True)}
    chosen: dict[str, list[Planted]] = {}
    for kind, n in wanted.items():
        for one in _share_out(kind, n, found, unit, seed):
            chosen.setdefault(one.item, []).append(one)
    return chosen


def _share_out(
    kind: PlantedKind,
    n: int,
    found: Mapping[tuple[PlantedKind, str], list[Planted]],
    unit: Mapping[str, str],
    seed: int,
) -> Iterator[Planted]:
    def drawn(one: Planted) -> bytes:
        return hashlib.sha256(repr((seed, one)).encode()).digest()

    queues = [sorted(own, key=drawn, reverse=True) for (of, _), own in found.items() if of is kind]
    queues.sort(key=len)
    used: set[str] = set()
    while n and any(queues):
        for queue in queues:
            while queue and unit[queue[-1].item] in used:
                queue.pop()
            if queue and n:
                one = queue.pop()
                used.add(unit[one.item])
                n -= 1
                yield one


def _edited(pair: Pair, one: Planted) -> Pair:
    edited = Trace(one.change.apply(pair.a.text), model=EDITED, answer=pair.a.answer, meta={EDIT: one.record()})
    return Pair(item=pair.item, a=Trace(pair.a.text, model=ORIGINAL, answer=pair.a.answer), b=edited)


def planted_pairs(pairs: Iterable[Pair], chosen: Mapping[str, list[Planted]]) -> Iterator[Pair]:
    """Yield a pair for each chosen edit: the original trace as a, the edited one as b; the edit is in its `meta`."""
    for pair in pairs:
        for one in chosen.get(pair.item.id, ()):
            named = {**pair.item.subgroup, PLANTED: one.kind.value, SOURCE: pair.item.id}
            item = replace(pair.item, id=f"{pair.item.id}#{one.kind}", subgroup=named)
            yield replace(_edited(pair, one), item=item)
