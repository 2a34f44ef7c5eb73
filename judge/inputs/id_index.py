"""The positions of records by their ids."""

from __future__ import annotations

import unicodedata
from collections.abc import KeysView
from typing import Self

from judge.files.fields import RecordProblem, show


class IdIndex:
    """The position of each record by its id, in the order in which they were added."""

    def __init__(self) -> None:
        self._positions: dict[str, int] = {}
        self._altered: dict[str, str] = {}

    @property
    def ids(self) -> KeysView[str]:
        """The ids in their order."""
        return self._positions.keys()

    def __len__(self) -> int:
        return len(self._positions)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._positions

    def __enter__(self) -> Self:
        return self

    def place(self, id_: str) -> str:
        """Name the place of a record for a message about another one."""
        raise NotImplementedError

    def add(self, id_: str) -> None:
        """Number an id; RecordProblem where it, or one that looks like it, is there already."""
        if id_ in self._positions:
            raise RecordProblem(f"duplicate id {show(id_)}", f"first on {self.place(id_)}")
        plain = id_.strip() if id_.isascii() else unicodedata.normalize("NFC", id_.strip())
        twin = plain if plain in self._positions else self._altered.get(plain)
        if twin is not None:
            raise RecordProblem(
                f"id {show(id_)} is easily confused with {show(twin)} on {self.place(twin)}",
                "they differ only by spaces around or by Unicode form",
            )
        self._positions[id_] = len(self._positions)
        if plain != id_:
            self._altered[plain] = id_


def id_of_sample(item: str, sample: int) -> str:
    """Name one of several traces for an item, as `convert --all-samples` does."""
    return f"{item}#{sample}"
