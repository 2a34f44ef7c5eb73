"""Count what a manifest says of its subjects, as they pass."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from judge.core.prompting import is_identical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from judge.schema import Case, Group, Item, Pair


class ImageCensus:
    """The images of the items seen so far."""

    def __init__(self) -> None:
        self.n_images = 0
        self._digest = hashlib.sha256()

    def count(self, item: Item) -> None:
        """Take in an item's images."""
        for image in item.images:
            self.n_images += 1
            self._digest.update(bytes.fromhex(image.sha256))

    def fields(self) -> dict[str, Any]:
        """Return the manifest's fields: the number of images, and the hash over their hashes in order, if any."""
        return {"n_images": self.n_images, "images_sha256": self._digest.hexdigest() if self.n_images else None}


class Census:
    """What was seen of the pairs so far.

    Args:
        answers: whether the judge is shown the final answers.
    """

    def __init__(self, *, answers: bool) -> None:
        self.judged: list[str] = []
        """items that a judge is asked about"""
        self.identical: list[str] = []
        """items whose two traces are the same bytes"""
        self._answers, self._images = answers, ImageCensus()

    def counting(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Pass the pairs on, counting each."""
        for pair in pairs:
            same = is_identical(pair, answers=self._answers)
            (self.identical if same else self.judged).append(pair.item.id)
            self._images.count(pair.item)
            yield pair

    def fields(self) -> dict[str, Any]:
        """Return the manifest's fields that depend on the pairs."""
        n_items = len(self.judged) + len(self.identical)
        return {"n_items": n_items, "identical": tuple(self.identical), **self._images.fields()}


class CaseCensus:
    """What was seen of the cases so far."""

    def __init__(self) -> None:
        self.n_units: Counter[Group] = Counter()
        self.n_items = 0
        self.n_asked = 0
        """groups of units, of all items"""
        self._images = ImageCensus()

    def counting(self, cases: Iterable[Case]) -> Iterator[Case]:
        """Pass the cases on, counting each."""
        for case in cases:
            self.n_items += 1
            self.n_asked += len(case.item.checklist)
            for group, units in case.item.checklist.items():
                self.n_units[group] += len(units)
            self._images.count(case.item)
            yield case

    def fields(self) -> dict[str, Any]:
        """Return the manifest's fields that depend on the cases."""
        own = {"n_items": self.n_items, "n_units": dict(self.n_units), "n_asked": self.n_asked}
        return own | self._images.fields()
