"""The journal of a run: judgments that are appended and never changed."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec.json import encode

from judge.errors import RunError
from judge.files.files import as_its_folder, flush, flush_folder
from judge.files.sealed_lines import mend_tail
from judge.files.sealing import seal
from judge.runs.journal_copy import JournalCopy
from judge.schema import Judgment

SYNC_SECONDS = 0.05
"""pause between two flushes; at most twice this is at risk in a power cut, and a killed process loses nothing"""


class Journal(AbstractContextManager["Journal"]):
    """Appends judgments: each is with the operating system before `append` returns, and on the disk soon after.

    Args:
        path: `judgments.jsonl`, created if absent. A last line without its newline is completed if it is a whole
            judgment, and cut off if it is torn.
        sync_seconds: pause between two flushes to the disk; 0: each append flushes before it returns.

    Where another program removes, replaces or changes the file meanwhile, `append` and `close` raise RunError once, and
    all that it held goes on in a file beside it.
    """

    def __init__(self, path: Path, *, sync_seconds: float = SYNC_SECONDS) -> None:
        self.path = path
        try:
            self._seal, self.torn = mend_tail(path)
            """the seal of the last line; whether a torn one was cut off"""
            self._descriptor = as_its_folder(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._copy = JournalCopy(path)
            flush_folder(path.parent)
        except OSError as error:
            raise self._error(error) from error
        self._dirty, self._closing = threading.Event(), threading.Event()
        self._problem: OSError | None = None
        self._sync_seconds = sync_seconds
        self._thread = threading.Thread(target=self._sync, name="journal-sync", daemon=True)
        if sync_seconds:
            self._thread.start()

    def size(self) -> int:
        """Return how many bytes have been written to it, in earlier sessions too."""
        return self._copy.size

    def append(self, judgment: Judgment) -> None:
        """Write one judgment as one line.

        Raises:
            RunError: the disk is full, and the file is as it was before; or another program has changed the file.
        """
        self._raise_problem()
        sealed, checksum = seal(encode(judgment), self._seal)
        line = sealed + b"\n"
        if self._copy.rescued is not None or (change := self._copy.change()):
            is_news = self._copy.rescued is None
            self._copy.rescue(line)
            self._seal = checksum
            if is_news:
                raise self._meddled(change)
            return
        try:
            self._write(line)
        except RunError:
            if not self._copy.close():  # whose room may be what is wanting
                raise
            self._write(line)
        self._seal = checksum
        self._copy.append(line, self._descriptor)
        if self._sync_seconds:
            self._dirty.set()
        else:
            self._flush()
            self._raise_problem()

    def _write(self, line: bytes) -> None:
        """Append a line; RunError if the disk is full, with the file as it was before."""
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise self._error(error) from error
        if written < len(line):
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
            self._copy.seen(self._descriptor)
            raise RunError(f"{self.path}: disk full; free space, then resume")

    def _sync(self) -> None:
        while not self._closing.wait(self._sync_seconds):
            if self._dirty.is_set():
                self._dirty.clear()
                self._flush()

    def _flush(self) -> None:
        """Flush to the disk; the next `append`, or `close`, raises an error of the disk."""
        try:
            flush(self._descriptor)
        except OSError as error:
            self._problem = error

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise self._error(self._problem) from self._problem

    def _meddled(self, change: str) -> RunError:
        """Return the error that another program changed the journal."""
        told = f"{self.path}: {change} by another program while the run went on"
        if not self._copy.rescued_whole:
            return RunError(
                f"{told}; each judgment that came since is in {self._copy.rescued}, but the disk had no room for a "
                "copy of those before: restore the journal, append that file to it, then resume"
            )
        return RunError(
            f"{told}; every judgment that it held, and each that came since, is in {self._copy.rescued}: put that file "
            "in its place, then resume"
        )

    def _error(self, error: OSError) -> RunError:
        return RunError(f"{self.path}: cannot be written: {error.strerror}; free space, then resume")

    def close(self) -> None:
        """Flush to the disk and close; RunError if the disk does not take it, or another program changed the file."""
        self._closing.set()
        if self._sync_seconds:
            self._thread.join()
        self._flush()
        os.close(self._descriptor)
        change = "" if self._copy.rescued else self._copy.change()
        if change:
            self._copy.rescue()
        self._copy.close()
        self._raise_problem()
        if change:
            raise self._meddled(change)

    def __exit__(self, *_: object) -> None:
        self.close()
