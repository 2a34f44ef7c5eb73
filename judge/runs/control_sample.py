"""Draw the pairs of a control from those of a run, and change them."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from judge.enums import Show
from judge.errors import InputError
from judge.files.sampling import shuffled
from judge.outcomes.item_features import image_clusters
from judge.prompting.pairwise_prompt import is_identical, shown_text
from judge.runs.control_kinds import Control, ControlKind
from judge.schema import Image, Pair, Trace

if TYPE_CHECKING:
    Images = tuple[Image, ...]

_SENTENCE_END = re.compile(r"(?<=[a-z]{3}[.!?])[ \t]+(?=[A-Z])")
"""after a word of three letters: `Dr.` and `e.g.` end no sentence"""
_BULLET = re.compile(r"^(?P<indent>[ \t]*)(?P<marker>[-*])(?=[ \t]+\S)", re.MULTILINE)
_NUMBER = re.compile(r"^(?P<number>[ \t]*[0-9]{1,3})(?P<marker>[.)])(?=[ \t]+\S)", re.MULTILINE)
_OTHER = {"-": "*", "*": "-", ".": ")", ")": "."}
_SPACES = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_BREAKS = re.compile(r"\n(?:[ \t]*\n)*")


def paraphrase(text: str) -> str:
    """Return a text with the same words in the same order, that is never the same text.

    Sentences go on a line of their own; single line breaks become blank lines, and blank lines single breaks; `-` and
    `*` before list entries are exchanged, as are `1.` and `1)`; runs of spaces become one. Where all that changes
    nothing, a line break follows the text.
    """
    marked = _BULLET.sub(lambda found: found["indent"] + _OTHER[found["marker"]], text)
    marked = _NUMBER.sub(lambda found: found["number"] + _OTHER[found["marker"]], marked)
    spaced = _BREAKS.sub(lambda found: "\n" if found[0].count("\n") > 1 else "\n\n", _SPACES.sub(" ", marked))
    broken = _SENTENCE_END.sub("\n", spaced)
    return broken if broken != text else f"{text}\n"


class ControlSource(NamedTuple):
    """The run that a control is drawn from."""

    pairs: Callable[[], Iterable[Pair]]
    """reads them, one in memory at a time; called twice"""
    seed: int
    answers: bool
    """whether the judge is shown the final answers"""
    show: Show = Show.BOTH
    """which parts of the traces it is shown"""
    judged: Container[str] | None = None
    """items that can be drawn; None: all that a judge is asked about"""


class Candidate(NamedTuple):
    """An item that can be drawn."""

    item: str
    images: Images


def control_pairs(control: Control, source: ControlSource) -> Iterator[Pair]:
    """Draw a control's pairs and yield them changed, in the order of the run.

    Every kind draws by the same order of the items, so that of two kinds the smaller sample of the items that both can
    draw is part of the greater.

    Raises:
        InputError: no item can be drawn.
    """
    kind = control.kind
    chosen = choose(candidates(kind, source), control.n, seed=source.seed)
    images = exchange_images(chosen, seed=source.seed) if kind is ControlKind.WRONG_IMAGE else {}
    drawn = set(images) if kind is ControlKind.WRONG_IMAGE else {candidate.item for candidate in chosen}
    if not drawn:
        images_wanted = "no two items have different images that a judge is shown"
        problem = images_wanted if kind.needs_images else "no item has two traces that a judge is asked about"
        raise InputError(f"control {kind}", problem, "leave this control out")
    exact = {candidate.item for candidate in chosen[::2]}

    def change(pair: Pair) -> Pair:
        match kind:
            case ControlKind.NO_IMAGE:
                hidden = (*pair.item.missing_images, *(image.named for image in pair.item.images))
                return replace(pair, item=replace(pair.item, images=(), missing_images=hidden))
            case ControlKind.WRONG_IMAGE:
                return replace(pair, item=replace(pair.item, images=images[pair.item.id]))
            case ControlKind.IDENTICAL:
                return against_itself(pair, answers=source.answers, show=source.show, exact=pair.item.id in exact)
            case ControlKind.HIDE_ANSWERS | ControlKind.REPEAT:
                return pair

    return (change(pair) for pair in source.pairs() if pair.item.id in drawn)


def candidates(kind: ControlKind, source: ControlSource) -> list[Candidate]:
    """Return the items that a control can draw from: those that a judge is asked about, with images where needed."""
    return [
        Candidate(pair.item.id, pair.item.images)
        for pair in source.pairs()
        if not is_identical(pair, answers=source.answers, show=source.show)
        and (source.judged is None or pair.item.id in source.judged)
        and (pair.item.images or not kind.needs_images)
    ]


def choose(drawn_from: Sequence[Candidate], n: int, *, seed: int) -> list[Candidate]:
    """Return so many candidates, or all of them where there are no more, in the order in which they are drawn."""
    by_item = {candidate.item: candidate for candidate in drawn_from}
    return [by_item[item] for item in shuffled(by_item, seed=f"{seed} control")[:n]]


def against_itself(pair: Pair, *, answers: bool, show: Show = Show.BOTH, exact: bool) -> Pair:
    """Put a's trace, as a judge is shown it, against itself or a paraphrase of it.

    The final answer becomes part of the text, or stays hidden, so that the two traces say the same words.
    """
    text = shown_text(pair.a, answers=answers, show=show)
    return Pair(
        item=pair.item,
        a=Trace(text=text, model=pair.a.model),
        b=Trace(text=text if exact else paraphrase(text), model=pair.b.model),
    )


def exchange_images(chosen: Sequence[Candidate], *, seed: int) -> dict[str, Images]:
    """Give each item the images of another one: as many, and not those of an item that it is linked to by shared ones.

    Items are left out where too few others have as many images.

    Returns:
        The images by item; each candidate's are given once at most.
    """
    linked = image_clusters([[image.sha256 for image in one.images] for one in chosen])
    names = linked or [None] * len(chosen)
    by_count: dict[int, dict[str, list[Candidate]]] = {}
    for one, name in zip(chosen, names, strict=True):
        by_count.setdefault(len(one.images), {}).setdefault(name or one.item, []).append(one)
    return {item: images for _, clusters in sorted(by_count.items()) for item, images in _rotate(clusters, seed=seed)}


def _rotate(clusters: Mapping[str, list[Candidate]], *, seed: int) -> Iterator[tuple[str, Images]]:
    """Yield each item with images of another cluster, cutting one that has more items than all others together.

    With the clusters one after the other, a step as long as the longest leads out of every one of them.
    """
    n_items, longest = (measure(map(len, clusters.values())) for measure in (sum, max))
    most = min(longest, n_items - longest)
    names = shuffled(clusters, seed=f"{seed} images")
    row = [one for name in names for one in clusters[name][:most]]
    for place, one in enumerate(row):
        yield one.item, row[(place + most) % len(row)].images
