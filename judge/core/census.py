"""Count what a manifest says of its pairs, as they pass."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from judge.core.prompting import is_identical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from judge.schema import Pair


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
        self.n_images = 0
        self._answers, self._images = answers, hashlib.sha256()

    def counting(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Pass the pairs on, counting each."""
        for pair in pairs:
            same = is_identical(pair, answers=self._answers)
            (self.identical if same else self.judged).append(pair.item.id)
            for image in pair.item.images:
                self.n_images += 1
                self._images.update(bytes.fromhex(image.sha256))
            yield pair

    @property
    def images_sha256(self) -> str | None:
        """The hash over all images' hashes, in the order of the pairs; None without images."""
        return self._images.hexdigest() if self.n_images else None

    @property
    def n_items(self) -> int:
        """How many pairs passed."""
        return len(self.judged) + len(self.identical)
