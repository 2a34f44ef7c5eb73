"""The queue for human audit: the most doubtful items first, with a random sample that keeps agreement unbiased."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from judge.audit.audited_item import sides_of, slot_quotations
from judge.files.sampling import Drawn, draw, shuffled
from judge.outcomes.tally import winner
from judge.prompting.pairwise_prompt import shown_text
from judge.schema import Failed, Judged, Verdict, Winner

if TYPE_CHECKING:
    from judge.schema import Judgment, Pair

RANDOM_EVERY = 4
"""every so many places of the queue hold an item drawn at random"""
QUOTE_CHARS = 12
"""shorter quotations are not looked up: they are too easily an abbreviation"""
_PARTS = re.compile(r"\.{3}|\u2026|\[[^\]]*\]|[\"\u201c\u201d\u00ab\u00bb;]")


class Doubt(StrEnum):
    """Why an item should be looked at."""

    FLAGGED = "flagged trace"
    """a trace addresses the judge, hides characters or is degenerate: `judge.flags`"""
    NO_EVIDENCE = "verdict without evidence"
    """the trace that a verdict prefers has no evidence, and the other has"""
    NOT_QUOTED = "quotation not in the trace"
    """a part of at least 12 characters of the evidence does not stand in that trace"""
    SPLIT = "orders disagree"
    """one judge prefers different traces, or one and a tie, in the two orders of a sample"""
    JUDGES_DISAGREE = "judges disagree"
    """some verdict of one judge is for a, and some of another for b"""
    FAILED = "failed"
    """a judgment failed"""


POINTS = {
    Doubt.FLAGGED: 4,
    Doubt.NO_EVIDENCE: 3,
    Doubt.SPLIT: 2,
    Doubt.JUDGES_DISAGREE: 2,
    Doubt.NOT_QUOTED: 1,
    Doubt.FAILED: 1,
}
"""what each doubt adds to an item's place in the queue, once a doubt"""


class Place(NamedTuple):
    """A place of the queue: an item, why it stands there, and the draw if it was drawn at random."""

    item: str
    doubts: frozenset[Doubt]
    drawn: Drawn | None


def doubts_of(judgments: Sequence[Judgment], pair: Pair | None, criteria: Sequence[str]) -> frozenset[Doubt]:
    """Return what is doubtful about the judgments of one item, on any criterion.

    Args:
        judgments: of one item, one a key, with their replies.
        pair: the item's traces; None: they are not known, and quotations are not looked up.
        criteria: of the rubric.
    """
    doubts: set[Doubt] = set()
    traces = None if pair is None else {side: plain(shown_text(getattr(pair, side), answers=True)) for side in "ab"}
    for judgment in judgments:
        match judgment.result:
            case Failed():
                doubts.add(Doubt.FAILED)
            case Judged(verdicts=verdicts):
                doubts.update(_contradictions(judgment, verdicts, traces, criteria))
    return frozenset(doubts | set(_disagreements(judgments)))


def queue(
    items: Sequence[str], doubts: Mapping[str, frozenset[Doubt]], *, seed: int, every: int = RANDOM_EVERY
) -> list[Place]:
    """Order all items by their points of doubt, with an item drawn at random at every fourth place.

    The random ones are a simple random sample of all items, however doubtful, and stand in random order: a reader who
    stops early has still labelled a random sample at those places.

    Args:
        items: all that may be looked at.
        doubts: of the items that have any.
        seed: decides the draw, and the order of equally doubtful items.
        every: distance between two random places.
    """
    drawn = draw(items, len(items) // every, seed=f"{seed} random part") if len(items) >= every else []
    taken = {one.item for one in drawn}
    rest = shuffled((item for item in items if item not in taken), seed=seed)
    rest.sort(key=lambda item: -points(doubts.get(item, ())))
    order: list[tuple[str, Drawn | None]] = []
    random_ones = ((one.item, one) for one in drawn)
    for item in rest:
        order.append((item, None))
        if len(order) % every == every - 1:
            order += islice(random_ones, 1)
    return [Place(item, doubts.get(item, frozenset()), one) for item, one in chain(order, random_ones)]


def points(doubts: Iterable[Doubt]) -> int:
    """Return how doubtful an item is: the sum of its doubts' points."""
    return sum(POINTS[doubt] for doubt in doubts)


def _disagreements(judgments: Sequence[Judgment]) -> Iterator[Doubt]:
    """Compare the winners on each criterion between orders of a sample, and between judges."""
    in_sample: dict[tuple[str, int, str], set[Winner]] = defaultdict(set)
    by_judge: dict[str, dict[str, set[Winner]]] = defaultdict(lambda: defaultdict(set))
    for judgment in judgments:
        if isinstance(judgment.result, Judged):
            for criterion, verdict in judgment.result.verdicts.items():
                said = winner(verdict, judgment.order)
                if said is not Winner.CANNOT_JUDGE:
                    in_sample[judgment.judge, judgment.sample, criterion].add(said)
                    by_judge[criterion][judgment.judge].add(said)
    if any(len(winners) > 1 for winners in in_sample.values()):
        yield Doubt.SPLIT
    for judges in by_judge.values():
        for_a = {judge for judge, winners in judges.items() if Winner.A in winners}
        for_b = {judge for judge, winners in judges.items() if Winner.B in winners}
        if for_a and for_b and len(for_a | for_b) > 1:
            yield Doubt.JUDGES_DISAGREE


def _contradictions(
    judgment: Judgment, verdicts: Mapping[str, Verdict], traces: Mapping[str, str] | None, criteria: Sequence[str]
) -> Iterator[Doubt]:
    """Compare verdicts with the evidence given for them."""
    for criterion, quoted in slot_quotations(judgment, criteria).items():
        has = tuple(bool(text.strip()) for text in quoted)
        slots = {Verdict.FIRST: (False, True), Verdict.SECOND: (True, False)}
        if slots.get(verdicts[criterion]) == has:
            yield Doubt.NO_EVIDENCE
        if traces and not all(
            is_quoted(text, traces[side]) for text, side in zip(quoted, sides_of(judgment.order), strict=True)
        ):
            yield Doubt.NOT_QUOTED


def is_quoted(evidence: str, plain_trace: str) -> bool:
    """Tell whether every part of a quotation stands in a trace.

    Compared are letters and digits alone (NFKC, case folded), so that spaces, punctuation and case do not count. A
    quotation is taken apart at "...", brackets, quotation marks and semicolons; parts of fewer than 12 letters and
    digits are passed over.

    Args:
        evidence: as the judge gave it.
        plain_trace: as `plain` returns it.
    """
    parts = (plain(part) for part in _PARTS.split(evidence))
    return all(part in plain_trace for part in parts if len(part) >= QUOTE_CHARS)


def plain(text: str) -> str:
    """Return the letters and digits of a text alone, folded: what `is_quoted` compares."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
