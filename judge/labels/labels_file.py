"""`labels.jsonl` of a run folder: what people said, appended and never changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import ValidationError

from judge.errors import RunError
from judge.schema import Label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LABELS = "labels.jsonl"
BLOCK = 1 << 16


def labels_path(run: Path) -> Path:
    """Return where a run folder keeps its labels."""
    return run / LABELS


def read_labels(path: Path) -> Iterator[Label]:
    """Yield the labels in the order in which they were given; a torn last line is left out.

    Raises:
        RunError: a line is damaged; names the file and the line.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield Label.model_validate_json(line)
            except ValidationError as error:
                if not line.endswith(b"\n"):
                    return
                raise RunError(f"{path}:{number}: damaged line: {error.errors()[0]['msg']}") from error


def append_labels(path: Path, labels: Sequence[Label]) -> None:
    """Append labels in one write, all of them or none, on the disk when this returns.

    Several processes may append to one file. A torn last line, of a process that was killed as it wrote, is cut off.

    Raises:
        RunError: the file cannot be written, with what it held before.
    """
    from filelock import FileLock  # noqa: PLC0415 - 0.1 s that readers need not pay

    lines = b"".join(label.model_dump_json(exclude_none=True).encode() + b"\n" for label in labels)
    try:
        with FileLock(path.with_suffix(".lock")):
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                _append(descriptor, lines, path)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from error


def _append(descriptor: int, lines: bytes, path: Path) -> None:
    before = os.fstat(descriptor).st_size
    whole = _whole_size(descriptor, before)
    if _is_label(os.pread(descriptor, before - whole, whole)):
        lines = b"\n" + lines
    else:
        os.ftruncate(descriptor, whole)
        before = whole
    if os.write(descriptor, lines) < len(lines):
        os.ftruncate(descriptor, before)
        raise RunError(f"{path}: disk full; nothing was stored")
    os.fsync(descriptor)


def _whole_size(descriptor: int, size: int) -> int:
    """Return how many bytes there are up to the last newline, and with it."""
    end = size
    while end:
        start = max(0, end - BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _is_label(tail: bytes) -> bool:
    """Tell whether a last line lacks nothing but its newline."""
    try:
        Label.model_validate_json(tail)
    except ValidationError:
        return False
    return True
