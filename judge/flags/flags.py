"""Flag traces that address the judge, hide characters or are hardly a trace: to be looked at, never dropped."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, product
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from judge.files.sealed_lines import sealed_records
from judge.flags.flag_patterns import AFTER, ORDINARY, RULES, UNUSUAL, FlagName, Rule
from judge.flags.fold import fold, picked, readable_places
from judge.flags.phrases import phrase_spans
from judge.flags.views import views
from judge.prompting.pairwise_prompt import shown_text
from judge.schema import Frozen

if TYPE_CHECKING:
    from judge.runs.run_folder import RunFolder
    from judge.schema import Pair

Side = Literal["a", "b"]
SIDES: tuple[Side, ...] = get_args(Side)
SHORT_CHARS = 40
"""a trace of fewer characters argues nothing: every known one-token "master key" is shorter"""
REPETITIVE_CHARS = 400
"""shorter texts are not looked at for repetition"""
REPETITIVE_RATIO = 6.0
"""prose compresses to a half or a third, never to a sixth"""
LONG_QUANTILE, LONG_MEDIANS = 0.99, 3.0
EXCERPT_CHARS = 80
MAX_LAYERS = 3
"""so often is what a text holds decoded again"""


class Flag(Frozen):
    """One flag of one trace: a line of `flags.jsonl`."""

    item: str
    side: Side
    name: FlagName
    start: int
    """where it first shows: characters from the start of the trace, its final answer at its end"""
    count: int
    """how many places"""
    excerpt: str
    """the text there, as it stands: escape it before it is shown; empty where the whole trace is meant"""


class FlagMatch(NamedTuple):
    """A flag with its first place, how many places, and the end of the first."""

    name: FlagName
    start: int
    end: int
    places: int


def find_flags(text: str, *, shown: str | None = None) -> list[FlagMatch]:
    """Return the flags that a trace shows by itself, one a name, in the order of their first places.

    Args:
        text: the trace without its final answer: that alone makes no trace short.
        shown: the trace as a judge sees it; None: the text.
    """
    found = [*_matched(text if shown is None else shown), *_degenerate(text)]
    joined: dict[FlagName, FlagMatch] = {}
    for one in sorted(found, key=lambda one: one.start):
        known = joined.get(one.name)
        joined[one.name] = known._replace(places=known.places + one.places) if known else one
    return list(joined.values())


def _matched(text: str) -> Iterator[FlagMatch]:
    """Search a text, and the other texts that it holds for what it does not show itself."""
    shown = list(_searched(text))
    yield from shown
    yield from _unusual(text)
    known = {match.name for match in shown}
    for view in views(text):
        names = {match.name for match in _inner(view.text, MAX_LAYERS)}
        if view.encoded and (names or view.words):
            names.add(FlagName.ENCODED)
        for name in sorted(names - known):
            yield FlagMatch(name, view.start, view.end, 1)
        known |= names


def _inner(text: str, layers: int) -> Iterator[FlagMatch]:
    """Search a text that another holds, and those that it holds itself."""
    yield from _searched(text)
    if layers > 1:
        for view in views(text):
            yield from _inner(view.text, layers - 1)


def _searched(text: str) -> Iterator[FlagMatch]:
    """Search what rules and phrases find in a text, its disguise undone."""
    folded = fold(text)
    lowered = folded.readable.lower()
    matches = [(rule.name, _places(rule, folded.readable, lowered)) for rule in RULES]
    if any(spans for _, spans in matches) and not text.isascii():
        ends = chain.from_iterable((start, end - 1) for _, spans in matches for start, end in spans)
        places = picked(readable_places(text), ends)
        matches = [(name, [(places[start], places[end - 1] + 1) for start, end in spans]) for name, spans in matches]
    matches.append((FlagName.ADDRESSES_JUDGE, phrase_spans(text, folded.squeezed)))
    for name, spans in matches:
        if spans:
            yield FlagMatch(name, *spans[0], len(spans))


def _unusual(text: str) -> Iterator[FlagMatch]:
    """Search characters that cannot be seen or look like others."""
    if ORDINARY.fullmatch(text):
        return
    for name, pattern in UNUSUAL.items():
        if spans := [match.span() for match in pattern.finditer(text)]:
            yield FlagMatch(name, *spans[0], len(spans))


def _places(rule: Rule, text: str, lowered: str) -> list[tuple[int, int]]:
    """Return where a rule's pattern matches, in order."""
    find = rule.pattern.search if rule.before else rule.pattern.match
    spans = set()
    for anchor in rule.anchors:
        at = lowered.find(anchor)
        while at >= 0:
            match = find(text, max(0, at - rule.before), at + len(anchor) + AFTER)
            if match:
                spans.add(match.span())
            at = lowered.find(anchor, max(at + 1, match.end() if match else 0))
    return sorted(spans)


def _degenerate(text: str) -> Iterator[FlagMatch]:
    if len(text.strip()) < SHORT_CHARS:
        yield FlagMatch(FlagName.SHORT, 0, len(text), 1)
    elif len(text) >= REPETITIVE_CHARS:
        raw = text.encode(errors="surrogatepass")
        if len(zlib.compress(raw, 1)) * REPETITIVE_RATIO < len(raw):
            yield FlagMatch(FlagName.REPETITIVE, 0, len(text), 1)


def long_limit(lengths: Sequence[int]) -> float:
    """Return above how many characters a trace is flagged as long; without traces, none is."""
    ordered = sorted(lengths)
    if not ordered:
        return 0.0
    return max(ordered[int(LONG_QUANTILE * (len(ordered) - 1))], LONG_MEDIANS * ordered[len(ordered) // 2])


def flags_of_pairs(pairs: Iterable[Pair]) -> tuple[Flag, ...]:
    """Return the flags of a run's pairs, in their order, the long ones last; one pair is in memory at a time."""
    found: list[Flag] = []
    items: list[str] = []
    lengths = array("Q")  # of both traces of each item
    for pair in pairs:
        items.append(pair.item.id)
        for side, trace in zip(SIDES, (pair.a, pair.b), strict=True):
            shown = shown_text(trace, answers=True)
            lengths.append(len(shown))
            found += (
                Flag(
                    item=pair.item.id,
                    side=side,
                    name=one.name,
                    start=one.start,
                    count=one.places,
                    excerpt=shown[one.start : one.start + EXCERPT_CHARS],
                )
                for one in find_flags(trace.text, shown=shown)
            )
    limit = long_limit(lengths)
    long_ones = (
        Flag(item=item, side=side, name=FlagName.LONG, start=0, count=1, excerpt="")
        for (item, side), length in zip(product(items, SIDES), lengths, strict=True)
        if length > limit
    )
    return (*found, *long_ones)


def flag_note(flags: Sequence[Flag]) -> str | None:
    """Return the number of flagged traces with the count of each flag, as a sentence; None where there are none."""
    if not flags:
        return None
    traces = len({(flag.item, flag.side) for flag in flags})
    counts = {name: sum(flag.name is name for flag in flags) for name in FlagName}
    told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items() if count)
    return f"{traces} trace{'s are' if traces > 1 else ' is'} flagged: {told}"


FLAGS = "flags.jsonl"


def flags_of_run(folder: RunFolder) -> tuple[Flag, ...]:
    """Return the flags that were found when the run was made; for an older run, those of its pairs; else none."""
    path = folder.path / FLAGS
    if path.exists():
        return tuple(sealed_records(path, Flag.model_validate_json, sealed=folder.is_sealed))
    return flags_of_pairs(folder.pairs()) if folder.pairs_path.exists() else ()
