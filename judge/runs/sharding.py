"""Cut the items of a comparison into shards that several processes judge."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field

from judge.errors import InputError
from judge.schema import Frozen

_FORM = re.compile(r"(?P<number>[0-9]{1,6})/(?P<of>[0-9]{1,6})")


class Shard(Frozen):
    """The `number`-th of `of` shards, counted from 1: a hash of an item's id decides in which it is."""

    number: Annotated[int, Field(ge=1)]
    """from 1"""
    of: Annotated[int, Field(ge=1)]
    """how many shards there are"""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `i/n`; InputError where that is not one of n shards."""
        match = _FORM.fullmatch(text)
        if match is None or not 1 <= int(match["number"]) <= int(match["of"]):
            raise InputError("--shard", f"{text!r} is not one of n shards", "give i/n with i from 1 to n, e.g. 2/4")
        return cls(number=int(match["number"]), of=int(match["of"]))

    def choose(self, items: Iterable[str]) -> frozenset[str]:
        """Choose this shard's items: each is in exactly one shard, whatever their order, and sizes differ by one.

        Raises:
            InputError: there are more shards than items.
        """
        ranked = sorted(items, key=lambda item: hashlib.sha256(f"shard:{item}".encode()).digest())
        if len(ranked) < self.of:
            raise InputError(f"--shard {self}", f"there are only {len(ranked)} items", "use fewer shards")
        return frozenset(ranked[self.number - 1 :: self.of])

    @property
    def label(self) -> str:
        """Its part of the name of a run."""
        return f"shard-{self.number}-of-{self.of}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"
