"""Number records by id, and refuse ids that a person could take for each other."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, KeysView

from judge.io.fields import RecordProblem, show


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

    def __getitem__(self, id_: str) -> int:
        return self._positions[id_]

    def add(self, id_: str, place: Callable[[str], str]) -> None:
        """Number an id.

        Args:
            id_: of a record.
            place: says where the record of an id stands, for a message: `line 12`. It is not kept: an index that its
                owner is bound to would hold both until the next look for garbage.

        Raises:
            RecordProblem: the id, or one that looks like it, is there already.
        """
        if id_ in self._positions:
            raise RecordProblem(f"duplicate id {show(id_)}", f"first on {place(id_)}")
        plain = id_.strip() if id_.isascii() else unicodedata.normalize("NFC", id_.strip())
        twin = plain if plain in self._positions else self._altered.get(plain)
        if twin is not None:
            raise RecordProblem(
                f"id {show(id_)} is easily confused with {show(twin)} on {place(twin)}",
                "they differ only by spaces around or by Unicode form",
            )
        self._positions[id_] = len(self._positions)
        if plain != id_:
            self._altered[plain] = id_
