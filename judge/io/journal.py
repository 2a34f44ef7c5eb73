"""The run folder: a manifest, the pairs, and judgments that are appended and never changed."""

from __future__ import annotations

import os
import platform
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal, Self

import orjson
from pydantic import Field, ValidationError

from judge.core.planning import Orders
from judge.core.stats.intervals import Method
from judge.errors import RunError
from judge.io.files import write_json
from judge.schema import Frozen, Judged, JudgeSpec, Judgment, Pair, Rubric

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

FORMAT_VERSION: Final = 1
SYNC_SECONDS = 0.05
"""at most this much of the journal is at risk in a power cut; a killed process loses nothing"""


class Input(Frozen):
    """A file that a run was made from."""

    role: str
    path: str
    sha256: str


class Manifest(Frozen):
    """What a run is: written once, when its pairs are complete."""

    format_version: Literal[1] = FORMAT_VERSION
    created: str
    command: tuple[str, ...]
    versions: dict[str, str]
    inputs: tuple[Input, ...] = ()
    identity: dict[str, str]
    """everything that decides the judgments, by name: a run goes on only with the same"""
    model_a: str
    model_b: str
    judges: tuple[JudgeSpec, ...] = ()
    imported_judges: tuple[str, ...] = ()
    """names of judges whose judgments were made elsewhere"""
    prompt: str | None
    """the prompt file's text; None: the judgments were made elsewhere"""
    rubric: Rubric
    schema_sha256: str | None
    orders: Orders
    samples: int
    seed: int
    interval: Method = Method.JEFFREYS
    show_reference: bool = True
    hide_answers: bool = False
    n_items: int
    identical: tuple[str, ...] = ()
    """items whose two traces are the same bytes: ties that need no call"""
    swapped: tuple[str, ...] = ()
    """with one order: the half of the judged items that is shown swapped"""
    left_out: dict[str, int] = Field(default_factory=dict)
    """items that are not compared, by reason: only_a, only_b, no_item, no_image"""
    n_images: int = 0
    images_sha256: str | None = None
    """hash over the hashes of all images, in the order of the pairs"""
    pairs_sha256: str | None = None


class RunFolder:
    """Where a run's files lie."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_path = path / "manifest.json"
        self.pairs_path = path / "pairs.jsonl"
        self.judgments_path = path / "judgments.jsonl"
        self.report_path = path / "report.json"
        self._owner_path = path / "owner.json"

    @property
    def name(self) -> str:
        """The run's name is its folder's."""
        return self.path.name

    def manifest(self) -> Manifest:
        """Read the manifest; RunError where there is none or it is not one."""
        try:
            return Manifest.model_validate_json(self.manifest_path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"{self.path}: no run here (manifest.json is missing); `ls {self.path.parent}`") from None
        except ValidationError as error:
            raise RunError(
                f"{self.manifest_path}: not a manifest of this version: {error.errors()[0]['msg']}"
            ) from error

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs in file order, one in memory at a time."""
        if not self.pairs_path.exists():
            raise RunError(f"{self.pairs_path}: missing; this run can be reported, not resumed")
        with self.pairs_path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield Pair.model_validate_json(line)
                except ValidationError as error:
                    raise _damaged(self.pairs_path, number, error) from error

    def judgments(self) -> Iterator[Judgment]:
        """Yield the judgments in the order of their arrival; a torn last line is left out."""
        for number, line in self.judgment_lines():
            judgment = self.read_judgment(number, line)
            if judgment is None:
                return
            yield judgment

    def judgment_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of the journal with their numbers; none where there is no journal."""
        if self.judgments_path.exists():
            with self.judgments_path.open("rb") as file:
                yield from enumerate(file, start=1)

    def read_judgment(self, number: int, line: bytes) -> Judgment | None:
        """Read a line of the journal strictly; None where it is a torn last line, RunError where it is damaged."""
        try:
            return Judgment.model_validate_json(line)
        except ValidationError as error:
            if not line.endswith(b"\n"):
                return None
            raise _damaged(self.judgments_path, number, error) from error

    def judged_keys(self) -> set[bytes]:
        """Return the keys that have verdicts, as bytes: what need not be asked again."""
        return {bytes.fromhex(judgment.key) for judgment in self.judgments() if isinstance(judgment.result, Judged)}

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest."""
        write_json(self.manifest_path, manifest.model_dump(mode="json", by_alias=True))

    @contextmanager
    def created(self) -> Iterator[RunFolder]:
        """Yield a hidden folder to fill, which becomes this one when it is complete, and vanishes on an error.

        Raises:
            RunError: something is there already.
        """
        if self.path.exists():
            raise RunError(f"{self.path}: exists already; give another --name, or remove it")
        hidden = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            hidden.mkdir(parents=True)
            yield RunFolder(hidden)
            hidden.rename(self.path)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}") from error
        finally:
            shutil.rmtree(hidden, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone; RunError names who else holds it.

        The lock is the operating system's and ends with the process, however it ends.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 - 0.1 s that `report` need not pay

        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
            write_json(self._owner_path, {"pid": os.getpid(), "host": platform.node()})
        except Timeout:
            raise RunError(f"{self.path}: in use by {self._owner()}; wait for it, or stop it") from None
        except OSError as error:
            raise RunError(f"{self.path}: cannot be locked: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()

    def _owner(self) -> str:
        """Name the process that holds the folder, or held it last."""
        try:
            owner = orjson.loads(self._owner_path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return "another process"
        return f"process {owner['pid']} on {owner['host']}"


def _damaged(path: Path, number: int, error: ValidationError) -> RunError:
    return RunError(f"{path}:{number}: damaged line: {error.errors()[0]['msg']}")


class Journal:
    """Appends judgments: each is with the operating system before `append` returns, and on the disk soon after.

    Args:
        path: `judgments.jsonl`, created if absent. A last line without its newline is completed if it is a whole
            judgment, and cut off if it is torn.
        sync_seconds: pause between two flushes to the disk.
    """

    def __init__(self, path: Path, *, sync_seconds: float = SYNC_SECONDS) -> None:
        self.path = path
        self.torn = _mend_tail(path)
        """whether a torn last line was cut off"""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._dirty, self._closing = threading.Event(), threading.Event()
        self._problem: OSError | None = None
        self._sync_seconds = sync_seconds
        self._thread = threading.Thread(target=self._sync, name="journal-sync", daemon=True)
        self._thread.start()

    def append(self, judgment: Judgment) -> None:
        """Write one judgment as one line; RunError if the disk is full, with the file as it was before."""
        if self._problem is not None:
            raise self._error(self._problem) from self._problem
        line = judgment.model_dump_json(exclude_none=True).encode() + b"\n"
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise self._error(error) from error
        if written < len(line):
            os.ftruncate(self._descriptor, before)
            raise RunError(f"{self.path}: disk full; free space, then resume")
        self._dirty.set()

    def _sync(self) -> None:
        while not self._closing.wait(self._sync_seconds):
            if self._dirty.is_set():
                self._dirty.clear()
                self._flush()

    def _flush(self) -> None:
        """Flush to the disk; a disk that fails is told of by the next `append`, or by `close`."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._problem = error

    def _error(self, error: OSError) -> RunError:
        return RunError(f"{self.path}: cannot be written: {error.strerror}; free space, then resume")

    def close(self) -> None:
        """Flush to the disk and close; RunError if the disk does not take it."""
        self._closing.set()
        self._thread.join()
        self._flush()
        os.close(self._descriptor)
        if self._problem is not None:
            raise self._error(self._problem) from self._problem

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _mend_tail(path: Path) -> bool:
    """Complete or cut off a last line that lacks its newline; return whether something was cut."""
    if not path.exists():
        return False
    with path.open("r+b") as file:
        tail = _last_line(file)
        if not tail:
            return False
        try:
            Judgment.model_validate_json(tail)
        except ValidationError:
            file.seek(-len(tail), os.SEEK_END)
            file.truncate()
            return True
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
        return False


def _last_line(file: IO[bytes]) -> bytes:
    """Return what follows the last newline."""
    size = file.seek(0, os.SEEK_END)
    tail, block = b"", 1 << 16
    while size and b"\n" not in tail:
        start = max(0, size - block)
        file.seek(start)
        tail = file.read(size - start) + tail
        size = start
    return tail.rpartition(b"\n")[2]
