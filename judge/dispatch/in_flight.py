"""The record of what is in flight: which calls may have been paid without a judgment when a run is killed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from judge.errors import RunError
from judge.files.files import as_its_folder
from judge.files.limits import limits, read_whole, refuse_irregular

KEY_BYTES: Final = 16
NO_KEY: Final = bytes(KEY_BYTES)
"""stands in the files of earlier versions where a request had settled"""


class InFlight(AbstractContextManager["InFlight"]):
    """Appends the key of each request before it is sent, and once more when it settles without a verdict.

    A key is with the operating system before its request is sent, so that after `kill -9` the file names every call
    that may have been paid in vain, beside those that have verdicts. The file is removed when nothing is in flight.

    Args:
        path: `in_flight` in a run folder; what an earlier run left there is forgotten (`read_in_flight` first).

    Raises:
        RunError: it cannot be written; the request was not sent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: set[bytes] = set()
        self._size = 0
        if path.exists():
            refuse_irregular(path)
        try:
            self._descriptor = as_its_folder(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        except OSError as error:
            raise self._error(error) from error

    def sent(self, key: bytes) -> None:
        """Note a request that is about to be sent."""
        if key not in self._keys:
            self._append(key)
            self._keys.add(key)

    def settled(self, key: bytes, *, judged: bool = False) -> None:
        """Forget a request whose judgment is recorded, or that was never sent.

        Args:
            key: of the request.
            judged: it has a verdict, by which whoever reads the file knows it for settled.
        """
        if key in self._keys:
            if not judged:
                self._append(key)
            self._keys.remove(key)

    def _append(self, key: bytes) -> None:
        try:
            # At a place of its own: what a full disk cut short is written over, and moves no later key.
            os.pwrite(self._descriptor, key, self._size)
        except OSError as error:
            raise self._error(error) from error
        self._size += KEY_BYTES

    def _error(self, error: OSError) -> RunError:
        return RunError(f"{self.path}: cannot be written: {error.strerror}; free space, then resume")

    def __exit__(self, *_: object) -> None:
        """Close the file, and remove it if every request in it has settled."""
        os.close(self._descriptor)
        if not self._keys:
            self.path.unlink(missing_ok=True)


def read_in_flight(path: Path, judged: AbstractSet[bytes]) -> frozenset[bytes]:
    """Return the keys that an earlier run left in flight and that have no verdict.

    Args:
        path: `in_flight` in a run folder; it may be absent, and end in a key that a kill cut short.
        judged: keys that have verdicts.
    """
    content = read_whole(path, most=limits().document_bytes) if path.exists() else b""
    whole = len(content) - len(content) % KEY_BYTES
    noted = Counter(content[at : at + KEY_BYTES] for at in range(0, whole, KEY_BYTES))
    return frozenset(key for key, times in noted.items() if times % 2) - judged - {NO_KEY}


def write_in_flight(path: Path, keys: Iterable[bytes]) -> None:
    """Write keys as a killed run would have left them, where there are any."""
    if content := b"".join(sorted(keys)):
        with open(path, "wb", opener=as_its_folder) as file:
            file.write(content)
