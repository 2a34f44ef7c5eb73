"""Labels of pairs: `labels.jsonl` of a run folder, the labels that count, and the order that readers are shown."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from judge.errors import RunError
from judge.files.files import as_its_folder, rights_in
from judge.files.limits import refuse_irregular
from judge.files.sealed_lines import mend_tail, sealed_records
from judge.files.sealing import seal_lines
from judge.prompting.pairwise_prompt import shown_text
from judge.schema import Label, Order, Verdict, Winner

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.schema import Pair


def labels_path(run: Path) -> Path:
    """Return where a run folder keeps its labels."""
    return run / "labels.jsonl"


def read_labels(path: Path) -> Iterator[Label]:
    """Yield the labels in the order in which they were given; a torn last line is left out.

    Raises:
        RunError: the file cannot be read, or a line is damaged; names the file and the line.
    """
    return sealed_records(path, Label.model_validate_json, appended=True)


def append_labels(path: Path, labels: Sequence[Label]) -> None:
    """Append labels in one write, all of them or none, on the disk when this returns.

    Several processes may append to one file. A torn last line, of a process that was killed as it wrote, is cut off.

    Raises:
        RunError: the file cannot be written, with what it held before.
    """
    from filelock import FileLock  # noqa: PLC0415 - 0.1 s that readers need not pay

    contents = (label.model_dump_json(exclude_none=True).encode() for label in labels)
    if path.exists():
        refuse_irregular(path)
    try:
        with FileLock(path.with_suffix(".lock"), mode=rights_in(path.parent)), _open_to_append(path) as file:
            tail = mend_tail(path)
            end = file.seek(0, os.SEEK_END)
            lines = b"".join(seal_lines(contents, tail.seal))
            if file.write(lines) < len(lines):
                file.truncate(end)
                raise RunError(f"{path}: disk full; nothing was stored")
            os.fsync(file.fileno())
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from error


def _open_to_append(path: Path) -> io.FileIO:
    return open(path, "a+b", buffering=0, opener=as_its_folder)


def subject_of_label(label: Label) -> tuple[str, str, str]:
    """Return reader, item and criterion of a label: of several that share them, one counts."""
    return label.reader, label.item, label.criterion


def latest_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Keep, of several labels by one reader on one item and criterion, the latest; of equal times the last given."""
    latest: dict[tuple[str, str, str], Label] = {}
    for label in labels:
        known = latest.get(subject_of_label(label))
        if known is None or label.time >= known.time:
            latest[subject_of_label(label)] = label
    return tuple(latest.values())


def labels_fingerprint(labels: Iterable[Label], run: str) -> str:
    """Return the SHA-256, in hex, of a run's fingerprint and of every label that counts, in whatever order they came.

    Hashed are the run's fingerprint and, sorted, each label as JSON, a line each.
    """
    lines = sorted(label.model_dump_json(exclude_none=True) for label in latest_labels(labels))
    return hashlib.sha256("\n".join([run, *lines]).encode()).hexdigest()


def first_shown(item: str, *, reader: str, seed: int | str) -> Order:
    """Return the order in which a reader is shown an item: half of them each way, as a hash decides."""
    digest = hashlib.sha256(f"{seed}\x1f{reader}\x1f{item}".encode()).digest()
    return Order.FORWARD if digest[0] % 2 else Order.SWAPPED


def shown_texts(pair: Pair, order: Order, manifest: Manifest) -> list[str]:
    """Return a pair's two traces in an order, with their final answers if the judge was shown them."""
    texts = [shown_text(trace, answers=not manifest.hide_answers, show=manifest.show) for trace in (pair.a, pair.b)]
    return texts if order is Order.FORWARD else texts[::-1]


def shown_as(winner: Winner, order: Order) -> Verdict:
    """Return a winner in slot words: the inverse of `judge.outcomes.tally.winner`."""
    if winner is Winner.TIE:
        return Verdict.TIE
    if winner is Winner.CANNOT_JUDGE:
        return Verdict.CANNOT_JUDGE
    return Verdict.FIRST if (winner is Winner.A) == (order is Order.FORWARD) else Verdict.SECOND
