"""The record of what is in flight: which calls may have been paid without a judgment when a run is killed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self

from judge.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from pathlib import Path
    from types import TracebackType

KEY_BYTES: Final = 16
FREE: Final = bytes(KEY_BYTES)
"""what a slot holds while no request is in it"""


class InFlight:
    """Holds the key of each request that was sent and has no judgment yet, in slots of 16 bytes.

    A key is with the operating system before its request is sent, so that after `kill -9` the file names every call
    that may have been paid in vain, beside some that have verdicts. The file grows to the most requests that were in
    flight at once, and is removed when nothing is left in it.

    Args:
        path: `in_flight` in a run folder; what an earlier run left there is forgotten (`read_in_flight` first).

    Raises:
        RunError: it cannot be written; the request was not sent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._slots: dict[bytes, int] = {}
        self._free: list[int] = []
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except OSError as error:
            raise self._error(error) from error

    def sent(self, key: bytes) -> None:
        """Note a request that is about to be sent."""
        if key in self._slots:
            return
        slot = self._free[-1] if self._free else len(self._slots)
        self._write(slot, key)
        if self._free:
            self._free.pop()
        self._slots[key] = slot

    def settled(self, key: bytes, *, judged: bool = False) -> None:
        """Forget a request whose judgment is recorded, or that was never sent.

        Args:
            key: of the request.
            judged: it has a verdict, by which whoever reads the file knows it for settled: its slot is given to the
                next one as it is.
        """
        slot = self._slots.get(key)
        if slot is None:
            return
        if not judged:
            self._write(slot, FREE)
        del self._slots[key]
        self._free.append(slot)

    def _write(self, slot: int, key: bytes) -> None:
        try:
            os.pwrite(self._descriptor, key, slot * KEY_BYTES)
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> RunError:
        return RunError(f"{self.path}: cannot be written: {error.strerror}; free space, then resume")

    def close(self) -> None:
        """Close the file, and remove it if every request in it has settled."""
        os.close(self._descriptor)
        if not self._slots:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def read_in_flight(path: Path, judged: AbstractSet[bytes]) -> frozenset[bytes]:
    """Return the keys that an earlier run left in flight and that have no verdict.

    Args:
        path: `in_flight` in a run folder; it may be absent, and end in a slot that a kill cut short.
        judged: keys that have verdicts.
    """
    content = path.read_bytes() if path.exists() else b""
    whole = len(content) - len(content) % KEY_BYTES
    return frozenset(content[at : at + KEY_BYTES] for at in range(0, whole, KEY_BYTES)) - judged - {FREE}


def write_in_flight(path: Path, keys: Iterable[bytes]) -> None:
    """Write keys as a killed run would have left them, where there are any."""
    if content := b"".join(sorted(keys)):
        path.write_bytes(content)
