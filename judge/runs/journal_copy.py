"""A copy of a journal that no other program can reach, from which it is written anew where one meddles with it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO

from judge.errors import RunError
from judge.files.files import as_its_folder, flush, flush_folder
from judge.files.sealed_lines import sealed_lines

BLOCK = 1 << 20
SHARE = 100
"""a journal whose time another program changed is read again for at most one part in so many of the time"""


def rescued_journals(path: Path) -> list[Path]:
    """Return the files beside a journal into which it was rescued, and which hold lines that it lacks."""
    rescued = sorted(path.parent.glob(f"{path.stem}.rescued-*.jsonl"))
    held = {hash(line.content) for line in sealed_lines(path, appended=True)} if rescued else set()
    return [
        file for file in rescued if any(hash(line.content) not in held for line in sealed_lines(file, appended=True))
    ]


def refuse_rescued(path: Path) -> None:
    """Refuse a journal beside which there are judgments that were rescued from it: they would be paid for again."""
    for file in rescued_journals(path):
        raise RunError(
            f"{file}: holds judgments that were rescued when another program changed {path.name}, and that it lacks: "
            "put that file in its place, or delete it if they are not wanted"
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class JournalCopy:
    """Everything that a journal holds, in a file without a name that ends with the process.

    Args:
        path: the journal, which exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._copy: IO[bytes] | None = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by `close`
        with path.open("rb") as file:
            shutil.copyfileobj(file, self._copy, BLOCK)
            status = os.fstat(file.fileno())
        self._place, self._time, self.size = (status.st_dev, status.st_ino), status.st_mtime_ns, status.st_size
        self._next_look = 0.0
        self.rescued: Path | None = None
        """where the journal goes on, once another program has changed it"""
        self.rescued_whole = False
        """whether that file holds what the journal held before, too: there may have been no room for a copy"""

    def append(self, line: bytes, descriptor: int) -> None:
        """Take a line that was just written to the journal; without room for it, there is no copy any more."""
        self.size += len(line)
        self.seen(descriptor)
        if self._copy is not None:
            try:
                self._copy.write(line)
            except OSError:
                self.close()

    def seen(self, descriptor: int) -> None:
        """Note when the journal was changed last: by this program, just now."""
        self._time = os.fstat(descriptor).st_mtime_ns

    def change(self) -> str:
        """Say in a word what another program did to the journal; empty where it did nothing."""
        try:
            status = self.path.stat()
        except OSError:
            return "removed"
        if (status.st_dev, status.st_ino) != self._place:
            return "replaced"
        if status.st_size != self.size:
            return "shortened" if status.st_size < self.size else "written to"
        if status.st_mtime_ns == self._time or self._copy is None or time.monotonic() < self._next_look:
            return ""
        self._time = status.st_mtime_ns  # a network file system changes it by itself
        try:
            return "" if self._is_same(self._copy) else "edited"
        except OSError:  # the disk is full: what is still to be written of the copy cannot be
            self.close()
            return ""

    def _is_same(self, copy: IO[bytes]) -> bool:
        """Tell whether the journal holds what its copy holds."""
        started = time.monotonic()
        copy.seek(0)
        with self.path.open("rb") as file:
            same = all(block == file.read(BLOCK) for block in iter(lambda: copy.read(BLOCK), b""))
        copy.seek(0, os.SEEK_END)
        ended = time.monotonic()
        self._next_look = ended + SHARE * (ended - started)
        return same

    def rescue(self, line: bytes = b"") -> Path:
        """Write all that the journal held, and a further line, to a file beside it, on the disk; return that file.

        Raises:
            RunError: it can be written nowhere.
        """
        try:
            if self.rescued is None:
                self.rescued = self._written_anew()
            with self.rescued.open("ab") as file:
                file.write(line)
                file.flush()
                flush(file.fileno())
        except OSError as error:
            raise RunError(f"{self.path}: changed by another program, and cannot be rescued: {error}") from error
        return self.rescued

    def _written_anew(self) -> Path:
        """Write the copy beside the journal; where its folder is gone, beside that, or with temporary files."""
        folder = self.path.absolute().parent
        folders = (folder, folder.parent, Path(tempfile.gettempdir()))
        beside = next(there for there in folders if there.is_dir())
        names = (beside / f"{self.path.stem}.rescued-{number}.jsonl" for number in count(1))
        target = next(path for path in names if not path.exists())
        with open(target, "xb", opener=as_its_folder if beside == folder else _private) as file:
            if self._copy is not None:
                self._copy.seek(0)
                shutil.copyfileobj(self._copy, file, BLOCK)
                self.rescued_whole = True
        flush_folder(beside)
        return target

    def close(self) -> bool:
        """Forget the copy, which leaves room on the disk; return whether there was one."""
        copy, self._copy = self._copy, None
        if copy is not None:
            with suppress(OSError):  # of what could not be written
                copy.close()
        return copy is not None
