"""The run folder: a manifest, the pairs, and judgments that are appended and never changed."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import orjson
from pydantic import Field, ValidationError

from judge.core.planning import Orders
from judge.core.stats.intervals import Method
from judge.errors import RunError
from judge.schema import Frozen, Judged, JudgeSpec, Judgment, Pair, Rubric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

FORMAT_VERSION = 1
SYNC_SECONDS = 0.05
"""at most this much of the journal is at risk in a power cut; a killed process loses nothing"""


class Input(Frozen):
    """A file that a run was made from."""

    role: str
    path: str
    sha256: str


class Manifest(Frozen):
    """What a run is: written once, when its pairs are complete."""

    format_version: int = FORMAT_VERSION
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

    @property
    def name(self) -> str:
        """The run's name is its folder's."""
        return self.path.name

    def manifest(self) -> Manifest:
        """Read the manifest; RunError where there is none or it is not one."""
        try:
            return Manifest.model_validate_json(self.manifest_path.read_bytes())
        except FileNotFoundError:
            raise RunError(f"{self.path}: no run here (manifest.json is missing); `ls {self.path.parent}`") from None
        except ValidationError as error:
            raise RunError(
                f"{self.manifest_path}: not a manifest of this version: {error.errors()[0]['msg']}"
            ) from error

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs in file order, one in memory at a time."""
        with self.pairs_path.open("rb") as file:
            for line in file:
                yield Pair.model_validate_json(line)

    def judgments(self) -> Iterator[Judgment]:
        """Yield the judgments in the order of their arrival; a torn last line is left out."""
        if not self.judgments_path.exists():
            return
        with self.judgments_path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield Judgment.model_validate_json(line)
                except ValidationError as error:
                    if not line.endswith(b"\n"):
                        return
                    problem = error.errors()[0]["msg"]
                    raise RunError(f"{self.judgments_path}:{number}: damaged line: {problem}") from error

    def judged_keys(self) -> set[bytes]:
        """Return the keys that have verdicts, as bytes: what need not be asked again."""
        return {bytes.fromhex(judgment.key) for judgment in self.judgments() if isinstance(judgment.result, Judged)}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone; RunError names who else holds it.

        The lock is the operating system's and ends with the process, however it ends.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 - 0.1 s that `report` need not pay

        self.path.mkdir(parents=True, exist_ok=True)
        owner = self.path / "owner.json"
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = orjson.loads(owner.read_bytes()) if owner.exists() else {"pid": "unknown", "host": "unknown"}
            raise RunError(
                f"{self.path}: in use by process {holder['pid']} on {holder['host']}; wait for it, or stop it"
            ) from None
        with lock:
            owner.write_bytes(orjson.dumps({"pid": os.getpid(), "host": os.uname().nodename}))
            yield


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, finds the old one or the new one and nothing between."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write indented JSON atomically."""
    write_atomically(path, as_json_bytes(value))


def as_json_bytes(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return indented JSON with a final newline: the bytes of every JSON file here."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"


def write_lines(path: Path, records: Iterable[Frozen]) -> str:
    """Write records as JSON lines, atomically and one at a time; return the file's sha256."""
    import hashlib  # noqa: PLC0415 - only here

    digest = hashlib.sha256()
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        for record in records:
            line = record.model_dump_json().encode() + b"\n"
            digest.update(line)
            file.write(line)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return digest.hexdigest()


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
        self._sync_seconds = sync_seconds
        self._thread = threading.Thread(target=self._sync, name="journal-sync", daemon=True)
        self._thread.start()

    def append(self, judgment: Judgment) -> None:
        """Write one judgment as one line; RunError if the disk is full, with the file as it was before."""
        line = judgment.model_dump_json(exclude_none=True).encode() + b"\n"
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise RunError(f"{self.path}: cannot write: {error.strerror}; free space, then resume") from error
        if written < len(line):
            os.ftruncate(self._descriptor, before)
            raise RunError(f"{self.path}: disk full; free space, then resume")
        self._dirty.set()

    def _sync(self) -> None:
        while not self._closing.wait(self._sync_seconds):
            if self._dirty.is_set():
                self._dirty.clear()
                os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Flush to the disk and close."""
        self._closing.set()
        self._thread.join()
        os.fdatasync(self._descriptor)
        os.close(self._descriptor)

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
